// Graphs that between them use every layer with every option: one table for all comparisons (ONNX
// round trips, libtorch, OpenVINO).
#pragma once

#include <algorithm>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "arch/space.h"

namespace vpunas::cases {

struct GraphCase {
  std::string name;
  Graph graph;
};
inline void PrintTo(const GraphCase& graph_case, std::ostream* out) { *out << graph_case.name; }

// Layers in a row on an image.
inline GraphCase row(const std::string& name, const Shape& input, std::vector<Layer> layers) {
  Graph graph{.name = name, .preprocess = {}, .nodes = {}};
  int at = graph.add("image", Input{input}, {});
  int number = 0;
  for (Layer& layer : layers)
    at = graph.add("layer." + std::to_string(number++), std::move(layer), {at});
  return {name, graph};
}

// Two convolutions of the image, 1 and 2, and a gate, 4, where that is wanted; joined by `join`.
inline GraphCase fork(const std::string& name, Layer join, std::vector<int> inputs) {
  Graph graph{.name = name, .preprocess = {}, .nodes = {}};
  graph.add("image", Input{{3, 6, 7}}, {});
  graph.add("left", Conv{.out_channels = 4, .kh = 3, .kw = 3, .padding = Padding::all(1)}, {0});
  graph.add("right", Conv{.out_channels = 4, .bias = true}, {0});
  if (std::ranges::count(inputs, 4)) {
    graph.add("pooled", GlobalPool{}, {1});
    graph.add("gate", Activation{.act = Act::sigmoid}, {3});
  }
  graph.add("join", std::move(join), std::move(inputs));
  return {name, graph};
}

inline GraphCase network(const std::string& name, std::vector<BlockSpec> blocks, Stem stem = {},
                         const Preprocess& preprocess = {}, const LayerRules& rules = {}) {
  const Architecture architecture = {.name = name,
                                     .input = {3, 33, 30},
                                     .classes = 5,
                                     .rules = rules,
                                     .stem = stem,
                                     .blocks = std::move(blocks),
                                     .head = {.channels = 16}};
  return {name, lower(architecture, preprocess)};
}

inline std::vector<GraphCase> conv_cases() {
  const Shape image = {3, 11, 9};
  return {
      row("conv_pointwise", image, {Conv{.out_channels = 5}}),
      row("conv_bias_stride_padding", image,
          {Conv{.out_channels = 4,
                .kh = 3,
                .kw = 3,
                .sh = 2,
                .sw = 2,
                .padding = Padding::all(1),
                .bias = true}}),
      row("conv_rectangular", image,
          {Conv{.out_channels = 4, .kh = 1, .kw = 5, .sh = 2, .sw = 1, .padding = {0, 2, 0, 2}}}),
      row("conv_asymmetric_padding", image,
          {Conv{.out_channels = 4, .kh = 3, .kw = 3, .sh = 2, .sw = 2, .padding = {0, 0, 1, 1}}}),
      row("conv_dilated", image,
          {Conv{.out_channels = 4, .kh = 3, .kw = 3, .padding = Padding::all(2), .dilation = 2}}),
      row("conv_grouped", {4, 6, 6},
          {Conv{.out_channels = 6, .kh = 3, .kw = 3, .padding = Padding::all(1), .groups = 2}}),
      row("conv_depthwise", {4, 6, 6},
          {Conv{.out_channels = 4, .kh = 5, .kw = 5, .padding = Padding::all(2), .groups = 4}}),
      row("batch_norm", image, {Conv{.out_channels = 4}, BatchNorm{.eps = 1e-3}}),
      row("batch_norm_first", image, {BatchNorm{}, Conv{.out_channels = 4}}),
      row("scale", image, {ScaleShift{.shift = false}}),
      row("scale_shift", image, {ScaleShift{.shift = true}}),
      row("shift_before_padding", image,
          {ScaleShift{}, Conv{.out_channels = 2, .kh = 3, .kw = 3, .padding = Padding::all(1)}}),
  };
}

inline std::vector<GraphCase> pool_cases() {
  const Shape image = {3, 8, 6};
  const auto pool = [&](const std::string& name, const Shape& input, const Pool& layer) {
    return row(name, input, {layer});
  };
  const Pool padded = {.kh = 3, .kw = 3, .sh = 2, .sw = 2, .padding = Padding::all(1)};
  Pool max_ceil = padded, average = padded, average_counted = padded, average_ceil = padded;
  max_ceil.rounding = Rounding::ceil;
  average.kind = average_counted.kind = average_ceil.kind = PoolKind::average;
  average_counted.count_padding = true;
  average_ceil.rounding = Rounding::ceil;
  return {
      pool("max_pool", image, {}),
      pool("max_pool_padded", image, padded),
      pool("max_pool_ceil", image, max_ceil),
      pool("max_pool_ceil_last_window_outside", {3, 6, 6},
           {.kh = 2, .kw = 2, .sh = 3, .sw = 3, .rounding = Rounding::ceil}),
      pool("average_pool", image, {.kind = PoolKind::average}),
      pool("average_pool_padded", image, average),
      pool("average_pool_padding_counted", image, average_counted),
      pool("average_pool_ceil", image, average_ceil),
      row("global_pool", image, {GlobalPool{}}),
  };
}

inline std::vector<GraphCase> other_cases() {
  std::vector<GraphCase> cases;
  for (const Act act : {Act::relu, Act::relu6, Act::leaky_relu, Act::hswish, Act::swish,
                        Act::sigmoid, Act::hsigmoid})
    cases.push_back(row(std::string("act_") + act_name(act), {3, 4, 4},
                        {ScaleShift{.shift = false}, Activation{.act = act}}));
  const Shape image = {6, 5, 7};
  cases.push_back(
      row("act_leaky_slope", image, {Activation{.act = Act::leaky_relu, .slope = 0.1}}));
  for (GraphCase& added : std::vector<GraphCase>{
           row("prelu", image, {Conv{.out_channels = 4}, PRelu{}}),
           row("prelu_on_vector", image, {Linear{.out_features = 8}, PRelu{}, Linear{4}}),
           fork("add", Add{}, {1, 2}),
           fork("add_three", Add{}, {1, 2, 1}),
           fork("mul", Mul{}, {1, 2}),
           fork("mul_gate", Mul{}, {2, 4}),
           fork("concat", Concat{}, {1, 2, 0}),
           row("slice", image, {Slice{1, 4}}),
           row("channel_shuffle", image, {Permute{3}}),
           row("linear_on_plane", image, {Linear{.out_features = 4}}),
           row("linear_without_bias", image, {GlobalPool{}, Linear{4, false}}),
           row("linear_act_linear", image,
               {GlobalPool{}, Linear{8}, BatchNorm{}, Activation{.act = Act::hswish}, Linear{4}}),
           row("linear_then_image", image, {Linear{8}, Conv{.out_channels = 4}}),
           row("softmax", image, {GlobalPool{}, Linear{4}, Softmax{}}),
           row("softmax_plane", image, {Softmax{}}),
           row("resize_nearest_up", image, {Resize{ResizeKind::nearest, 13, 21}}),
           row("resize_nearest_down", image, {Resize{ResizeKind::nearest, 3, 2}}),
           row("resize_bilinear_up", image, {Resize{ResizeKind::bilinear, 10, 9}}),
           row("resize_bilinear_down", image, {Resize{ResizeKind::bilinear, 3, 4}}),
           row("resize_by_scale", {3, 33, 21}, {Resize{ResizeKind::bilinear, 16, 31, 0.5, 1.5}}),
           row("resize_nearest_by_scale", {3, 33, 21},
               {Resize{ResizeKind::nearest, 16, 31, 0.5, 1.5}}),
           row("lrn", image, {Lrn{.size = 3, .alpha = 0.02, .beta = 0.6, .bias = 2}}),
       })
    cases.push_back(std::move(added));
  return cases;
}

inline std::vector<GraphCase> network_cases() {
  const Se mobile = {SeBase::expanded, 0.25, Act::hsigmoid, Act::relu};
  const Preprocess means = {.color = ColorOrder::bgr,
                            .scale = {1 / 57.5},
                            .mean = {103.5, 116.25, 123.675},
                            .resize = 36,
                            .labels = {"a", "b\n", "\"c\"", "ö", ""}};
  using K = BlockKind;
  return {
      network("mbconv", {{.expansion = 1, .out_channels = 8},
                         {.kernel = 5, .expansion = 2.5, .out_channels = 12, .stride = 2},
                         {.out_channels = 12}}),
      network("mbconv_se", {{.expansion = 1, .out_channels = 8, .se = Se{}},
                            {.out_channels = 8, .se = mobile, .act = Act::hswish},
                            {.out_channels = 8, .se = Se{SeBase::input}, .act = Act::swish}}),
      network("fused_mbconv",
              {{.kind = K::fused_mbconv, .expansion = 1, .out_channels = 8, .stride = 2},
               {.kind = K::fused_mbconv, .expansion = 4, .out_channels = 8, .se = Se{}}}),
      network("residual",
              {{.kind = K::residual, .out_channels = 8, .act = Act::relu},
               {.kind = K::residual, .out_channels = 12, .stride = 2, .act = Act::relu}},
              {.channels = 8, .kernel = 7, .act = Act::relu, .pool = true}),
      network("bottleneck",
              {{.kind = K::bottleneck, .expansion = 0.5, .out_channels = 8, .act = Act::relu},
               {.kind = K::bottleneck, .expansion = 0.25, .out_channels = 8, .stride = 2}}),
      network(
          "same_padding",
          {{.expansion = 1, .out_channels = 8, .stride = 2},
           {.kind = K::bottleneck, .kernel = 5, .expansion = 1, .out_channels = 8, .stride = 2}},
          {.channels = 8, .pool = true}, {.scale = {1 / 58.4, 1 / 57.1, 1 / 57.4}},
          {.padding = PaddingRule::same, .bn_eps = 1e-3}),
      network("conv_and_skip", {{.kind = K::conv, .out_channels = 8},
                                {.kind = K::skip},
                                {.kind = K::conv, .out_channels = 8, .act = Act::none}}),
      network("means", {{.out_channels = 8}}, {}, means),
  };
}

inline std::vector<GraphCase> graph_cases() {
  std::vector<GraphCase> cases;
  for (const auto& part : {conv_cases(), pool_cases(), other_cases(), network_cases()})
    cases.insert(cases.end(), part.begin(), part.end());
  return cases;
}

}  // namespace vpunas::cases
