#include "arch/block.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "arch/strict_json.h"
#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

constexpr int max_channels = 8192;  // of a block's output in JSON
constexpr int max_times = 1024;     // of a repeated block
constexpr int max_inner = 1 << 20;  // of a block's inner width, whatever the input

constexpr std::array<std::pair<BlockKind, const char*>, 6> kind_names = {
    {{BlockKind::mbconv, "mbconv"},
     {BlockKind::fused_mbconv, "fused_mbconv"},
     {BlockKind::residual, "residual"},
     {BlockKind::bottleneck, "bottleneck"},
     {BlockKind::conv, "conv"},
     {BlockKind::skip, "skip"}}};

bool is_mbconv(BlockKind kind) {
  return kind == BlockKind::mbconv || kind == BlockKind::fused_mbconv;
}
bool has_expansion(BlockKind kind) { return is_mbconv(kind) || kind == BlockKind::bottleneck; }

int inner_width(double expansion, int channels) {
  const double width = std::round(expansion * channels);
  if (!(width >= 1 && width <= max_inner))
    fail("expansion ", expansion, " of ", channels, " channels gives ", width);
  return static_cast<int>(width);
}

// Appends layers in a row, each behind the one before.
class Chain {
 public:
  Chain(Graph& graph, std::string prefix, int at, const LayerRules& rules)
      : graph_(graph), prefix_(std::move(prefix)), at_(at), rules_(rules) {}

  int at() const { return at_; }
  const Shape& shape() const { return graph_.nodes[at_].shape; }
  int channels() const { return shape().c; }
  // Another chain from an earlier node.
  Chain from(int node) const { return {graph_, prefix_, node, rules_}; }

  void add(const std::string& name, Layer layer) { join(name, std::move(layer), {at_}); }
  void join(const std::string& name, Layer layer, std::vector<int> inputs) {
    at_ = graph_.add(prefix_ + name, std::move(layer), std::move(inputs));
  }
  void activate(const std::string& name, Act act) {
    if (act != Act::none) add(name, Activation{.act = act});
  }
  // Convolution and batch norm, both named in full.
  void conv_bn(const std::string& conv, const std::string& norm, int out, int kernel, int stride,
               int groups = 1) {
    const Window window{.kh = kernel, .kw = kernel, .stride = stride};
    add(conv, Conv{.out_channels = out,
                   .kh = kernel,
                   .kw = kernel,
                   .sh = stride,
                   .sw = stride,
                   .padding = padding_of(rules_.padding, window, shape()),
                   .groups = groups});
    add(norm, BatchNorm{.eps = rules_.bn_eps});
  }
  // NAME.0, NAME.1 and, with an activation, NAME.2.
  void conv_bn_act(const std::string& name, int out, int kernel, int stride, int groups, Act act) {
    conv_bn(name + ".0", name + ".1", out, kernel, stride, groups);
    activate(name + ".2", act);
  }

 private:
  Graph& graph_;
  std::string prefix_;
  int at_;
  LayerRules rules_;
};

// MobileNetV3 rounds its share of the expanded width to 8 (arXiv:1905.02244, torchvision's
// _make_divisible); EfficientNet takes the input's share as it is.
int squeezed_width(const Se& se, int expanded, int input) {
  if (se.base == SeBase::expanded) return round_to_8(expanded * se.ratio);
  return std::max(1, static_cast<int>(input * se.ratio));
}

void squeeze_excite(Chain& chain, const std::string& name, const Se& se, int input_channels) {
  const int excited = chain.at();
  const int channels = chain.channels();
  const int squeezed = squeezed_width(se, channels, input_channels);
  chain.add(name + ".avgpool", GlobalPool{});
  chain.add(name + ".fc1", Conv{.out_channels = squeezed, .bias = true});
  chain.activate(name + ".activation", se.act);
  chain.add(name + ".fc2", Conv{.out_channels = channels, .bias = true});
  chain.activate(name + ".scale_activation", se.gate);
  chain.join(name + ".mul", Mul{}, {excited, chain.at()});
}

// The layers of torchvision's `conv` sequence are numbered as they come.
void lower_mbconv(const BlockSpec& block, const Shape& in, Chain& chain) {
  const int input = chain.at();
  const int inner = inner_width(block.expansion, in.c);
  const bool fused = block.kind == BlockKind::fused_mbconv;
  int number = 0;
  const auto next = [&] { return "conv." + std::to_string(number++); };

  if (fused) {
    const int width = block.expansion == 1 ? block.out_channels : inner;
    chain.conv_bn_act(next(), width, block.kernel, block.stride, 1, block.act);
  } else {
    if (block.expansion != 1) chain.conv_bn_act(next(), inner, 1, 1, 1, block.act);
    chain.conv_bn_act(next(), inner, block.kernel, block.stride, inner, block.act);
  }
  if (block.se) squeeze_excite(chain, next(), *block.se, in.c);
  if (!fused || block.expansion != 1) {
    const std::string conv = next();
    chain.conv_bn(conv, next(), block.out_channels, 1, 1);
  }
  if (block.stride == 1 && block.out_channels == in.c)
    chain.join("add", Add{}, {input, chain.at()});
}

void lower_residual(const BlockSpec& block, const Shape& in, Chain& chain) {
  const int input = chain.at();
  const int out = block.out_channels;
  const bool deep = block.kind == BlockKind::bottleneck;
  if (deep) {
    const int inner = inner_width(block.expansion, out);
    chain.conv_bn("conv1", "bn1", inner, 1, 1);
    chain.activate("relu1", block.act);
    chain.conv_bn("conv2", "bn2", inner, block.kernel, block.stride);
    chain.activate("relu2", block.act);
    chain.conv_bn("conv3", "bn3", out, 1, 1);
  } else {
    chain.conv_bn("conv1", "bn1", out, block.kernel, block.stride);
    chain.activate("relu1", block.act);
    chain.conv_bn("conv2", "bn2", out, block.kernel, 1);
  }
  Chain shortcut = chain.from(input);
  if (block.stride != 1 || in.c != out)
    shortcut.conv_bn("downsample.0", "downsample.1", out, 1, block.stride);
  chain.join("add", Add{}, {chain.at(), shortcut.at()});
  chain.activate(deep ? "relu3" : "relu2", block.act);
}

const char* base_name(SeBase base) { return base == SeBase::expanded ? "expanded" : "input"; }

Json to_json(const Se& se) {
  return {{"base", base_name(se.base)},
          {"ratio", json_number(se.ratio)},
          {"gate", act_name(se.gate)},
          {"act", act_name(se.act)}};
}

Se se_from_json(const Json& json, const std::string& where) {
  StrictObject object(json, where);
  Se se;
  const std::string base = object.text("base", base_name(se.base));
  if (base != "expanded" && base != "input")
    fail(object.path("base"), ": must be expanded or input, is ", base);
  se.base = base == "expanded" ? SeBase::expanded : SeBase::input;
  se.ratio = object.number("ratio", se.ratio, 0.001, 1);
  se.gate = object.activation("gate", se.gate);
  if (se.gate != Act::sigmoid && se.gate != Act::hsigmoid)
    fail(object.path("gate"), ": must be sigmoid or hsigmoid, is ", act_name(se.gate));
  se.act = object.activation("act", se.act);
  object.finish();
  return se;
}

// "expanded 0.25 hsigmoid relu", or "" for the defaults.
Json se_json(const std::string& text) {
  const std::vector<std::string> parts = split(text, ' ');
  if (parts.empty()) return Json::object();
  const auto ratio = parts.size() == 4 ? parse_number(parts[1]) : std::nullopt;
  if (!ratio) fail("se(", excerpt(text), "): must be se or se(BASE RATIO GATE ACTIVATION)");
  return {{"base", parts[0]}, {"ratio", *ratio}, {"gate", parts[2]}, {"act", parts[3]}};
}

BlockKind parse_kind(const std::string& name, const std::string& where) {
  std::vector<std::string> known;
  for (const auto& [kind, text] : kind_names) {
    if (name == text) return kind;
    known.push_back(text);
  }
  fail(where, ": block kind ", name, " is unknown", did_you_mean(name, known), "; known are ",
       join(known));
}

}  // namespace

int lower(const BlockSpec& block, const std::string& prefix, int input, const LayerRules& rules,
          Graph& graph) {
  if (block.kind == BlockKind::skip) return input;
  if (block.kernel < 1 || block.kernel % 2 == 0)
    fail(prefix, ": kernel ", block.kernel, " is not odd");
  if (block.se && !is_mbconv(block.kind))
    fail(prefix, ": a ", kind_name(block.kind), " block has no squeeze-excite");
  const Shape in = graph.nodes.at(input).shape;
  Chain chain(graph, prefix + ".", input, rules);
  try {
    switch (block.kind) {
      case BlockKind::mbconv:
      case BlockKind::fused_mbconv:
        lower_mbconv(block, in, chain);
        break;
      case BlockKind::residual:
      case BlockKind::bottleneck:
        lower_residual(block, in, chain);
        break;
      case BlockKind::conv:
        chain.conv_bn("0", "1", block.out_channels, block.kernel, block.stride);
        chain.activate("2", block.act);
        break;
      case BlockKind::skip:
        break;
    }
  } catch (const Error& error) {
    fail(prefix, " (", describe(block), "): ", error.what());
  }
  return chain.at();
}

bool has_layers(const BlockSpec& block) { return block.kind != BlockKind::skip; }

BlockSpec placed(BlockSpec block, const Shape& input) {
  if (has_layers(block) && block.out_channels == 0) block.out_channels = input.c;
  return block;
}

Shape output_shape(const BlockSpec& block, const Shape& input) {
  if (block.kind == BlockKind::skip) return input;
  assert(block.stride >= 1);
  const auto strided = [&](int size) { return (size - 1) / block.stride + 1; };
  return {placed(block, input).out_channels, strided(input.h), strided(input.w)};
}

std::string describe(const BlockSpec& block) {
  if (block.kind == BlockKind::skip) return "skip";
  std::string text = cat(kind_name(block.kind), " k", block.kernel);
  if (has_expansion(block.kind)) text += " e" + shortest(block.expansion);
  if (block.out_channels > 0) text += cat(" c", block.out_channels);
  text += cat(" s", block.stride);
  if (block.se == Se{}) {
    text += " se";
  } else if (block.se) {
    text += cat(" se(", base_name(block.se->base), " ", shortest(block.se->ratio), " ",
                act_name(block.se->gate), " ", act_name(block.se->act), ")");
  }
  return text + " " + act_name(block.act);
}

const char* kind_name(BlockKind kind) {
  const auto found = std::find_if(kind_names.begin(), kind_names.end(),
                                  [&](const auto& entry) { return entry.first == kind; });
  assert(found != kind_names.end());
  return found->second;
}

Json to_json(const BlockSpec& block) {
  Json json = {{"kind", kind_name(block.kind)}};
  if (block.kind == BlockKind::skip) return json;
  json["kernel"] = block.kernel;
  if (has_expansion(block.kind)) json["expansion"] = json_number(block.expansion);
  if (block.out_channels > 0) json["out_channels"] = block.out_channels;
  json["stride"] = block.stride;
  json["act"] = act_name(block.act);
  if (block.se) json["se"] = to_json(*block.se);
  return json;
}

BlockSpec parse_block(Words words, Width width) {
  Json json = {{"kind", words.kind()}};
  const auto option = [&](char letter, const char* key) {
    if (const auto value = words.number(letter)) json[key] = json_number(*value);
  };
  option('k', "kernel");
  option('e', "expansion");
  option('c', "out_channels");
  option('s', "stride");
  if (const auto se = words.parameters("se")) json["se"] = se_json(*se);
  if (words.kind() != kind_name(BlockKind::skip)) {
    const auto activation = words.activation();
    if (!activation) fail("names no activation; none is one");
    json["act"] = act_name(activation->act);
  }
  words.finish();
  return block_from_json(json, words.kind(), width);
}

std::pair<BlockSpec, int> repeated_block_from_json(const Json& json, const std::string& where,
                                                   Width width) {
  if (!json.is_string()) return {block_from_json(json, where, width), 1};
  const auto& text = json.get_ref<const std::string&>();
  try {
    Words words(text);
    const int times = words.integer('x', 1, 1, max_times);
    return {parse_block(std::move(words), width), times};
  } catch (const Error& error) {
    fail(where, " (", excerpt(text), "): ", error.what());
  }
}

BlockSpec block_from_json(const Json& json, const std::string& where, Width width) {
  StrictObject object(json, where);
  BlockSpec block;
  block.kind = parse_kind(object.text("kind", kind_name(block.kind)), object.path("kind"));
  if (block.kind != BlockKind::skip) {
    block.kernel = object.integer("kernel", block.kernel, 1, 15);
    if (block.kernel % 2 == 0) fail(object.path("kernel"), ": must be odd, is ", block.kernel);
    if (has_expansion(block.kind))
      block.expansion = object.number("expansion", block.expansion, 0.1, 20);
    if (width == Width::named) object.require("out_channels");
    block.out_channels = object.integer("out_channels", 0, 1, max_channels);
    block.stride = object.integer("stride", block.stride, 1, 4);
    block.act = object.activation("act", block.act);
    if (is_mbconv(block.kind))
      if (const Json* se = object.find("se"); se && !se->is_null())
        block.se = se_from_json(*se, object.path("se"));
  }
  object.finish();
  return block;
}

int round_to_8(double value) {
  const int rounded = std::max(8, static_cast<int>(value + 4) / 8 * 8);
  return rounded < 0.9 * value ? rounded + 8 : rounded;
}

}  // namespace vpunas
