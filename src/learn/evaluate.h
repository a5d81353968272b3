// Evaluation of networks.
#pragma once

#include <vector>

#include "arch/weights.h"
#include "data/dataset.h"
#include "training/evaluate.h"

namespace vpunas {

// Of the folded network (faster, and what is delivered), without_softmax(). Images keep their
// order, and are scaled to the graph's input where they are of another size.
Evaluation evaluate(const Graph& graph, const Weights& weights, const ImageSet& images,
                    int batch_size = 256);

// The graph's output row by row.
std::vector<float> logits(const Graph& graph, const Weights& weights, const ImageSet& images,
                          int batch_size = 256);

}  // namespace vpunas
