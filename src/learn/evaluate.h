// What a network makes of images.
#pragma once

#include <cstdint>
#include <vector>

#include "arch/weights.h"
#include "data/dataset.h"

namespace vpunas {

struct Evaluation {
  int64_t images = 0;
  double accuracy = 0;  // top-1, a fraction
  double loss = 0;      // mean cross-entropy
};

// Of the folded network (faster, and what is delivered). Images keep their order.
Evaluation evaluate(const Graph& graph, const Weights& weights, const ImageSet& images,
                    int batch_size = 256);

// Logits row by row.
std::vector<float> logits(const Graph& graph, const Weights& weights, const ImageSet& images,
                          int batch_size = 256);

}  // namespace vpunas
