// Whether a network's activations fit into FP16.
#pragma once

#include "arch/weights.h"
#include "data/dataset.h"
#include "training/evaluate.h"

namespace vpunas {

// Of all layers on `images`, computed in float32 by the folded network, as devices run it.
LargestActivation largest_activation(const Graph& graph, const Weights& weights,
                                     const ImageSet& images);

}  // namespace vpunas
