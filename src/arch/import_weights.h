// Weights from elsewhere, under the names of torchvision or timm.
#pragma once

#include <string>
#include <vector>

#include "arch/weights.h"

namespace vpunas {

enum class Classifier {
  imported,
  left_out  // for other classes: fine-tuning begins with a new one
};

struct ImportedWeights {
  Weights weights;                    // by the graph's names
  std::vector<std::string> left_out;  // the classifier's tensors, by the graph's names
};

// What `tensors` (a state_dict) gives the graph. Tensors under the graph's own names, torchvision's
// for MobileNetV2, are taken by name. Others are ordered as their layers run, which the paths of
// torchvision (features.3.block.1.fc1, layer2.0.downsample.0) and timm (blocks.2.0.conv_pwl) tell,
// and paired with the graph's layers in that order, batch norms with batch norms and convolutions
// and linear layers with such; every shape must agree, where a linear layer and a 1x1 convolution
// are one thing. num_batches_tracked is ignored. Throws Error naming the first tensor and layer
// that do not fit each other, a name of no known convention, and a "preprocess" that is not the
// graph's.
ImportedWeights import_weights(const Graph& graph, const Tensors& tensors,
                               Classifier classifier = Classifier::imported);

}  // namespace vpunas
