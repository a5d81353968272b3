// Whether a network's activations fit into FP16, in which MyriadX, NPUs and GPUs compute.
#pragma once

#include <string>

#include "arch/weights.h"
#include "data/dataset.h"

namespace vpunas {

inline constexpr double largest_fp16 = 65504;

struct LargestActivation {
  std::string node;  // of the folded network
  double value = 0;  // absolute; infinite where float32 overflows, too
};

// Of all layers on `images`, computed in float32 by the folded network, as devices run it.
LargestActivation largest_activation(const Graph& graph, const Weights& weights,
                                     const ImageSet& images);

}  // namespace vpunas
