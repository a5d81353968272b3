// A change of a layer costs what the network that was built that way costs.
#include "myriadx/what_if.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/myriadx/networks.h"

namespace vpunas::myriadx {
namespace {

Graph network(const BlockSpec& block) {
  return lower(Architecture{.name = "test",
                            .input = {3, 112, 112},
                            .classes = 10,
                            .stem = {.channels = 16},
                            .blocks = {block},
                            .head = {.channels = 128}},
               Preprocess{});
}

double cost(const Graph& graph) { return total_ms(map(graph, resources(2)), model()).ms; }

std::vector<WhatIf> changes(const Graph& graph) {
  return what_if(map(graph, resources(2)), model(), Precision::fp16);
}

const WhatIf* find(const std::vector<WhatIf>& all, const std::string& change) {
  const auto found =
      std::ranges::find_if(all, [&](const WhatIf& one) { return one.change == change; });
  return found == all.end() ? nullptr : &*found;
}

// The difference that `change` is said to make is that between the two networks.
void expect_change(const Graph& from, const Graph& to, const std::string& change) {
  const auto all = changes(from);
  const WhatIf* found = find(all, change);
  ASSERT_TRUE(found) << change;
  EXPECT_NEAR(found->ms, cost(to) - cost(from), 1e-9) << change;
}

constexpr BlockSpec kBlock{.expansion = 4, .out_channels = 16, .stride = 2};

BlockSpec with(auto change) {
  BlockSpec block = kBlock;
  change(block);
  return block;
}

TEST(WhatIf, AKernelIsSmaller) {
  expect_change(network(with([](BlockSpec& b) { b.kernel = 5; })), network(kBlock),
                "3x3 instead of 5x5");
}

TEST(WhatIf, ABlockIsFused) {
  expect_change(network(kBlock),
                network(with([](BlockSpec& b) { b.kind = BlockKind::fused_mbconv; })),
                "dense instead of 1x1 and depthwise");
}

TEST(WhatIf, AnActivationIsTheEnginesOwn) {
  expect_change(network(with([](BlockSpec& b) {
                  b.expansion = 1;  // one activation
                  b.act = Act::hswish;
                })),
                network(with([](BlockSpec& b) { b.expansion = 1; })), "ReLU6 instead of hswish");
}

TEST(WhatIf, SqueezeExciteIsLeftOut) {
  expect_change(network(with([](BlockSpec& b) { b.se = Se{}; })), network(kBlock),
                "no squeeze-excite");
}

TEST(WhatIf, WidthsOfLayersThatAgreeGrowTogether) {
  const auto wide = [](int channels) {
    return lower(Architecture{.name = "test",
                              .input = {3, 112, 112},
                              .classes = 10,
                              .stem = {.channels = 16},
                              .blocks = {{.expansion = 1, .out_channels = channels},
                                         {.expansion = 2, .out_channels = channels}},
                              .head = {.channels = 128}},
                 Preprocess{});
  };
  // The residual sum's two convolutions change at once; the expanded width (20) stays.
  const auto all = changes(wide(10));
  const auto found = std::ranges::find_if(all, [](const WhatIf& one) {
    return one.layer == "features.1.conv.1" && one.change == "channels in multiples of 16";
  });
  ASSERT_NE(found, all.end());
  Graph other = wide(10);
  for (Node& node : other.nodes) {
    auto* conv = std::get_if<Conv>(&node.layer);
    if (conv && conv->out_channels == 10) conv->out_channels = 16;
  }
  Graph rebuilt{other.name, other.preprocess, {}};
  for (const Node& node : other.nodes) rebuilt.add(node.name, node.layer, node.inputs);
  EXPECT_NEAR(found->ms, cost(rebuilt) - cost(wide(10)), 1e-9);
}

TEST(WhatIf, ReluMovesBeforeAnAddition) {
  const auto residual = [](bool before) {
    Graph graph = from_input({32, 28, 28});
    const int a = graph.add("a", convolution(32, 3), {0});
    const int relu_a = graph.add("relu_a", Activation{}, {a});
    const int b = graph.add("b", convolution(32, 3), {relu_a});
    if (before) {
      graph.add("sum", Add{}, {relu_a, graph.add("relu", Activation{}, {b})});
    } else {
      graph.add("relu", Activation{}, {graph.add("sum", Add{}, {relu_a, b})});
    }
    graph.add("c", convolution(32, 3), {int(graph.nodes.size()) - 1});
    return graph;
  };
  expect_change(residual(false), residual(true), "ReLU before the addition");
  EXPECT_LT(cost(residual(true)), cost(residual(false)));
}

TEST(WhatIf, TheSameChangeOfAllLayersIsOne) {
  const Graph graph = zoo_network("mobilenet_v2");
  const auto all = changes(graph);
  EXPECT_TRUE(std::ranges::is_sorted(all, {}, &WhatIf::ms));
  const auto found = std::ranges::find_if(all, [](const WhatIf& one) {
    return one.layer == "(all 16)" && one.change == "dense instead of 1x1 and depthwise";
  });
  ASSERT_NE(found, all.end());
  Architecture fused = find_network("mobilenet_v2", data_folder());
  for (size_t i = 1; i < fused.blocks.size(); ++i) fused.blocks[i].kind = BlockKind::fused_mbconv;
  EXPECT_NEAR(found->ms, cost(lower(fused, {})) - cost(graph), 1e-9);
}

TEST(WhatIf, WhatHasNothingToChangeHasNoAnswer) {
  Graph graph = from_input({32, 28, 28});
  graph.add("conv", convolution(32, 3), {0});
  EXPECT_TRUE(changes(graph).empty());
}

}  // namespace
}  // namespace vpunas::myriadx
