#include "arch/layer_rules.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

// Before and behind, along one side.
std::pair<int, int> same_along(int size, int kernel, const Window& window) {
  const int reach = window.dilation * (kernel - 1) + 1;
  const int total = std::max((size - 1) / window.stride * window.stride + reach - size, 0);
  return {total / 2, total - total / 2};
}

}  // namespace

Padding padding_of(PaddingRule rule, const Window& window, const Shape& input) {
  if (rule == PaddingRule::same) {
    const auto [top, bottom] = same_along(input.h, window.kh, window);
    const auto [left, right] = same_along(input.w, window.kw, window);
    return {top, left, bottom, right};
  }
  const int v = window.dilation * (window.kh - 1) / 2, h = window.dilation * (window.kw - 1) / 2;
  return {v, h, v, h};
}

LayerRules layer_rules_from_json(StrictObject& object) {
  LayerRules rules;
  const std::string padding = object.text("padding", "centred");
  if (padding != "centred" && padding != "same")
    fail(object.path("padding"), ": must be centred or same, is ", excerpt(padding));
  if (padding == "same") rules.padding = PaddingRule::same;
  rules.bn_eps = object.number("bn_eps", rules.bn_eps, 1e-12, 0.1);
  return rules;
}

void write_layer_rules(const LayerRules& rules, Json& json) {
  json["bn_eps"] = rules.bn_eps;
  if (rules.padding == PaddingRule::same) json["padding"] = "same";
}

}  // namespace vpunas
