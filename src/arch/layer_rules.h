// What holds for all convolutions and batch norms of a network.
#pragma once

#include "arch/graph.h"
#include "arch/strict_json.h"

namespace vpunas {

enum class PaddingRule {
  centred,  // half the window on every side, the custom of PyTorch's modules
  same      // TensorFlow's SAME: ceil(size / stride) positions, the odd line right and below, so
            // that a strided window's padding depends on the size of its input
};

// Weights belong to them: the same weights under other rules are another, worse network.
struct LayerRules {
  PaddingRule padding = PaddingRule::centred;
  double bn_eps = 1e-5;
  bool operator==(const LayerRules&) const = default;
};

struct Window {
  int kh = 1, kw = 1, stride = 1, dilation = 1;
};

Padding padding_of(PaddingRule rule, const Window& window, const Shape& input);

// The members "padding" (centred where absent, and then left out) and "bn_eps".
LayerRules layer_rules_from_json(StrictObject& object);
void write_layer_rules(const LayerRules& rules, Json& json);

}  // namespace vpunas
