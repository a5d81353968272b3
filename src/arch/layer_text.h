// One layer, or one block, written as words: "conv k7 c64 s2 relu", "mbconv k3 e6 c24 s2 relu6".
// docs/formats.md lists them.
#pragma once

#include <string>
#include <vector>

#include "arch/graph.h"
#include "arch/words.h"

namespace vpunas {

// What holds for all layers of a network.
struct LayerRules {
  bool same = false;  // TensorFlow's SAME padding where a layer does not say its own
  double bn_eps = 1e-5;
  double width = 1;  // factor on the channels of convolutions without bias and of blocks
};

// Adds the nodes behind node `at`, named NAME.conv, NAME.norm and so on, and returns the last; -1
// for a kind that is neither in layer_kinds() nor an activation. Throws Error where words or shapes
// do not fit.
int add_layer(Words words, int at, const std::string& name, const LayerRules& rules, Graph& graph);

std::vector<std::string> layer_kinds();

}  // namespace vpunas
