// What exporters spell in their own ways comes out as the one graph that it means.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/files.h"
#include "base/random.h"
#include "onnx/onnx.h"
#include "tests/arch/expect_error.h"
#include "tests/onnx/foreign.h"
#include "tests/reference.h"

namespace vpunas {
namespace {

using onnx::ForeignModel;
using M = ForeignModel&;
using Write = std::function<void(M)>;
constexpr float infinity = std::numeric_limits<float>::infinity();

const Shape image = {4, 6, 5};

// What `write` makes of the image x as y. There are constants: numbers "0", "1/6", ..., a weight of
// a convolution "w" and of a linear layer "m", rows "four" and "row4", lists "[2,3]", ...
FoldedNetwork read(const Write& write, int opset = 17,
                   const std::vector<int64_t>& dims = {1, image.c, image.h, image.w}) {
  ForeignModel model;
  model.input("x", dims);
  const auto number = [&](const char* name, float value) { model.scalar(name, value); };
  number("-inf", -infinity), number("0", 0), number("1/6", 1.0f / 6), number("0.2", 0.2f);
  number("0.5", 0.5f), number("1", 1), number("2", 2), number("3", 3), number("6", 6);
  model.floats("four", {4, 1, 1}, {1, 2, 3, 4});
  model.floats("row4", {4}, {1, 2, 3, 4});
  std::vector<float> values;
  for (int i = 0; i < 4 * 120; ++i) values.push_back(static_cast<float>(i % 17) / 8 - 1);
  model.floats("w", {4, 4, 3, 3}, {values.begin(), values.begin() + 144});
  model.floats("m", {120, 4}, values);
  model.floats("m4", {4, 4}, {values.begin(), values.begin() + 16});
  for (const auto& list : std::vector<std::vector<int64_t>>{{0},
                                                            {1},
                                                            {2},
                                                            {4},
                                                            {-1},
                                                            {2, 3},
                                                            {1, 2},
                                                            {-1, -2},
                                                            {2, 2},
                                                            {0, -1},
                                                            {1, -1},
                                                            {0, 0, 1, 2, 0, 0, 0, 1},
                                                            {0, 1, 2, 0, 0, 0, 1, 0},
                                                            {1, 2, 2, 6, 5},
                                                            {1, 4, 6, 5},
                                                            {0, 2, 2, 30},
                                                            {0, -1, 6, 5},
                                                            {1, 3},
                                                            {1, 4, 12, 10}}) {
    std::string name = "[";
    for (const int64_t value : list) name += (name == "[" ? "" : ",") + std::to_string(value);
    model.constant(name + "]", list);
  }
  write(model);
  model.output("y");
  return from_onnx(model.bytes(opset), "m");
}

std::vector<Layer> layers(const FoldedNetwork& network) {
  std::vector<Layer> result;
  for (const Node& node : network.graph.nodes)
    if (!node.inputs.empty()) result.push_back(node.layer);
  return result;
}

std::vector<double> run(const FoldedNetwork& network) {
  reference::Image in(network.graph.input_shape());
  Random random({3});
  for (double& x : in.data) x = 8 * random.uniform() - 4;
  return reference::Interpreter(network.graph, network.weights).run(in).data;
}

void expect_same(const FoldedNetwork& a, const FoldedNetwork& b) {
  EXPECT_EQ(layers(a), layers(b));
  const std::vector<double> out_a = run(a), out_b = run(b);
  ASSERT_EQ(out_a.size(), out_b.size());
  for (size_t i = 0; i < out_a.size(); ++i) EXPECT_NEAR(out_a[i], out_b[i], 1e-5) << i;
}

void expect_layers(const std::vector<Layer>& expected, const std::vector<Write>& spellings,
                   int opset = 17) {
  for (size_t i = 0; i < spellings.size(); ++i)
    EXPECT_EQ(layers(read(spellings[i], opset)), expected) << "spelling " << i;
}

TEST(Exporters, SpellRelu6) {
  expect_layers({Activation{.act = Act::relu6}},
                {[](M m) { m.op("Clip", {"x", "0", "6"}, "y"); },
                 [](M m) { m.op("Max", {"x", "0"}, "a"), m.op("Min", {"6", "a"}, "y"); },
                 [](M m) { m.op("Min", {"x", "6"}, "a"), m.op("Max", {"a", "0"}, "y"); },
                 [](M m) { m.op("Relu", {"x"}, "a"), m.op("Min", {"a", "6"}, "y"); },
                 [](M m) { m.op("Relu", {"x"}, "a"), m.op("Clip", {"a", "", "6"}, "y"); }});
  expect_layers({Activation{.act = Act::relu6}},
                {[](M m) { m.op("Clip", {"x"}, "y", {}, {{"min", 0.0f}, {"max", 6.0f}}); }}, 7);
  expect_layers({Activation{.act = Act::relu}}, {[](M m) { m.op("Max", {"0", "x"}, "y"); },
                                                 [](M m) { m.op("Clip", {"x", "0"}, "y"); }});
}

TEST(Exporters, SpellHardSwishInEveryOrder) {
  const auto spelled = [](const std::function<void(M)>& product) {
    return [product](M m) {
      m.op("Add", {"3", "x"}, "a");
      m.op("Clip", {"a", "0", "6"}, "b");
      product(m);
    };
  };
  expect_layers({Activation{.act = Act::hswish}},
                {spelled([](M m) { m.op("Div", {"b", "6"}, "c"), m.op("Mul", {"x", "c"}, "y"); }),
                 spelled([](M m) { m.op("Mul", {"1/6", "b"}, "c"), m.op("Mul", {"c", "x"}, "y"); }),
                 spelled([](M m) { m.op("Mul", {"x", "b"}, "c"), m.op("Div", {"c", "6"}, "y"); }),
                 spelled([](M m) { m.op("Mul", {"b", "x"}, "c"), m.op("Mul", {"c", "1/6"}, "y"); }),
                 spelled([](M m) { m.op("Div", {"x", "6"}, "c"), m.op("Mul", {"c", "b"}, "y"); }),
                 [](M m) { m.op("HardSwish", {"x"}, "y"); },
                 [](M m) {
                   m.op("HardSigmoid", {"x"}, "g", {}, {{"alpha", 1.0f / 6}}),
                       m.op("Mul", {"g", "x"}, "y");
                 }});
}

TEST(Exporters, SpellSwishAndHardSigmoid) {
  expect_layers({Activation{.act = Act::swish}},
                {[](M m) { m.op("Sigmoid", {"x"}, "a"), m.op("Mul", {"a", "x"}, "y"); },
                 [](M m) { m.op("Swish", {"x"}, "y"); }});
  expect_layers(
      {Activation{.act = Act::hsigmoid}},
      {[](M m) { m.op("HardSigmoid", {"x"}, "y", {}, {{"alpha", 1.0f / 6}, {"beta", 0.5f}}); },
       [](M m) {
         m.op("Add", {"x", "3"}, "a"), m.op("Relu", {"a"}, "b"), m.op("Min", {"b", "6"}, "c"),
             m.op("Div", {"c", "6"}, "y");
       },
       [](M m) {
         m.op("Mul", {"x", "1/6"}, "a"), m.op("Add", {"a", "0.5"}, "b"),
             m.op("Clip", {"b", "0", "1"}, "y");
       }});
}

TEST(Exporters, HardSigmoidOfAnotherSlopeIsScaled) {
  const FoldedNetwork paddle = read([](M m) { m.op("HardSigmoid", {"x"}, "y"); });
  expect_same(paddle, read([](M m) {
                m.op("Mul", {"x", "0.2"}, "a"), m.op("Add", {"a", "0.5"}, "b"),
                    m.op("Clip", {"b", "0", "1"}, "y");
              }));
  EXPECT_EQ(layers(paddle), (std::vector<Layer>{ScaleShift{false}, Activation{Act::hsigmoid}}));
  EXPECT_NEAR(paddle.weights.at("n:y/scale.weight").data[0], 1.2, 1e-6);
}

// An activation's parts may be wanted elsewhere.
TEST(Exporters, KeepWhatIsReadTwice) {
  const auto network = read([](M m) {
    m.op("Sigmoid", {"x"}, "a"), m.op("Mul", {"a", "x"}, "b"), m.op("Add", {"a", "b"}, "y");
  });
  EXPECT_EQ(layers(network), (std::vector<Layer>{Activation{Act::sigmoid}, Mul{}, Add{}}));
}

TEST(Exporters, AddBiasesToLayers) {
  const FoldedNetwork conv = read([](M m) { m.op("Conv", {"x", "w", "row4"}, "y"); });
  expect_same(conv,
              read([](M m) { m.op("Conv", {"x", "w"}, "a"), m.op("Add", {"a", "four"}, "y"); }));
  const FoldedNetwork linear =
      read([](M m) { m.op("Flatten", {"x"}, "a"), m.op("Gemm", {"a", "m", "row4"}, "y"); });
  expect_same(linear, read([](M m) {
                m.op("Reshape", {"x", "[0,-1]"}, "a"), m.op("MatMul", {"a", "m"}, "b"),
                    m.op("Add", {"row4", "b"}, "y");
              }));
  expect_same(linear, read([](M m) {
                m.op("Transpose", {"m"}, "t"), m.op("Reshape", {"x", "[1,-1]"}, "a"),
                    m.op("Gemm", {"a", "t", "row4"}, "y", {{"transB", {1}}});
              }));
}

TEST(Exporters, OfTensorFlowPutChannelsLast) {
  const std::vector<int64_t> last = {0, image.h, image.w, image.c};
  const FoldedNetwork first = read([](M m) {
    m.op("Sub", {"x", "four"}, "a"), m.op("Conv", {"a", "w"}, "b"), m.op("Relu", {"b"}, "c");
    m.op("GlobalAveragePool", {"c"}, "d"), m.op("Flatten", {"d"}, "e");
    m.op("Gemm", {"e", "m4", "row4"}, "y");
  });
  const auto head = [](const Write& mean) {
    return [mean](M m) {
      m.op("Sub", {"x", "row4"}, "a"), m.op("Transpose", {"a"}, "t", {{"perm", {0, 3, 1, 2}}});
      m.op("Conv", {"t", "w"}, "b"), m.op("Transpose", {"b"}, "u", {{"perm", {0, 2, 3, 1}}});
      m.op("Relu", {"u"}, "c"), mean(m);
      m.op("MatMul", {"e", "m4"}, "f"), m.op("Add", {"f", "row4"}, "y");
    };
  };
  expect_same(
      first,
      read(head([](M m) { m.op("ReduceMean", {"c"}, "e", {{"axes", {1, 2}}, {"keepdims", {0}}}); }),
           13, last));
  expect_same(first, read(head([](M m) {
                            m.op("ReduceMean", {"c", "[1,2]"}, "d");
                            m.op("Squeeze", {"d", "[1,2]"}, "e");
                          }),
                          18, last));
}

TEST(Exporters, LinearLayersTakeAPlaneInAnyOrder) {
  const FoldedNetwork network = read([](M m) {
    m.op("Transpose", {"x"}, "t", {{"perm", {0, 2, 3, 1}}});
    m.op("Reshape", {"t", "[1,-1]"}, "a"), m.op("MatMul", {"a", "m"}, "y");
  });
  const FoldedNetwork plain =
      read([](M m) { m.op("Flatten", {"x"}, "a"), m.op("Gemm", {"a", "m"}, "y"); });
  const auto &ours = network.weights.at("n:y.weight").data,
             &theirs = plain.weights.at("n:y.weight").data;
  for (const int64_t out : {0, 3})
    for (int64_t c = 0; c < image.c; ++c)
      for (int64_t i = 0; i < image.h * image.w; ++i)
        ASSERT_EQ(ours[static_cast<size_t>(out * 120 + c * 30 + i)],
                  theirs[static_cast<size_t>(out * 120 + i * image.c + c)]);
}

TEST(Exporters, PadAsConvolutionsAndPoolingsDo) {
  const Padding odd = {1, 2, 0, 1};
  const Conv conv = {.out_channels = 4, .kh = 3, .kw = 3, .padding = odd};
  const auto pad = [](M m, const char* of, std::vector<std::string> value) {
    value.insert(value.begin(), {of, "[0,0,1,2,0,0,0,1]"});
    m.op("Pad", value, "p");
  };
  expect_layers({conv}, {[&](M m) { pad(m, "x", {}), m.op("Conv", {"p", "w"}, "y"); },
                         [&](M m) { pad(m, "x", {"0"}), m.op("Conv", {"p", "w"}, "y"); }});
  const auto pool = [](M m, const char* type) {
    m.op(type, {"p"}, "y", {{"kernel_shape", {3, 3}}, {"strides", {2, 2}}});
  };
  Pool padded = {.kh = 3, .kw = 3, .sh = 2, .sw = 2, .padding = odd};
  expect_layers({padded}, {[&](M m) { pad(m, "x", {"-inf"}), pool(m, "MaxPool"); }});
  expect_layers({Activation{Act::relu}, padded},
                {[&](M m) { m.op("Relu", {"x"}, "r"), pad(m, "r", {"0"}), pool(m, "MaxPool"); }});
  padded.kind = PoolKind::average, padded.count_padding = true;
  expect_layers({padded}, {[&](M m) { pad(m, "x", {"0"}), pool(m, "AveragePool"); }});
  EXPECT_MENTIONS(error_of([&] { read([&](M m) { pad(m, "x", {"0"}), pool(m, "MaxPool"); }); }),
                  "reads a Pad with 0");
  EXPECT_MENTIONS(error_of([&] { read([&](M m) { pad(m, "x", {}), m.op("Relu", {"p"}, "y"); }); }),
                  "reads a Pad, which is known only before");
}

TEST(Exporters, LeavePadsToTheReader) {
  const auto padding = [](const char* auto_pad, const std::vector<int64_t>& strides) {
    ForeignModel model;
    model.input("x", {1, 1, 6, 5});
    model.floats("w", {1, 1, 3, 4}, std::vector<float>(12, 1));
    model.text_attribute_op("Conv", {"x", "w"}, "y", "auto_pad", auto_pad, {{"strides", strides}});
    model.output("y");
    return std::get<Conv>(from_onnx(model.bytes(), "m").graph.nodes[1].layer).padding;
  };
  EXPECT_EQ(padding("SAME_UPPER", {2, 2}), (Padding{0, 1, 1, 2}));
  EXPECT_EQ(padding("SAME_LOWER", {2, 2}), (Padding{1, 2, 0, 1}));
  EXPECT_EQ(padding("SAME_UPPER", {1, 1}), (Padding{1, 1, 1, 2}));
  EXPECT_EQ(padding("VALID", {1, 1}), Padding{});
}

TEST(Exporters, CalculateShapes) {
  expect_layers({GlobalPool{}, Softmax{}}, {[](M m) {
                  m.op("GlobalAveragePool", {"x"}, "a"), m.op("Shape", {"a"}, "s");
                  m.op("Gather", {"s", "[0]"}, "b", {{"axis", {0}}});
                  m.op("Squeeze", {"b", "[0]"}, "c"), m.op("Unsqueeze", {"c", "[0]"}, "d");
                  m.op("Concat", {"d", "[-1]"}, "e", {{"axis", {0}}});
                  m.op("Reshape", {"a", "e"}, "f"), m.op("Softmax", {"f"}, "y");
                }});
  // The shape of what was calculated from a shape.
  expect_layers({Concat{}, Slice{0, 4}}, {[](M m) {
                  m.op("Concat", {"x", "x"}, "a", {{"axis", {1}}}), m.op("Shape", {"x"}, "s");
                  m.op("Shape", {"s"}, "t"), m.op("Slice", {"a", "[0]", "t", "[1]"}, "y");
                }});
  // torch.chunk: half of the channels, rounded up.
  expect_layers({Slice{0, 2}}, {[](M m) {
                  m.op("Shape", {"x"}, "s"), m.op("Gather", {"s", "[1]"}, "a");
                  m.op("Add", {"a", "[1]"}, "b"), m.op("Div", {"b", "[2]"}, "c");
                  m.op("Mul", {"c", "[1]"}, "d"), m.op("Slice", {"x", "[0]", "d", "[1]"}, "y");
                }});
}

TEST(Exporters, SelectChannels) {
  const std::vector<Layer> halves = {Slice{0, 2}, Slice{2, 4}, Add{}};
  const auto sum = [](M m) { m.op("Add", {"a", "b"}, "y"); };
  expect_layers(halves,
                {[&](M m) { m.ops("Split", {"x"}, {"a", "b"}, {{"axis", {1}}}), sum(m); },
                 [&](M m) { m.ops("Split", {"x", "[2,2]"}, {"a", "b"}, {{"axis", {-3}}}), sum(m); },
                 [&](M m) {
                   m.op("Slice", {"x", "[0]", "[2]", "[1]"}, "a");
                   m.op("Slice", {"x", "[2]", "[4]", "[1]", "[1]"}, "b"), sum(m);
                 }});
  expect_layers(halves, {[&](M m) {
                  m.op("Slice", {"x"}, "a", {{"axes", {1}}, {"starts", {0}}, {"ends", {2}}});
                  m.op("Slice", {"x"}, "b", {{"axes", {1}}, {"starts", {-2}}, {"ends", {99}}});
                  sum(m);
                }},
                9);
  expect_layers(halves, {[&](M m) {
                  m.ops("Split", {"x"}, {"a", "b"}, {{"axis", {1}}, {"split", {2, 2}}}), sum(m);
                }},
                7);
  // torchvision's transform_input.
  expect_layers({Slice{1, 2}}, {[](M m) {
                  m.op("Gather", {"x", "i"}, "a", {{"axis", {1}}}),
                      m.raw("i", {}, 6, {"\1\0\0\0", 4});
                  m.op("Unsqueeze", {"a", "[1]"}, "y");
                }});
}

TEST(Exporters, ShuffleChannels) {
  const auto back = [](M m) { m.op("Reshape", {"b", "[0,-1,6,5]"}, "y"); };
  expect_layers({Permute{2}}, {[&](M m) {
                                 m.op("Reshape", {"x", "[1,2,2,6,5]"}, "a");
                                 m.op("Transpose", {"a"}, "b", {{"perm", {0, 2, 1, 3, 4}}}),
                                     back(m);
                               },
                               [&](M m) {
                                 m.op("Reshape", {"x", "[0,2,2,30]"}, "a");
                                 m.op("Transpose", {"a"}, "b", {{"perm", {0, 2, 1, 3}}});
                                 m.op("Reshape", {"b", "[1,4,6,5]"}, "y");
                               }});
  EXPECT_MENTIONS(error_of([&] {
                    read([&](M m) {
                      m.op("Transpose", {"x"}, "a", {{"perm", {0, 1, 3, 2}}});
                      m.op("MaxPool", {"a"}, "y", {{"kernel_shape", {2, 2}}});
                    });
                  }),
                  "takes an image [1, c, h, w], input a is none");
}

TEST(Exporters, PoolThePlane) {
  expect_layers({GlobalPool{}},
                {[](M m) { m.op("GlobalAveragePool", {"x"}, "y"); },
                 [](M m) { m.op("ReduceMean", {"x", "[-1,-2]"}, "y"); },
                 [](M m) { m.op("ReduceMean", {"x", "[2,3]"}, "y", {{"keepdims", {0}}}); },
                 [](M m) { m.op("AveragePool", {"x"}, "y", {{"kernel_shape", {6, 5}}}); }},
                18);
  expect_layers({Pool{.kh = 6, .kw = 5, .sh = 1, .sw = 1}},
                {[](M m) { m.op("GlobalMaxPool", {"x"}, "y"); }});
}

TEST(Exporters, WriteWhatDoesNothing) {
  expect_layers({Activation{Act::relu}},
                {[](M m) {
                   m.ops("Dropout", {"x", "0.5"}, {"a", "mask"}), m.op("Identity", {"a"}, "b");
                   m.op("Cast", {"b"}, "c", {{"to", {10}}}), m.op("Relu", {"c"}, "y");
                 },
                 [](M m) { m.op("Relu", {"x"}, "y"), m.op("Einsum", {"x"}, "dead"); }});
  EXPECT_MENTIONS(error_of([] { read([](M m) { m.op("Cast", {"x"}, "y", {{"to", {6}}}); }); }),
                  "only casts to floats");
}

TEST(Exporters, HoldWeightsInOtherTypes) {
  const std::string half{"\x00\x3c\x00\x40\x00\xc0\x01\x00", 8};  // 1, 2, -2, 2^-24
  const FoldedNetwork network =
      read([&](M m) { m.raw("h", {4, 1, 1}, 10, half), m.op("Mul", {"x", "h"}, "y"); });
  EXPECT_EQ(network.weights.at("n:y.weight").data, (std::vector<float>{1, 2, -2, 0x1p-24f}));
  const double two = 2;
  const std::string bytes{reinterpret_cast<const char*>(&two), sizeof(two)};
  const FoldedNetwork wide = read([&](M m) {
    m.raw("d", {}, 11, bytes), m.op("Cast", {"d"}, "f", {{"to", {1}}}),
        m.op("Mul", {"x", "f"}, "y");
  });
  EXPECT_EQ(wide.weights.at("n:y.weight").data, (std::vector<float>{2, 2, 2, 2}));
}

TEST(Exporters, RefuseTraining) {
  const auto norm = [](const std::vector<std::string>& outputs) {
    return error_of([&] {
      read(
          [&](M m) {
            m.ops("BatchNormalization", {"x", "row4", "row4", "row4", "row4"}, outputs,
                  {{"spatial", {1}}});
          },
          8);
    });
  };
  EXPECT_EQ(norm({"y"}), "");
  EXPECT_MENTIONS(norm({"y", "a", "b", "c", "d"}), "is in training mode");
}

TEST(Exporters, GiveOneOutputAndAFixedSize) {
  ForeignModel two;
  two.input("x", {1, 2, 4, 4});
  two.op("Relu", {"x"}, "y");
  two.output("x"), two.output("y");
  EXPECT_MENTIONS(error_of([&] { from_onnx(two.bytes(), "m"); }), "has 2 outputs (x, y), not one");
}

TEST(Exporters, MakeLabelsOfScoresAndAreToldWhereToCut) {
  ForeignModel model;
  model.input("x", {1, 2, 4, 4});
  model.raw("labels", {2}, 8, "");
  model.op("GlobalAveragePool", {"x"}, "scores");
  model.ml_op("ZipMap", {"scores"}, "loss");
  model.output("loss");
  const std::string error = error_of([&] { from_onnx(model.bytes(), "m"); });
  EXPECT_MENTIONS(error, "makes labels of its scores (node n:loss, ZipMap)");
  EXPECT_MENTIONS(error, "[\"scores\"]");
}

TEST(Exporters, FillInWeightsWhereTheyLeaveThemOut) {
  ForeignModel model;
  model.input("x", {1, 2048, 4, 4});
  model.constant("dims", {8192, 2048, 1, 1});
  model.op("ConstantOfShape", {"dims"}, "w");
  model.op("Conv", {"x", "w"}, "y");
  model.output("y");
  EXPECT_MENTIONS(error_of([&] { from_onnx(model.bytes(), "m"); }),
                  "without the network's weights");
}

TEST(Exporters, MayNameNodesAlike) {
  ForeignModel model;
  model.input("n:y", {1, 2, 4, 4});
  model.op("Relu", {"n:y"}, "y");
  model.output("y");
  EXPECT_EQ(from_onnx(model.bytes(), "m").graph.nodes[1].name, "y");
}

TEST(Exporters, ResizeByScalesAndSizes) {
  const Resize twice = {ResizeKind::nearest, 12, 10};
  const auto scales = [](M m) { m.floats("s", {4}, {1, 1, 2, 2}); };
  expect_layers({twice},
                {[&](M m) { scales(m), m.op("Upsample", {"x", "s"}, "y"); },
                 [&](M m) { scales(m), m.op("Resize", {"x", "s"}, "y"); }},
                10);
}

// Half of 33 lines are 16 that lie two apart; the ratio of 16 to 33 is another network.
TEST(Exporters, ScalesStayWhereTheyAreNotTheRatioOfTheSizes) {
  const auto resize = [](const std::vector<float>& scales) {
    ForeignModel model;
    model.input("x", {1, 2, 33, 21});
    model.floats("s", {4}, scales);
    model.text_attribute_op("Resize", {"x", "", "s"}, "y", "mode", "linear");
    model.output("y");
    const FoldedNetwork read = from_onnx(model.bytes(), "m");
    EXPECT_EQ(from_onnx(to_onnx(read.graph, read.weights), "back").graph.nodes[1].layer,
              read.graph.nodes[1].layer);
    return std::get<Resize>(read.graph.nodes[1].layer);
  };
  EXPECT_EQ(resize({1, 1, 0.5f, 1.5f}), (Resize{ResizeKind::bilinear, 16, 31, 0.5, 1.5}));
  EXPECT_EQ(resize({1, 1, 2, 1.0f / 3}), (Resize{ResizeKind::bilinear, 66, 7}));
  EXPECT_EQ(resize({1, 1, 0.5f, 2}), (Resize{ResizeKind::bilinear, 16, 42, 0.5, 0}));
}

TEST(Exporters, TellTheOutputsOwnShape) {
  ForeignModel model;
  model.input("x", {1, 2, 4, 6});
  model.op("Transpose", {"x"}, "y", {{"perm", {0, 2, 3, 1}}});
  model.op("Relu", {"y"}, "z");
  model.output("z");
  EXPECT_EQ(from_onnx(model.bytes(), "m").output_dims, (std::vector<int64_t>{1, 4, 6, 2}));
}

TEST(Exporters, PutWeightsBesideTheModel) {
  const TemporaryFolder folder;
  const auto write = [&](const std::string& location, const std::string& offset) {
    ForeignModel model;
    model.input("x", {1, 2, 4, 4});
    model.external("w", {2, 1, 1}, location, offset);
    model.op("Mul", {"x", "w"}, "y");
    model.output("y");
    write_file(folder.path() / "m/model.onnx", model.bytes());
    return folder.path() / "m/model.onnx";
  };
  const std::vector<float> values = {1, 2, 3};
  const std::string bytes{reinterpret_cast<const char*>(values.data()), 12};
  write_file(folder.path() / "m/model.data", bytes), write_file(folder.path() / "secret", bytes);
  const auto path = write("model.data", "4");
  EXPECT_EQ(read_onnx(path).weights.at("n:y.weight").data, (std::vector<float>{2, 3}));
  EXPECT_MENTIONS(error_of([&] { from_onnx(read_file(path), "m"); }),
                  "m: tensor w: lies in the file model.data");
  const auto error = [&](const std::string& location, const std::string& offset) {
    return error_of([&] { read_onnx(write(location, offset)); });
  };
  EXPECT_MENTIONS(error("model.data", "16"), "beyond the end of model.data");
  EXPECT_MENTIONS(error("model.data", "-1"), "offset of its external data");
  EXPECT_MENTIONS(error("model.data", "0"), "its dims say 2");
  EXPECT_MENTIONS(error("gone.data", "0"), "is not beside the model");
  EXPECT_MENTIONS(error("../secret", "0"), "no file in the model's folder");
  EXPECT_MENTIONS(error(folder.path() / "secret", "0"), "no file in the model's folder");
  EXPECT_MENTIONS(error(".", "0"), "no file in the model's folder");
}

}  // namespace
}  // namespace vpunas
