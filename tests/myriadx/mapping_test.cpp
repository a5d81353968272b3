// What the mapping must be for known networks, what must hold for any, and what it refuses.
#include "myriadx/mapping.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "tests/myriadx/networks.h"

namespace vpunas::myriadx {
namespace {

std::vector<std::string> kinds(const Mapping& mapping) {
  std::vector<std::string> found;
  for (const Stage& stage : mapping.stages) found.push_back(stage.kind);
  return found;
}
using Kinds = std::vector<std::string>;

Mapping map2(const Graph& graph) { return map(graph, resources(2)); }

std::string error_of(const Graph& graph) {
  try {
    map2(graph);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Mapping, ResourcesOfTheStreams) {
  EXPECT_EQ(resources(2).shaves, 7);
  EXPECT_EQ(resources(2).cmx_bytes(), 1179648);
  EXPECT_EQ(resources(2).tile_limit(), 589824);
  EXPECT_EQ(resources(1).tile_limit(), 1245184);
  EXPECT_EQ(resources(3).tile_limit(), 458752);
  EXPECT_EQ(resources(2, 8, 8).tile_limit(), 589824);
  EXPECT_EQ(resources(2, 5, 6).tile_limit(), 458752);
  EXPECT_EQ(resources(1, 1, 19).shaves, 1);
  // What Intel's compiler refuses.
  EXPECT_THROW(resources(2, 8, 0), Error);
  EXPECT_THROW(resources(2, 0, 8), Error);
  EXPECT_THROW(resources(2, 9, 7), Error);
  EXPECT_THROW(resources(2, 10, 10), Error);
  EXPECT_THROW(resources(2, 7, 10), Error);
  EXPECT_THROW(resources(1, 4, 2), Error);
  EXPECT_THROW(resources(1, 17, 19), Error);
  EXPECT_THROW(resources(1, -1, 19), Error);
  EXPECT_THROW(resources(0), Error);
  EXPECT_THROW(resources(4), Error);
}

// The compiler's own counts for its ONNX of these networks with a softmax and FP32 output
// (docs/myriadx.md).
TEST(Mapping, MobileNetV2HasTheCompilersCounts) {
  Graph graph = zoo_network("mobilenet_v2");
  graph.add("softmax", Softmax{}, {int(graph.nodes.size()) - 1});
  const Totals sum = totals(map(graph, resources(2), Precision::fp32));
  EXPECT_EQ(sum.stages(), 316);
  EXPECT_EQ(sum.nce, 270);
  EXPECT_EQ(sum.descriptors, 438);
  EXPECT_EQ(sum.dma, 33);
  EXPECT_EQ(sum.dma_in_shadow, 8);
  EXPECT_EQ(sum.shave, 13);
  EXPECT_NEAR(double(sum.nce_cycles) / 1e6, 6.29, 0.005);
}

TEST(Mapping, ResNet18HasTheCompilersCounts) {
  Graph graph = zoo_network("resnet18");
  graph.add("softmax", Softmax{}, {int(graph.nodes.size()) - 1});
  const Totals sum = totals(map(graph, resources(2), Precision::fp32));
  EXPECT_EQ(sum.stages(), 72);
  EXPECT_EQ(sum.nce, 36);
  EXPECT_EQ(sum.descriptors, 378);
  EXPECT_EQ(sum.dma, 15);
  EXPECT_EQ(sum.dma_in_shadow, 8);
  EXPECT_EQ(sum.shave, 21);
  EXPECT_NEAR(double(sum.nce_cycles) / 1e6, 8.44, 0.005);
}

TEST(Mapping, ReluAndRelu6AreFreeBehindAConvolutionAndOthersAreNot) {
  const auto with = [](Act act, double slope = 0.01) {
    Graph graph = from_input({16, 28, 28});
    graph.add("conv", convolution(32, 3), {0});
    graph.add("act", Activation{act, slope}, {1});
    graph.add("project", convolution(16, 1), {2});
    return totals(map2(graph)).shave - 1;  // without the input's conversion
  };
  EXPECT_EQ(with(Act::relu), 0);
  EXPECT_EQ(with(Act::relu6), 0);
  EXPECT_EQ(with(Act::leaky_relu, 0.125), 0);
  EXPECT_EQ(with(Act::leaky_relu, 0.3), 1);
  EXPECT_EQ(with(Act::hswish), 1);
  EXPECT_EQ(with(Act::swish), 1);
  EXPECT_EQ(with(Act::sigmoid), 1);
  EXPECT_EQ(with(Act::hsigmoid), 2);
}

// Rows of 28 elements are padded before the NCE, rows of 56 are not.
TEST(Mapping, ReluBehindAnAdditionIsFreeWhereRowsNeedNoPadding) {
  const auto relus = [](int side) {
    Graph graph = from_input({32, side, side});
    graph.add("a", convolution(32, 3), {0});
    graph.add("b", convolution(32, 3), {1});
    graph.add("add", Add{}, {2, 1});
    graph.add("relu", Activation{}, {3});
    graph.add("c", convolution(32, 3), {4});
    const Kinds all = kinds(map2(graph));
    return std::count(all.begin(), all.end(), "relu");
  };
  EXPECT_EQ(relus(56), 0);
  EXPECT_EQ(relus(28), 1);
  EXPECT_EQ(relus(14), 1);
  EXPECT_EQ(relus(8), 0);
}

TEST(Mapping, TheImageIsConvertedAndExpanded) {
  Graph graph = from_input({3, 32, 32});
  graph.add("conv", convolution(16, 3, 2), {0});
  const Mapping mapping = map2(graph);
  EXPECT_EQ(kinds(mapping), (Kinds{"convert", "copy", "conv", "copy"}));
  EXPECT_EQ(mapping.stages[0].input_bytes, 3 * 32 * 32);
  EXPECT_EQ(mapping.stages[2].extended_channels, 4);
}

TEST(Mapping, SoftwareRunsWhatTheEngineCannot) {
  Graph graph = from_input({16, 28, 28});
  Conv dilated = convolution(16, 3);
  dilated.dilation = 2;
  dilated.padding = Padding::all(2);
  graph.add("conv", dilated, {0});
  graph.add("relu", Activation{}, {1});
  const Kinds all = kinds(map2(graph));
  EXPECT_EQ(all, (Kinds{"convert", "shave_conv", "bias_relu"}));
}

TEST(Mapping, ConvolutionAndPoolingAreOneStage) {
  Graph graph = from_input({16, 28, 28});
  graph.add("conv", convolution(32, 3), {0});
  graph.add("relu", Activation{}, {1});
  graph.add("pool", Pool{}, {2});
  const Mapping mapping = map2(graph);
  ASSERT_EQ(kinds(mapping), (Kinds{"convert", "conv_pool", "copy"}));
  EXPECT_EQ(mapping.stages[1].output_pixels, 4 * 14 * 14);
}

TEST(Mapping, GlobalPoolingRunsOnTheEngineUpTo15) {
  const auto kind = [](int side) {
    Graph graph = from_input({32, side, side});
    graph.add("pool", GlobalPool{}, {0});
    return kinds(map2(graph))[1];
  };
  EXPECT_EQ(kind(7), "avg_pool");
  EXPECT_EQ(kind(15), "avg_pool");
  EXPECT_EQ(kind(16), "reduce_mean");
}

TEST(Mapping, StagesInAShadowStandBehindTheirHost) {
  const Mapping mapping = map2(zoo_network("mobilenet_v2"));
  int shadows = 0;
  for (size_t i = 0; i < mapping.stages.size(); ++i) {
    const Stage& stage = mapping.stages[i];
    if (!stage.in_shadow) continue;
    ++shadows;
    EXPECT_EQ(stage.host, int(i) - 1);
    EXPECT_EQ(mapping.stages[size_t(stage.host)].engine, Engine::nce);
    EXPECT_NE(stage.engine, Engine::nce);
  }
  EXPECT_GT(shadows, 0);
}

TEST(Mapping, EveryStageBelongsToANodeAndTheEngineWritesToCmx) {
  const Mapping mapping = map2(zoo_network("mobilenet_v2"));
  std::set<std::string> names;
  for (const Stage& stage : mapping.stages) {
    ASSERT_GE(stage.node, 0);
    ASSERT_LT(size_t(stage.node), mapping.graph.nodes.size());
    EXPECT_EQ(stage.name.rfind(mapping.graph.nodes[size_t(stage.node)].name, 0), 0u) << stage.name;
    EXPECT_TRUE(stage.engine != Engine::nce || stage.output_place == Place::cmx) << stage.name;
    names.insert(mapping.graph.nodes[size_t(stage.node)].name);
  }
  EXPECT_TRUE(names.count("features.3.conv.1.0"));
}

TEST(Mapping, MoreWorkNeverCostsFewerCycles) {
  const auto cycles = [](int kernel, int channels, int side) {
    Graph graph = from_input({32, side, side});
    lower(BlockSpec{.kernel = kernel, .expansion = 3, .out_channels = channels}, "block", 0, {},
          graph);
    return totals(map2(graph)).nce_cycles;
  };
  EXPECT_LT(cycles(3, 32, 28), cycles(5, 32, 28));
  EXPECT_LT(cycles(5, 32, 28), cycles(7, 32, 28));
  EXPECT_LE(cycles(3, 32, 28), cycles(3, 64, 28));
  EXPECT_LT(cycles(3, 32, 14), cycles(3, 32, 28));
}

TEST(Mapping, IsTheSameEveryTime) {
  const Graph graph = zoo_network("mobilenet_v2");
  const Mapping a = map2(graph), b = map2(graph);
  ASSERT_EQ(a.stages.size(), b.stages.size());
  for (size_t i = 0; i < a.stages.size(); ++i) EXPECT_EQ(a.stages[i].name, b.stages[i].name);
}

TEST(Mapping, UnusedNodesCostNothing) {
  Graph graph = from_input({16, 28, 28});
  graph.add("used", convolution(16, 3), {0});
  const size_t alone = map2(graph).stages.size();
  Graph more = from_input({16, 28, 28});
  more.add("unused", convolution(64, 3), {0});
  more.add("used", convolution(16, 3), {0});
  EXPECT_EQ(map2(more).stages.size(), alone);
}

TEST(Mapping, RefusesAnEmptyNetwork) {
  EXPECT_NE(error_of(from_input({3, 8, 8})).find("no layers"), std::string::npos);
}

TEST(Mapping, RefusalsNameNetworkAndNode) {
  Graph graph = from_input({1024, 256, 256});
  graph.add("classifier", Linear{10, true}, {0});
  const std::string error = error_of(graph);
  EXPECT_NE(error.find("network test"), std::string::npos) << error;
  EXPECT_NE(error.find("classifier"), std::string::npos) << error;
}

}  // namespace
}  // namespace vpunas::myriadx
