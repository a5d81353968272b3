#include "arch/layer_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "arch/block.h"
#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

constexpr int max_channels = 1 << 20;
constexpr int max_extent = 64;  // of kernels, strides, paddings and dilations

// A whole number written in `part` of the word `word`.
int extent(const std::string& part, int least, const std::string& word) {
  const auto value = parse_number(part);
  if (!value || *value < least || *value > max_extent || *value != std::floor(*value))
    fail(excerpt(word), ": must be whole numbers within ", least, "..", max_extent);
  return static_cast<int>(*value);
}

// "k3", or "k1x7" for height x width; "s2"; "d2".
Window take_window(Words& words, int kernel) {
  Window window{.kh = kernel, .kw = kernel};
  if (const auto text = words.value('k')) {
    const std::vector<std::string> sides = split(*text, 'x');
    if (sides.size() > 2) fail("k", excerpt(*text), ": must be a side or HEIGHTxWIDTH");
    window.kh = extent(sides.front(), 1, "k" + *text);
    window.kw = extent(sides.back(), 1, "k" + *text);
  }
  window.stride = words.integer('s', 1, 1, max_extent);
  window.dilation = words.integer('d', 1, 1, max_extent);
  return window;
}

// "p1", or "p0,0,1,1" for top, left, bottom, right.
Padding parse_padding(const std::string& text) {
  std::array<int, 4> sides{};
  const std::vector<std::string> parts = split(text, ',');
  if (parts.size() != 1 && parts.size() != 4)
    fail("p", excerpt(text), ": must be one number, or top,left,bottom,right");
  for (size_t i = 0; i < sides.size(); ++i)
    sides[i] = extent(parts[std::min(i, parts.size() - 1)], 0, "p" + text);
  return {sides[0], sides[1], sides[2], sides[3]};
}

// One layer behind another, as its words are read.
struct Adder {
  Words& words;
  int at;
  const std::string& name;
  const TextRules& rules;
  Graph& graph;

  const Shape& shape() const { return graph.nodes[at].shape; }
  void add(const std::string& part, Layer layer) {
    words.finish();
    at = graph.add(name.empty() ? part : name + "." + part, std::move(layer), {at});
  }
  std::optional<Padding> own_padding() {
    const auto text = words.value('p');
    return text ? std::optional(parse_padding(*text)) : std::nullopt;
  }
  Padding padding(const Window& window) {
    const auto own = own_padding();
    return own ? *own : padding_of(rules.layers.padding, window, shape());
  }
  // No padding by custom, other than convolutions.
  Padding pool_padding(const Window& window) {
    if (rules.layers.padding == PaddingRule::same) return padding(window);
    return own_padding().value_or(Padding{});
  }
  int widened(int channels) const {
    return rules.width == 1 ? channels : round_to_8(rules.width * channels);
  }

  void conv(bool depthwise);
  void pool(PoolKind kind);
  void linear() {
    const int features = words.require_integer('c', 1, max_channels);
    const bool bias = !words.flag("bare");
    add("linear", Linear{.out_features = features, .bias = bias});
  }
  void lrn() {
    const int size = words.integer('k', Lrn{}.size, 1, max_extent);
    add("lrn", Lrn{.size = size});
  }
  void shuffle() {
    const int groups = words.require_integer('g', 1, max_channels);
    add("shuffle", Permute{.groups = groups});
  }
  void block();
};

void Adder::conv(bool depthwise) {
  const Window window = take_window(words, depthwise ? 3 : 1);
  Conv conv{.kh = window.kh, .kw = window.kw, .sh = window.stride, .sw = window.stride};
  conv.padding = padding(window);
  conv.dilation = window.dilation;
  conv.bias = words.flag("bias");
  const bool bare = words.flag("bare");
  if (depthwise) {
    conv.out_channels = conv.groups = shape().c;
  } else {
    const int channels = words.require_integer('c', 1, max_channels);
    const int least = words.flag("min") ? channels : 0;
    conv.groups = words.integer('g', 1, 1, max_channels);
    conv.out_channels = conv.bias ? channels : std::max(widened(channels), least);
  }
  const auto activation = words.activation();
  add("conv", conv);
  if (!conv.bias && !bare) add("norm", BatchNorm{.eps = rules.layers.bn_eps});
  if (activation && activation->act != Act::none) add(act_name(activation->act), *activation);
}

void Adder::pool(PoolKind kind) {
  const Window window = take_window(words, 2);
  Pool pool{.kind = kind,
            .kh = window.kh,
            .kw = window.kw,
            .sh = window.stride,
            .sw = window.stride,
            .padding = pool_padding(window)};
  if (words.flag("ceil")) pool.rounding = Rounding::ceil;
  if (kind == PoolKind::average) pool.count_padding = words.flag("count");
  add(kind == PoolKind::max ? "maxpool" : "avgpool", pool);
}

void Adder::block() {
  BlockSpec block = parse_block(words);
  block.out_channels = widened(block.out_channels);
  at = lower(block, name.empty() ? words.kind() : name, at, rules.layers, graph);
}

using Kind = std::pair<const char*, void (*)(Adder&)>;
constexpr std::array<Kind, 15> kinds = {{
    {"conv", [](Adder& a) { a.conv(false); }},
    {"depthwise", [](Adder& a) { a.conv(true); }},
    {"maxpool", [](Adder& a) { a.pool(PoolKind::max); }},
    {"avgpool", [](Adder& a) { a.pool(PoolKind::average); }},
    {"globalpool", [](Adder& a) { a.add("globalpool", GlobalPool{}); }},
    {"linear", [](Adder& a) { a.linear(); }},
    {"softmax", [](Adder& a) { a.add("softmax", Softmax{}); }},
    {"lrn", [](Adder& a) { a.lrn(); }},
    {"norm", [](Adder& a) { a.add("norm", BatchNorm{.eps = a.rules.layers.bn_eps}); }},
    {"scale", [](Adder& a) { a.add("scale", ScaleShift{}); }},
    {"shuffle", [](Adder& a) { a.shuffle(); }},
    {"mbconv", [](Adder& a) { a.block(); }},
    {"fused_mbconv", [](Adder& a) { a.block(); }},
    {"residual", [](Adder& a) { a.block(); }},
    {"bottleneck", [](Adder& a) { a.block(); }},
}};

}  // namespace

std::vector<std::string> layer_kinds() {
  std::vector<std::string> names;
  for (const auto& [name, add] : kinds) names.push_back(name);
  return names;
}

int add_layer(Words words, int at, const std::string& name, const TextRules& rules, Graph& graph) {
  Adder adder{words, at, name, rules, graph};
  for (const auto& [kind, add] : kinds) {
    if (words.kind() != kind) continue;
    add(adder);
    return adder.at;
  }
  const auto activation = parse_activation(words.kind());
  if (!activation) return -1;
  adder.add(act_name(activation->act), *activation);
  return adder.at;
}

}  // namespace vpunas
