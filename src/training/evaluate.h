// What a network makes of images.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "arch/graph.h"

namespace vpunas {

struct Evaluation {
  int64_t images = 0;
  int64_t right = 0, right_of_five = 0;  // labels that are the first, or of the first five, guesses
  double accuracy = 0;                   // top-1, a fraction
  double loss = 0;                       // mean cross-entropy
};

// The graph whose output are logits: a softmax at the end is left out.
Graph without_softmax(Graph graph);

struct Guess {
  size_t output = 0;  // of the network
  double probability = 0;
};

// The `count` likeliest classes of one image, the likeliest first.
std::vector<Guess> likeliest(std::span<const float> logits, size_t count);

inline constexpr double largest_fp16 = 65504;

// The greatest absolute value that a network computes on its way, for devices that compute in FP16,
// as MyriadX, NPUs and GPUs do.
struct LargestActivation {
  std::string node;  // of the folded network
  double value = 0;  // infinite where float32 overflows, too
};

}  // namespace vpunas
