// A network's weights, and the folding of affine layers into convolutions.
#pragma once

#include <string>

#include "arch/graph.h"
#include "base/safetensors.h"

namespace vpunas {

// By "NODE.PARAMETER", as "features.0.1.running_mean".
using Weights = Tensors;

// Throws Error naming the first tensor that is missing, of another shape, not finite, or unknown to
// the graph.
void check_weights(const Graph& graph, const Weights& weights);

// "[32, 3, 3, 3]".
std::string dims_text(const std::vector<int64_t>& dims);

// A graph without batch norm: every BatchNorm or ScaleShift that follows a convolution (and is its
// only consumer) is folded into it, a scale before a convolution or linear layer too, a shift
// before one only where it has no padding; a BatchNorm that cannot be folded becomes a ScaleShift.
// The function computed stays the same up to rounding.
Graph fold(const Graph& graph);

struct FoldedNetwork {
  Graph graph;
  Weights weights;
  std::vector<int64_t> output_dims = {};  // as the file has them that it was read from
};
FoldedNetwork fold(const Graph& graph, const Weights& weights);

// Random weights with the usual fan-in scaling and running statistics near 0 and 1, for measuring
// and tests; the "preprocess" node has its true values.
Weights random_weights(const Graph& graph, uint64_t seed);

// Values of the "preprocess" node: scale and, where there is a mean, -mean * scale; by channel.
Weights preprocess_weights(const Graph& graph);

}  // namespace vpunas
