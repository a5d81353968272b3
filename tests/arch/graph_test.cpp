#include "arch/graph.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/arch/expect_error.h"
#include "tests/cases.h"

namespace vpunas {
namespace {

std::string shape_error(const Layer& layer, const std::vector<Shape>& inputs) {
  return vpunas::error_of([&] { infer_shape(layer, inputs); });
}

TEST(InferShape, FollowsTorchOnConvolutionsAndPooling) {
  const Shape image = {3, 11, 9};
  EXPECT_EQ(infer_shape(Conv{.out_channels = 8, .kh = 3, .kw = 3, .sh = 2, .sw = 2}, {image}),
            (Shape{8, 5, 4}));
  EXPECT_EQ(
      infer_shape(Conv{.out_channels = 8, .kh = 3, .kw = 1, .padding = {1, 0, 0, 2}}, {image}),
      (Shape{8, 10, 11}));
  EXPECT_EQ(infer_shape(Conv{.out_channels = 8, .kh = 3, .kw = 3, .dilation = 3}, {image}),
            (Shape{8, 5, 3}));
  const Pool pool = {.kh = 3, .kw = 3, .sh = 2, .sw = 2, .padding = Padding::all(1)};
  EXPECT_EQ(infer_shape(pool, {{3, 8, 6}}), (Shape{3, 4, 3}));
  Pool ceil = pool;
  ceil.rounding = Rounding::ceil;
  EXPECT_EQ(infer_shape(ceil, {{3, 8, 6}}), (Shape{3, 5, 4}));
  EXPECT_EQ(infer_shape(Pool{.sh = 3, .sw = 3, .rounding = Rounding::ceil}, {{1, 6, 7}}),
            (Shape{1, 2, 3}))
      << "no window may start beyond the input";
}

TEST(InferShape, KnowsTheOtherLayers) {
  const Shape image = {6, 5, 4};
  EXPECT_EQ(infer_shape(Concat{}, {image, {2, 5, 4}}), (Shape{8, 5, 4}));
  EXPECT_EQ(infer_shape(Slice{1, 4}, {image}), (Shape{3, 5, 4}));
  EXPECT_EQ(infer_shape(Mul{}, {image, {6, 1, 1}}), image);
  EXPECT_EQ(infer_shape(GlobalPool{}, {image}), (Shape{6, 1, 1}));
  EXPECT_EQ(infer_shape(Linear{7}, {image}), (Shape{7, 1, 1}));
  EXPECT_EQ(infer_shape(Resize{ResizeKind::nearest, 2, 9}, {image}), (Shape{6, 2, 9}));
}

TEST(InferShape, SaysWhatDoesNotFit) {
  const Shape image = {6, 5, 4};
  EXPECT_MENTIONS(shape_error(Conv{.out_channels = 2, .kh = 7, .kw = 7}, {image}),
                  "kernel 7 is larger than the padded input 5");
  EXPECT_MENTIONS(shape_error(Conv{.out_channels = 2, .groups = 4}, {image}), "4 groups");
  EXPECT_MENTIONS(shape_error(Conv{.out_channels = 0}, {image}), "no elements");
  EXPECT_MENTIONS(shape_error(Conv{.out_channels = 2, .sh = 0}, {image}), "stride 0");
  EXPECT_MENTIONS(shape_error(Conv{.out_channels = 2, .kh = 0}, {image}), "kernel 0");
  EXPECT_MENTIONS(shape_error(Conv{.out_channels = 2, .dilation = 0}, {image}), "dilation 0");
  EXPECT_MENTIONS(shape_error(Conv{.out_channels = 2, .padding = {-1, 0, 0, 0}}, {image}),
                  "padding -1");
  EXPECT_MENTIONS(shape_error(Add{}, {image, {6, 5, 5}}), "6x5x4 and 6x5x5");
  EXPECT_MENTIONS(shape_error(Add{}, {image}), "takes 2 or more inputs, has 1");
  EXPECT_MENTIONS(shape_error(Mul{}, {image, {5, 1, 1}}), "6x5x4 and 5x1x1");
  EXPECT_MENTIONS(shape_error(Concat{}, {image, {6, 4, 4}}), "6x5x4 and 6x4x4");
  EXPECT_MENTIONS(shape_error(Slice{3, 7}, {image}), "channels 3 to 7");
  EXPECT_MENTIONS(shape_error(Permute{4}, {image}), "into 4 groups");
  EXPECT_MENTIONS(shape_error(Pool{.padding = Padding::all(2)}, {image}), "padding");
  EXPECT_MENTIONS(shape_error(Resize{}, {image}), "no elements");
  EXPECT_MENTIONS(shape_error(Lrn{.size = 0}, {image}), "size 0");
  EXPECT_MENTIONS(shape_error(BatchNorm{.eps = 0}, {image}), "eps");
}

TEST(InferShape, BoundsWhatHostileFilesMayAskFor) {
  const int huge = 2'000'000'000;
  EXPECT_MENTIONS(shape_error(Input{{huge, huge, huge}}, {}), "exceeds");
  EXPECT_MENTIONS(shape_error(Conv{.out_channels = huge}, {{64, 8, 8}}), "exceeds");
  EXPECT_MENTIONS(
      shape_error(Conv{.out_channels = 64, .padding = Padding::all(huge)}, {{64, 8, 8}}),
      "padding");
  EXPECT_MENTIONS(shape_error(Linear{huge}, {{64, 8, 8}}), "exceeds");
  EXPECT_MENTIONS(shape_error(Resize{ResizeKind::nearest, huge, huge}, {{64, 8, 8}}), "exceeds");
  EXPECT_MENTIONS(shape_error(Concat{}, {{1 << 30, 1, 2}, {1 << 30, 1, 2}}), "exceeds");
  EXPECT_MENTIONS(
      shape_error(Conv{.out_channels = 8192, .kh = 3, .kw = 3, .padding = Padding::all(1)},
                  {{8192, 500, 500}}),
      "multiply-accumulates");
}

TEST(GraphAdd, NamesTheNodeInItsErrors) {
  Graph graph;
  EXPECT_MENTIONS(error_of([&] { graph.add("x", Softmax{}, {}); }), "first node must be the input");
  graph.add("image", Input{{3, 4, 4}}, {});
  EXPECT_MENTIONS(error_of([&] { graph.add("big", Conv{.out_channels = 1, .kh = 9}, {0}); }),
                  "node big (Conv): on 3x4x4");
  EXPECT_MENTIONS(error_of([&] { graph.add("image", Softmax{}, {0}); }), "name is taken");
  EXPECT_MENTIONS(error_of([&] { graph.add("x", Softmax{}, {1}); }), "node that is not there");
  EXPECT_MENTIONS(error_of([&] { graph.add("x", Softmax{}, {-1}); }), "node that is not there");
  EXPECT_MENTIONS(error_of([&] { graph.add("", Softmax{}, {0}); }), "no name");
  EXPECT_EQ(graph.nodes.size(), 1u) << "a refused node is not added";
}

TEST(GraphAdd, TakesSeveralInputsBeforeAllOtherNodes) {
  Graph graph{.name = "pair", .preprocess = {}, .nodes = {}};
  graph.add("image", Input{{3, 4, 4}}, {});
  EXPECT_NO_THROW(require_one_input(graph));
  graph.add("other", Input{{3, 4, 4}}, {});
  graph.add("sum", Add{}, {0, 1});
  EXPECT_MENTIONS(error_of([&] { graph.add("late", Input{{3, 4, 4}}, {}); }), "node late (Input)");
  EXPECT_EQ(count_inputs(graph), 2u);
  EXPECT_MENTIONS(error_of([&] { require_one_input(graph); }), "network pair: has 2 inputs");
}

TEST(Counts, AreOfConvolutionsAndLinearLayers) {
  const Graph graph =
      cases::row("a", {4, 6, 6},
                 {Conv{.out_channels = 8, .kh = 3, .kw = 3, .groups = 2, .bias = true}, BatchNorm{},
                  ScaleShift{}, PRelu{}, GlobalPool{}, Linear{5}})
          .graph;
  EXPECT_EQ(node_macs(graph, 1), 4 * 4 * 8 * 2 * 9);
  EXPECT_EQ(count_macs(graph), 4 * 4 * 8 * 2 * 9 + 8 * 5);
  EXPECT_EQ(count_parameters(graph), (8 * 2 * 9 + 8) + 16 + 16 + 8 + (8 * 5 + 5));
}

TEST(Act, HasANameThatParses) {
  for (const Act act : {Act::none, Act::relu, Act::relu6, Act::leaky_relu, Act::hswish, Act::swish,
                        Act::sigmoid, Act::hsigmoid})
    EXPECT_EQ(parse_act(act_name(act)), act);
  EXPECT_MENTIONS(error_of([] { parse_act("relu7"); }), "relu7 is unknown (did you mean relu");
}

TEST(Cases, UseEveryLayer) {
  std::set<std::string> used, names;
  for (const auto& [name, graph] : cases::graph_cases()) {
    EXPECT_TRUE(names.insert(name).second) << name << " is there twice";
    for (const Node& node : graph.nodes) used.insert(layer_name(node.layer));
  }
  EXPECT_EQ(used.size(), std::variant_size_v<Layer>);
}

}  // namespace
}  // namespace vpunas
