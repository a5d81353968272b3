// The study's networks as graphs, by the rows of its tables.
#pragma once

#include <algorithm>

#include "base/error.h"
#include "tests/myriadx/networks.h"
#include "tests/myriadx/shared_data.h"

namespace vpunas::myriadx {

// Nodes one behind the other.
class Chain {
 public:
  explicit Chain(const Shape& image, const std::string& name) : graph(from_input(image, name)) {}

  int add(Layer layer, const std::string& name = "") {
    const std::string own = name.empty() ? cat("layer", graph.nodes.size()) : name;
    return at = graph.add(own, std::move(layer), {at});
  }
  void conv(int channels, int kernel, int stride = 1, Act act = Act::relu, int groups = 1) {
    add(convolution(channels, kernel, stride, groups));
    if (act != Act::none) add(Activation{act});
  }
  void block(const BlockSpec& spec) { at = lower(spec, cat("b", blocks++), at, {}, graph); }
  void classify(int classes = 1000) {
    add(GlobalPool{});
    add(Linear{classes, true});
    add(Softmax{});
  }

  Graph graph;
  int at = 0, blocks = 0;
};

inline Graph mobilenet_v1(const std::string& name) {
  Chain net({3, 224, 224}, name);
  net.conv(32, 3, 2);
  const std::pair<int, int> blocks[] = {{64, 1},  {128, 2},  {128, 1}, {256, 2}, {256, 1},
                                        {512, 2}, {512, 1},  {512, 1}, {512, 1}, {512, 1},
                                        {512, 1}, {1024, 2}, {1024, 1}};
  for (const auto& [channels, stride] : blocks) {
    const int in = net.graph.output_shape().c;
    net.conv(in, 3, stride, Act::relu, in);
    net.conv(channels, 1);
  }
  net.classify();
  return net.graph;
}

inline Graph mobilenet_v3_large(const std::string& name) {
  Chain net({3, 224, 224}, name);
  net.conv(16, 3, 2, Act::hswish);
  struct Bneck {
    int kernel, expanded, out;
    bool se;
    Act act;
    int stride;
  };
  const Act relu = Act::relu, hswish = Act::hswish;
  const Bneck blocks[] = {{3, 16, 16, false, relu, 1},    {3, 64, 24, false, relu, 2},
                          {3, 72, 24, false, relu, 1},    {5, 72, 40, true, relu, 2},
                          {5, 120, 40, true, relu, 1},    {5, 120, 40, true, relu, 1},
                          {3, 240, 80, false, hswish, 2}, {3, 200, 80, false, hswish, 1},
                          {3, 184, 80, false, hswish, 1}, {3, 184, 80, false, hswish, 1},
                          {3, 480, 112, true, hswish, 1}, {3, 672, 112, true, hswish, 1},
                          {5, 672, 160, true, hswish, 2}, {5, 960, 160, true, hswish, 1},
                          {5, 960, 160, true, hswish, 1}};
  for (const Bneck& b : blocks) {
    BlockSpec spec{.kernel = b.kernel,
                   .expansion = double(b.expanded) / net.graph.output_shape().c,
                   .out_channels = b.out,
                   .stride = b.stride,
                   .act = b.act};
    if (b.se) spec.se = Se{.gate = Act::hsigmoid};
    net.block(spec);
  }
  net.conv(960, 1, 1, hswish);
  net.add(GlobalPool{});
  net.conv(1280, 1, 1, hswish);
  net.add(Linear{1000, true});
  net.add(Softmax{});
  return net.graph;
}

inline Graph efficientnet_b0(const std::string& name) {
  Chain net({3, 224, 224}, name);
  net.conv(32, 3, 2, Act::swish);
  struct Phase {
    int kernel, expansion, out, repeats, stride;
  };
  for (const Phase& phase :
       {Phase{3, 1, 16, 1, 1}, Phase{3, 6, 24, 2, 2}, Phase{5, 6, 40, 2, 2}, Phase{3, 6, 80, 3, 2},
        Phase{5, 6, 112, 3, 1}, Phase{5, 6, 192, 4, 2}, Phase{3, 6, 320, 1, 1}}) {
    for (int i = 0; i < phase.repeats; ++i) {
      const int in = net.graph.output_shape().c;
      const int squeezed = std::max(8, in / 4 / 8 * 8);
      net.block({.kernel = phase.kernel,
                 .expansion = double(phase.expansion),
                 .out_channels = phase.out,
                 .stride = i == 0 ? phase.stride : 1,
                 .se = Se{.ratio = double(squeezed) / (in * phase.expansion)},
                 .act = Act::swish});
    }
  }
  net.conv(1280, 1, 1, Act::swish);
  net.classify();
  return net.graph;
}

inline Graph vgg16_fc512(const std::string& name) {
  Chain net({3, 224, 224}, name);
  const std::pair<int, int> stages[] = {{64, 2}, {128, 2}, {256, 3}, {512, 3}, {512, 3}};
  for (const auto& [channels, repeats] : stages) {
    for (int i = 0; i < repeats; ++i) net.conv(channels, 3);
    net.add(Pool{});
  }
  net.add(Linear{512, true});
  net.add(Activation{});
  net.add(Linear{1000, true});
  net.add(Softmax{});
  return net.graph;
}

inline Graph mbconv_space(const std::string& name, int expansion, int kernel) {
  Chain net({3, 224, 224}, name);
  net.conv(32, 3, 2, Act::relu6);
  net.block({.expansion = 1, .out_channels = 16});
  struct Phase {
    int out, repeats, stride;
  };
  for (const Phase& phase : {Phase{24, 4, 2}, Phase{40, 4, 2}, Phase{80, 4, 2}, Phase{96, 4, 1},
                             Phase{192, 4, 2}, Phase{320, 1, 1}}) {
    for (int i = 0; i < phase.repeats; ++i) {
      net.block({.kernel = kernel,
                 .expansion = double(expansion),
                 .out_channels = phase.out,
                 .stride = i == 0 ? phase.stride : 1});
    }
  }
  net.conv(1280, 1, 1, Act::relu6);
  net.classify();
  return net.graph;
}

// The study's softmax reads an image of one pixel; our ONNX flattens it, which costs a copy. So
// this one ends before.
inline Graph squeezenet_1_1(const std::string& name) {
  Chain net({3, 224, 224}, name);
  const Pool pool{.kh = 3, .kw = 3, .rounding = Rounding::ceil};
  Conv stem = convolution(64, 3, 2);
  net.add(stem);
  net.add(Activation{});
  net.add(pool);
  const int widths[][2] = {{16, 64},  {16, 64},  {32, 128}, {32, 128},
                           {48, 192}, {48, 192}, {64, 256}, {64, 256}};
  for (int f = 0; f < 8; ++f) {
    const auto [squeezed, expanded] = widths[f];
    net.conv(squeezed, 1);
    const int s = net.at;
    int ends[2];
    for (const int side : {0, 1}) {
      const std::string own = cat("f", f, side == 0 ? "a" : "b");
      const int conv = net.graph.add(own, convolution(expanded, side == 0 ? 1 : 3), {s});
      ends[side] = net.graph.add(own + ".relu", Activation{}, {conv});
    }
    net.at = net.graph.add(cat("f", f, ".concat"), Concat{}, {ends[0], ends[1]});
    if (f == 1 || f == 3) net.add(pool);
  }
  net.conv(1000, 1);
  net.add(GlobalPool{});
  return net.graph;
}

inline Graph whole_network(const std::string& id) {
  int expansion = 0, kernel = 0;
  if (std::sscanf(id.c_str(), "net_mbspace_e%dk%d", &expansion, &kernel) == 2)
    return mbconv_space(id, expansion, kernel);
  if (id == "net_mobilenetv1") return mobilenet_v1(id);
  if (id == "net_mobilenetv3l") return mobilenet_v3_large(id);
  if (id == "net_efficientnetb0") return efficientnet_b0(id);
  if (id == "net_vgg16_fc512") return vgg16_fc512(id);
  if (id == "net_squeezenet1.1") return squeezenet_1_1(id);
  if (id == "net_mobilenetv2" || id == "net_resnet18") {
    Graph graph = zoo_network(id == "net_resnet18" ? "resnet18" : "mobilenet_v2");
    graph.add("softmax", Softmax{}, {int(graph.nodes.size()) - 1});
    return graph;
  }
  fail("network ", id, " of the study is not known here");
}

// The study's MBConv blocks squeeze to a multiple of 8 rounded down.
inline BlockSpec block_of(const Row& row) {
  const std::string variant = row.at("op").substr(7);
  BlockSpec block{.kernel = number(row, "k"),
                  .expansion = double(number(row, "exp")),
                  .out_channels = number(row, "cout"),
                  .stride = number(row, "s")};
  if (variant == "hs" || variant == "hsse") block.act = Act::hswish;
  if (variant == "sw") block.act = Act::swish;
  if (variant == "se" || variant == "hsse" || variant == "sw") {
    const int expanded = number(row, "exp") * number(row, "cin");
    const int squeezed = std::max(8, expanded / 4 / 8 * 8);
    block.se = Se{.ratio = double(squeezed) / expanded,
                  .gate = variant == "sw" ? Act::sigmoid : Act::hsigmoid};
  }
  return block;
}

// "relu", "prelu" (of one slope for all channels), "leaky0.1". The study's slopes are FP16: 0.1 is
// no tenth.
inline Activation activation_of(const std::string& text) {
  if (text == "prelu") return {Act::leaky_relu, 0.3};
  if (text.rfind("leaky", 0) != 0) return {parse_act(text)};
  const double slope = std::stod(text.substr(5));
  return {Act::leaky_relu, slope == 0.1 ? 0.0999755859375 : slope};
}

inline Conv convolution_of(const Row& row) {
  const int dilation = std::max(1, number(row, "dil"));
  const auto [kh, kw] = kernel_of(row);
  Conv conv = convolution(
      number(row, "cout"), kh, std::max(1, number(row, "s")),
      row.at("op") == "dwconv" ? number(row, "cin") : std::max(1, number(row, "groups")));
  conv.kw = kw;
  conv.dilation = dilation;
  conv.padding = {kh / 2 * dilation, kw / 2 * dilation, kh / 2 * dilation, kw / 2 * dilation};
  return conv;
}

// Operators of two tensors.
inline Graph pair_of(const Row& row) {
  const std::string& op = row.at("op");
  const int side = number(row, "hw"), channels = number(row, "cin");
  Graph graph = from_input({channels, side, side}, row.at("id"));
  graph.nodes[0].name = "data";
  const Shape other = op == "mul_bcast_c11" ? Shape{channels, 1, 1} : graph.nodes[0].shape;
  graph.add("data2", Input{other}, {});
  const Layer join = op == "concat" ? Layer{Concat{}} : op[0] == 'a' ? Layer{Add{}} : Layer{Mul{}};
  graph.add("tgt", join, {0, 1});
  if (op == "add+relu") graph.add("relu", Activation{}, {2});
  return graph;
}

// The network of a row of compiled_networks.csv.
inline Graph network_of(const Row& row) {
  const std::string &op = row.at("op"), &id = row.at("id");
  if (op == "net") return whole_network(id);
  const auto is = [&](std::initializer_list<const char*> names) {
    return std::find(names.begin(), names.end(), op) != names.end();
  };
  if (is({"add", "add+relu", "mul", "mul_bcast_c11", "concat"})) return pair_of(row);
  const int side = std::max(1, number(row, "hw")), k = number(row, "k");
  // Of a linear layer on a plane the table gives its inputs.
  const int in = op == "fc" ? number(row, "cin") / (side * side) : number(row, "cin");
  Chain net({in, side, side}, id);
  if (op.rfind("mbconv_", 0) == 0) {
    net.block(block_of(row));
  } else if (is({"conv", "dwconv", "gconv", "conv+leaky", "conv3+relu+maxpool2"})) {
    net.add(convolution_of(row));
    const std::string act = op == "conv3+relu+maxpool2" ? "relu" : row.at("act");
    if (!act.empty() && act != "none" && act != "linear") net.add(activation_of(act));
    if (op == "conv3+relu+maxpool2") net.add(Pool{});
  } else if (is({"maxpool", "avgpool"})) {
    const int stride = number(row, "s"), padding = id[id.find("_p") + 2] - '0';
    const bool ceil = id.find("ceil") != std::string::npos;
    net.add(Pool{op == "maxpool" ? PoolKind::max : PoolKind::average, k, k, stride, stride,
                 Padding::all(padding), ceil ? Rounding::ceil : Rounding::floor, false});
  } else if (op == "gap") {
    net.add(GlobalPool{});
  } else if (op == "fc") {
    net.add(Linear{number(row, "cout"), true});
  } else if (is({"relu", "relu6", "hswish", "swish", "sigmoid", "hsigmoid", "prelu"})) {
    net.add(activation_of(op));
  } else if (is({"se_sigmoid", "se_hsigmoid"})) {
    net.add(GlobalPool{});
    net.conv(number(row, "se"), 1);
    net.conv(in, 1, 1, parse_act(op.substr(3)));
    net.graph.add("scale", Mul{}, {0, net.at});
  } else if (op == "softmax") {
    net.add(Softmax{});
  } else if (is({"upsample2x_nearest", "upsample2x_linear_onnx"})) {
    net.add(Resize{op == "upsample2x_nearest" ? ResizeKind::nearest : ResizeKind::bilinear,
                   2 * side, 2 * side});
  } else if (op == "channel_shuffle") {
    net.add(Permute{2});
  } else if (op == "split+relu+concat") {
    Graph& graph = net.graph;
    graph.add("first", Slice{0, in / 2}, {0});
    graph.add("second", Slice{in / 2, in}, {0});
    graph.add("relu1", Activation{}, {1});
    graph.add("relu2", Activation{}, {2});
    graph.add("concat", Concat{}, {3, 4});
  } else {
    fail("operator ", op, " of the study is not known here");
  }
  return net.graph;
}

}  // namespace vpunas::myriadx
