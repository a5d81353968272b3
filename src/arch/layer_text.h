// One layer, or one block, written as words: "conv k7 c64 s2 relu", "mbconv k3 e6 c24 s2 relu6".
// docs/formats.md lists them.
#pragma once

#include <string>
#include <vector>

#include "arch/graph.h"
#include "arch/layer_rules.h"
#include "arch/words.h"

namespace vpunas {

// The rules of a network written as text.
struct TextRules {
  LayerRules layers;  // padding: where a layer does not say its own
  double width = 1;   // factor on the channels of convolutions without bias and of blocks
};

// Adds the nodes behind node `at`, named NAME.conv, NAME.norm and so on, and returns the last; -1
// for a kind that is neither in layer_kinds() nor an activation. Throws Error where words or shapes
// do not fit.
int add_layer(Words words, int at, const std::string& name, const TextRules& rules, Graph& graph);

std::vector<std::string> layer_kinds();

}  // namespace vpunas
