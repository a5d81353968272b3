// What a network makes of images.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "arch/weights.h"
#include "data/dataset.h"

namespace vpunas {

struct Evaluation {
  int64_t images = 0;
  int64_t right = 0, right_of_five = 0;  // labels that are the first, or of the first five, guesses
  double accuracy = 0;                   // top-1, a fraction
  double loss = 0;                       // mean cross-entropy
};

// The graph whose output are logits: a softmax at the end is left out.
Graph without_softmax(Graph graph);

// Of the folded network (faster, and what is delivered), without_softmax(). Images keep their
// order, and are scaled to the graph's input where they are of another size.
Evaluation evaluate(const Graph& graph, const Weights& weights, const ImageSet& images,
                    int batch_size = 256);

// The graph's output row by row.
std::vector<float> logits(const Graph& graph, const Weights& weights, const ImageSet& images,
                          int batch_size = 256);

struct Guess {
  size_t output = 0;  // of the network
  double probability = 0;
};

// The `count` likeliest classes of one image, the likeliest first.
std::vector<Guess> likeliest(std::span<const float> logits, size_t count);

}  // namespace vpunas
