#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "onnx/onnx.h"
#include "tests/cases.h"

namespace vpunas {
namespace {

// What the writer says in another way of the same meaning.
Graph as_written(Graph graph) {
  if (graph.name == "max_pool_ceil_last_window_outside")
    std::get<Pool>(graph.nodes.back().layer).rounding = Rounding::floor;
  return graph;
}

class OnnxRoundTrip : public testing::TestWithParam<cases::GraphCase> {};

TEST_P(OnnxRoundTrip, GivesTheSameGraphAndWeightsInBothDialects) {
  const Graph graph = as_written(GetParam().graph);
  const Weights weights = random_weights(graph, 7);
  for (const OnnxDialect dialect : {OnnxDialect::standard, OnnxDialect::myriadx}) {
    const FoldedNetwork read = from_onnx(to_onnx(GetParam().graph, weights, dialect), "model");
    ASSERT_EQ(read.graph.nodes.size(), graph.nodes.size());
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      EXPECT_TRUE(read.graph.nodes[i] == graph.nodes[i]) << graph.nodes[i].name;
    EXPECT_TRUE(read.graph == graph);
    EXPECT_TRUE(read.weights == weights);
  }
}

TEST_P(OnnxRoundTrip, GivesTheSameFoldedNetwork) {
  const FoldedNetwork folded = fold(GetParam().graph, random_weights(GetParam().graph, 7));
  const FoldedNetwork read = from_onnx(to_onnx(folded.graph, folded.weights), "model");
  EXPECT_TRUE(read.graph == as_written(folded.graph));
  EXPECT_TRUE(read.weights == folded.weights);
}

INSTANTIATE_TEST_SUITE_P(Cases, OnnxRoundTrip, testing::ValuesIn(cases::graph_cases()),
                         [](const auto& test) { return test.param.name; });

TEST(OnnxWriter, IsDeterministic) {
  const Graph graph = cases::graph_cases().back().graph;
  EXPECT_EQ(to_onnx(graph, random_weights(graph, 1)), to_onnx(graph, random_weights(graph, 1)));
}

TEST(OnnxWriter, RefusesWeightsOfAnotherNetwork) {
  const Graph graph = cases::row("a", {3, 4, 4}, {Conv{.out_channels = 2}}).graph;
  EXPECT_THROW(to_onnx(graph, {}), Error);
}

TEST(OnnxWriter, KeepsNamesApartThatClashWithItsOwn) {
  Graph graph{.name = "clash", .preprocess = {}, .nodes = {}};
  graph.add("image", Input{{2, 4, 4}}, {});
  graph.add("logits", Conv{.out_channels = 2}, {0});
  graph.add("a/gate", Activation{.act = Act::relu}, {1});
  graph.add("a", Activation{.act = Act::hswish}, {2});
  graph.add("scalar/6", Activation{.act = Act::relu6}, {3});
  const Weights weights = random_weights(graph, 1);
  const FoldedNetwork read = from_onnx(to_onnx(graph, weights), "model");
  EXPECT_EQ(read.graph, graph);
  EXPECT_EQ(read.weights, weights);
}

TEST(OnnxWriter, WritesSeveralInputs) {
  Graph graph{.name = "pair", .preprocess = {}, .nodes = {}};
  graph.add("image", Input{{4, 6, 6}}, {});
  graph.add("gate", Input{{4, 1, 1}}, {});
  graph.add("product", Mul{}, {0, 1});
  EXPECT_EQ(from_onnx(to_onnx(graph, {}), "model").graph, graph);
}

TEST(OnnxWriter, WritesAndReadsFiles) {
  const TemporaryFolder folder;
  const Graph graph = cases::graph_cases().back().graph;
  const Weights weights = random_weights(graph, 1);
  write_onnx(folder.path() / "model.onnx", graph, weights);
  EXPECT_EQ(read_onnx(folder.path() / "model.onnx").graph, graph);
}

}  // namespace
}  // namespace vpunas
