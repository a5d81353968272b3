// The explanation says what the mapping says, adds up, and uses the compiler's words.
#include "myriadx/explanation.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/myriadx/networks.h"
#include "tests/myriadx/shared_data.h"

namespace vpunas::myriadx {
namespace {

double sum(const Json& rows, const char* key) {
  double total = 0;
  for (const Json& row : rows) total += row.at(key).get<double>();
  return total;
}

TEST(Explanation, AddsUp) {
  const Mapping mapping = map(zoo_network("mobilenet_v2"), resources(2));
  const Json json = explanation(mapping, model());
  const double total = total_ms(mapping, model()).ms;
  EXPECT_NEAR(json.at("total_ms").get<double>(), total, 1e-9);
  EXPECT_NEAR(json.at("fps").get<double>(), 2000 / total, 1e-9);
  EXPECT_NEAR(sum(json.at("nodes"), "ms"), total, 1e-9);
  EXPECT_NEAR(sum(json.at("shares"), "ms"), total, 1e-9);
  EXPECT_NEAR(sum(json.at("shares"), "share"), 1, 1e-9);
  EXPECT_EQ(sum(json.at("nodes"), "stages"), double(mapping.stages.size()));
  EXPECT_EQ(sum(json.at("shares"), "stages"), double(mapping.stages.size()));
  EXPECT_EQ(json.at("stages").size(), mapping.stages.size());
  EXPECT_EQ(json.at("nodes").back().at("node"), "(network)");
  EXPECT_EQ(json.at("macs").get<int64_t>(), count_macs(mapping.graph));
  for (const Json& node : json.at("nodes"))
    EXPECT_EQ(node.at("stages").get<int>(), node.at("nce_stages").get<int>() +
                                                node.at("shave_stages").get<int>() +
                                                node.at("dma_stages").get<int>());
}

TEST(Explanation, MacsOnShavesUseNoMultipliersOfTheEngine) {
  Graph graph = from_input({3, 32, 32});
  Conv first{.out_channels = 64, .kh = 3, .kw = 3}, dilated = first;
  first.padding = Padding::all(1);
  dilated.dilation = 2;
  dilated.padding = Padding::all(2);
  graph.add("first", first, {0});
  for (int i = 0; i < 4; ++i) graph.add(cat("dilated", i), dilated, {i + 1});
  const Json json = explanation(map(graph, resources(2)), model());
  EXPECT_GT(json.at("macs").get<int64_t>(), 80 * json.at("nce_macs").get<int64_t>());
  EXPECT_EQ(json.at("nce_macs").get<int64_t>(), node_macs(graph, 1));
  EXPECT_LT(json.at("utilisation").get<double>(), 1);
  EXPECT_EQ(json.at("nodes")[2].at("utilisation"), nullptr);
}

// 16 channels in, 16 out: mode 8_32 at 37 cycles a pixel (docs/myriadx.md, "Cost").
TEST(Explanation, TellsAStageOfTheEngine) {
  Graph graph = from_input({16, 14, 14});
  graph.add("conv", convolution(16, 3), {0});
  const Json stages = explanation(map(graph, resources(2), Precision::fp32), model()).at("stages");
  ASSERT_EQ(stages.size(), 3u);
  EXPECT_EQ(stages[0].at("op"), "Convert");
  EXPECT_EQ(stages[0].at("mode"), nullptr);
  EXPECT_EQ(stages[0].at("shaves"), 7);
  const Json& conv = stages[1];
  EXPECT_EQ(conv.at("layer"), "conv");
  EXPECT_EQ(conv.at("engine"), "NCE");
  EXPECT_EQ(conv.at("op"), "CONV");
  EXPECT_EQ(conv.at("mode"), "8_32");
  EXPECT_EQ(conv.at("descriptors"), 1);
  EXPECT_EQ(conv.at("tiles"), 1);
  EXPECT_EQ(conv.at("cycles_per_pixel"), 37);
  EXPECT_EQ(conv.at("cycles"), 37 * 14 * 14);
  EXPECT_EQ(conv.at("in"), Json({16, 14, 14}));
  EXPECT_EQ(conv.at("bytes"), 2 * 2 * 16 * 14 * 14);
  EXPECT_EQ(conv.at("weight_bytes"), 2 * 16 * 16 * 9 + 4 * 16);
  EXPECT_EQ(conv.at("in_shadow_of"), nullptr);
}

TEST(Explanation, TilesAreTheStagesOfOneLayer) {
  const Json json = explanation(map(zoo_network("mobilenet_v2"), resources(2)), model());
  std::map<std::string, int> counted;
  for (const Json& stage : json.at("stages"))
    if (stage.at("engine") == "NCE") ++counted[stage.at("layer").get<std::string>()];
  for (const Json& stage : json.at("stages")) {
    EXPECT_EQ(stage.at("tiles").get<int>(),
              stage.at("engine") == "NCE" ? counted[stage.at("layer").get<std::string>()] : 0);
  }
  EXPECT_EQ(counted.at("features.18.0"), 1);
  EXPECT_EQ(counted.at("features.17.conv.1.0"), 960 / 32);
}

TEST(Explanation, AShadowNamesItsHost) {
  const Mapping mapping = map(zoo_network("mobilenet_v2"), resources(2));
  const Json stages = explanation(mapping, model()).at("stages");
  int shadows = 0;
  for (size_t i = 0; i < stages.size(); ++i) {
    if (!mapping.stages[i].in_shadow) continue;
    ++shadows;
    EXPECT_EQ(stages[i].at("in_shadow_of"), stages[i - 1].at("stage"));
  }
  EXPECT_EQ(shadows, 8);
}

// The study's whole networks have every operation of the compiler that ours can say.
TEST(Explanation, SpeaksOfOperationsAsTheCompilerDoes) {
  VPUNAS_SHARED_OR_SKIP(folder);
  std::set<std::string> known;
  for (const Row& row : read_csv(folder / "compiled_stages_2stream.csv.gz"))
    known.insert(row.at("hw_op").empty() ? row.at("type") : row.at("hw_op"));
  ASSERT_GT(known.size(), 15u);
  Graph graph = from_input({32, 20, 20});
  graph.add("conv", convolution(32, 3), {0});
  for (const Act act : {Act::relu, Act::relu6, Act::leaky_relu, Act::hswish, Act::swish,
                        Act::sigmoid, Act::hsigmoid}) {
    const int last = int(graph.nodes.size()) - 1;
    graph.add(cat(act_name(act), ".add"), Add{}, {last, last});
    graph.add(act_name(act), Activation{act}, {last + 1});
  }
  const auto last = [&] { return int(graph.nodes.size()) - 1; };
  graph.add("gate", GlobalPool{}, {last()});
  graph.add("mul", Mul{}, {last() - 1, last()});
  graph.add("shuffle", Permute{}, {last()});
  graph.add("nearest", Resize{ResizeKind::nearest, 40, 40}, {last()});
  graph.add("bilinear", Resize{ResizeKind::bilinear, 20, 20}, {last()});
  Conv dilated = convolution(32, 3);
  dilated.dilation = 2;
  graph.add("dilated", dilated, {last()});
  graph.add("relu2", Activation{}, {last()});
  graph.add("average", Pool{PoolKind::average, 3, 3, 2, 2}, {last()});
  graph.add("linear", Linear{10}, {last()});
  graph.add("softmax", Softmax{}, {last()});
  const Json stages = explanation(map(graph, resources(2), Precision::fp32), model()).at("stages");
  for (const Json& stage : stages)
    EXPECT_TRUE(known.contains(stage.at("op").get<std::string>())) << stage.dump();
}

}  // namespace
}  // namespace vpunas::myriadx
