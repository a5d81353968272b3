#include "arch/weights.h"

#include <cmath>
#include <limits>

#include "arch/zoo.h"
#include "base/random.h"
#include "tests/arch/expect_error.h"
#include "tests/cases.h"
#include "tests/reference.h"

namespace vpunas {
namespace {

reference::Image random_image(const Shape& shape) {
  reference::Image image(shape);
  Random random({5});
  for (double& x : image.data) x = 4 * random.uniform() - 2;
  return image;
}

size_t count_batch_norms(const Graph& graph) {
  return static_cast<size_t>(std::count_if(
      graph.nodes.begin(), graph.nodes.end(),
      [](const Node& node) { return std::holds_alternative<BatchNorm>(node.layer); }));
}

void expect_same_function(const Graph& graph) {
  const Weights weights = random_weights(graph, 3);
  const FoldedNetwork folded = fold(graph, weights);
  EXPECT_TRUE(folded.graph == fold(graph)) << "structure alone and with weights";
  EXPECT_EQ(count_batch_norms(folded.graph), 0u);
  EXPECT_NO_THROW(check_weights(folded.graph, folded.weights));
  const reference::Image image = random_image(graph.input_shape());
  const reference::Image expected = reference::run(graph, weights, image);
  const reference::Image actual = reference::run(folded.graph, folded.weights, image);
  ASSERT_EQ(actual.shape, expected.shape);
  for (size_t i = 0; i < expected.data.size(); ++i)
    ASSERT_NEAR(actual.data[i], expected.data[i], 1e-4 * std::max(1.0, std::abs(expected.data[i])));
}

class Fold : public testing::TestWithParam<cases::GraphCase> {};

TEST_P(Fold, KeepsTheFunction) { expect_same_function(GetParam().graph); }

INSTANTIATE_TEST_SUITE_P(Cases, Fold, testing::ValuesIn(cases::graph_cases()),
                         [](const auto& test) { return test.param.name; });

std::vector<std::string> kinds_after_folding(const Shape& input, std::vector<Layer> layers) {
  const Graph graph = cases::row("row", input, std::move(layers)).graph;
  expect_same_function(graph);
  std::vector<std::string> kinds;
  for (const Node& node : fold(graph).nodes) kinds.push_back(layer_name(node.layer));
  return kinds;
}

using Kinds = std::vector<std::string>;
const Conv padded = {.out_channels = 4, .kh = 3, .kw = 3, .padding = Padding::all(1)};
const Conv grouped = {.out_channels = 6, .kh = 3, .kw = 3, .groups = 2};

TEST(FoldInto, TheConvolutionBefore) {
  EXPECT_EQ(kinds_after_folding({2, 5, 5}, {padded, BatchNorm{}}), (Kinds{"Input", "Conv"}));
  EXPECT_EQ(kinds_after_folding({2, 5, 5}, {padded, BatchNorm{}, ScaleShift{false}}),
            (Kinds{"Input", "Conv"}));
  EXPECT_EQ(kinds_after_folding({2, 5, 5}, {padded, Activation{}, BatchNorm{}}),
            (Kinds{"Input", "Conv", "Activation", "ScaleShift"}));
}

TEST(FoldInto, TheConvolutionBehindWhereItHasNoPaddingOrThereIsNoShift) {
  EXPECT_EQ(kinds_after_folding({2, 5, 5}, {ScaleShift{false}, padded}), (Kinds{"Input", "Conv"}));
  EXPECT_EQ(kinds_after_folding({2, 5, 5}, {ScaleShift{true}, padded}),
            (Kinds{"Input", "ScaleShift", "Conv"}));
  EXPECT_EQ(kinds_after_folding({4, 5, 5}, {BatchNorm{}, ScaleShift{true}, grouped, BatchNorm{}}),
            (Kinds{"Input", "Conv"}));
  EXPECT_EQ(kinds_after_folding({4, 5, 5}, {BatchNorm{}, Linear{3, false}}),
            (Kinds{"Input", "Linear"}));
}

TEST(FoldInto, NothingThatHasAnotherReader) {
  Graph graph;
  graph.add("image", Input{{2, 5, 5}}, {});
  graph.add("conv", padded, {0});
  graph.add("norm", BatchNorm{}, {1});
  graph.add("add", Add{}, {1, 2});
  expect_same_function(graph);
  EXPECT_EQ(fold(graph).nodes.size(), 4u);
}

TEST(FoldInto, KeepsTheOutputLast) {
  Graph graph;
  graph.add("image", Input{{2, 5, 5}}, {});
  graph.add("conv", padded, {0});
  graph.add("unused", Activation{}, {0});
  graph.add("norm", BatchNorm{}, {1});
  expect_same_function(graph);
}

TEST(FoldInto, LeavesOneConvolutionAMobileNetLayer) {
  const Graph graph = lower(find_network("mobilenet_v2", data_folder()), {});
  const Graph folded = fold(graph);
  EXPECT_EQ(graph.nodes.size() - folded.nodes.size(), 52u + 1) << "52 batch norms and the scale";
  EXPECT_EQ(count_macs(folded), count_macs(graph));
}

TEST(CheckWeights, NamesTheFirstTensorThatIsWrong) {
  const Graph graph = cases::row("a", {2, 4, 4}, {padded, BatchNorm{}}).graph;
  const auto error = [&](auto change) {
    Weights weights = random_weights(graph, 1);
    change(weights);
    return error_of([&] { check_weights(graph, weights); });
  };
  EXPECT_EQ(error([](Weights&) {}), "");
  EXPECT_MENTIONS(error([](auto& w) { w.erase("layer.1.bias"); }), "tensor layer.1.bias: missing");
  EXPECT_MENTIONS(error([](auto& w) { w["layer.0.weight"].dims = {4, 2, 9}; }),
                  "tensor layer.0.weight: has dims [4, 2, 9], the network needs [4, 2, 3, 3]");
  EXPECT_MENTIONS(error([](auto& w) { w["layer.0.weight"].data.pop_back(); }), "layer.0.weight");
  EXPECT_MENTIONS(error([](auto& w) { w["layer.1.weight"].data[2] = NAN; }),
                  "tensor layer.1.weight: holds a value that is not finite");
  EXPECT_MENTIONS(error([](auto& w) { w["layer.1.running_var"].data[2] = -1; }),
                  "negative variance");
  EXPECT_MENTIONS(error([](auto& w) { w["layer.2.weight"] = {}; }),
                  "tensor layer.2.weight: the network has no such tensor");
}

TEST(RandomWeights, DependOnTheSeedAlone) {
  const Graph graph = cases::network_cases()[0].graph;
  EXPECT_EQ(random_weights(graph, 1), random_weights(graph, 1));
  EXPECT_NE(random_weights(graph, 1), random_weights(graph, 2));
}

TEST(PreprocessWeights, AreScaleAndShiftByChannel) {
  const Preprocess preprocess = {.scale = {0.5}, .mean = {10, 20, 30}};
  const Graph graph = cases::network("n", {{.out_channels = 8}}, {}, preprocess).graph;
  const Weights weights = preprocess_weights(graph);
  EXPECT_EQ(weights.at("preprocess.weight").data, (std::vector<float>{0.5f, 0.5f, 0.5f}));
  EXPECT_EQ(weights.at("preprocess.bias").data, (std::vector<float>{-5, -10, -15}));
  EXPECT_EQ(random_weights(graph, 1).at("preprocess.bias"), weights.at("preprocess.bias"));
  Graph by_channel = graph;
  by_channel.preprocess.scale = {0.5, 0.25, 2};
  EXPECT_EQ(preprocess_weights(by_channel).at("preprocess.bias").data,
            (std::vector<float>{-5, -5, -60}));
  by_channel.preprocess.scale = {1, 2};
  EXPECT_MENTIONS(error_of([&] { preprocess_weights(by_channel); }),
                  "2 scales for an image of 3 channels");
  EXPECT_TRUE(preprocess_weights(cases::pool_cases()[0].graph).empty());
}

}  // namespace
}  // namespace vpunas
