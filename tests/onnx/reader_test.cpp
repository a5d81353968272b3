#include <gtest/gtest.h>

#include "base/random.h"
#include "onnx/onnx.h"
#include "tests/arch/expect_error.h"
#include "tests/cases.h"
#include "tests/onnx/foreign.h"

namespace vpunas {
namespace {

using onnx::ForeignModel;

// A classifier in the manner of PyTorch's exporter: unnamed batch, Constant and Identity, mean over
// the plane.
ForeignModel classifier() {
  ForeignModel model;
  model.input("x", {0, 2, 6, 6});
  model.input("w", {3, 2, 1, 1});  // old exporters list initialisers, too
  model.floats("w", {3, 2, 1, 1}, {1, 2, 3, 4, 5, 6});
  model.op("Identity", {"w"}, "w2");
  model.op("Conv", {"x", "w2"}, "a");
  model.op("Identity", {"a"}, "a2");
  model.op("Relu", {"a2"}, "b");
  model.op("ReduceMean", {"b"}, "c", {{"axes", {-1, -2}}, {"keepdims", {0}}});
  model.constant("shape", {-1, 3});
  model.op("Reshape", {"c", "shape"}, "d");
  model.floats("lw", {2, 3}, {1, 2, 3, 4, 5, 6});
  model.floats("lb", {2}, {7, 8});
  model.op("Gemm", {"d", "lw", "lb"}, "y", {{"transB", {1}}});
  model.output("y");
  return model;
}

TEST(OnnxReader, ReadsAClassifierOfAnotherExporter) {
  const auto [graph, weights, dims] = from_onnx(classifier().bytes(), "m");
  std::vector<std::string> kinds;
  for (const Node& node : graph.nodes) kinds.push_back(layer_name(node.layer));
  EXPECT_EQ(kinds,
            (std::vector<std::string>{"Input", "Conv", "Activation", "GlobalPool", "Linear"}));
  EXPECT_EQ(graph.input_shape(), (Shape{2, 6, 6}));
  EXPECT_EQ(graph.output_shape(), (Shape{2, 1, 1}));
  EXPECT_EQ(weights.at("n:a.weight").data, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(weights.at("n:y.bias").data, (std::vector<float>{7, 8}));
  EXPECT_EQ(graph.preprocess, Preprocess{});
}

TEST(OnnxReader, TakesConstantOperandsAsScaleAndShift) {
  ForeignModel model;
  model.input("x", {1, 2, 3, 3});
  model.floats("half", {}, {0.5});
  model.floats("shift", {2, 1, 1}, {1, 2});
  model.op("Mul", {"half", "x"}, "a");
  model.op("Add", {"a", "shift"}, "b");
  model.output("b");
  const auto [graph, weights, dims] = from_onnx(model.bytes(), "m");
  EXPECT_EQ(graph.nodes.size(), 2u);
  EXPECT_EQ(weights.at("n:b.weight").data, (std::vector<float>{0.5, 0.5}));
  EXPECT_EQ(weights.at("n:b.bias").data, (std::vector<float>{1, 2}));
}

// The error for a model whose one operator, on an image of 2 x 4 x 4, is written by `add`.
template <class Add>
std::string operator_error(const Add& add, int opset = 13) {
  ForeignModel model;
  model.input("x", {1, 2, 4, 4});
  model.floats("w", {2, 2, 3, 3}, std::vector<float>(36, 1));
  model.floats("row", {4}, {1, 2, 3, 4});
  model.floats("six", {}, {6});
  model.constant("one", {1});
  add(model);
  model.output("y");
  return error_of([&] { from_onnx(model.bytes(opset), "m.onnx"); });
}

TEST(OnnxReader, NamesTheNodeAndTheOperatorThatItDoesNotKnow) {
  using Model = ForeignModel&;
  using Names = std::vector<std::string>;
  const auto error = [](const char* type, const Names& inputs,
                        const std::vector<std::pair<std::string, std::vector<int64_t>>>& a = {}) {
    return operator_error([&](Model m) { m.op(type, inputs, "y", a); });
  };
  EXPECT_MENTIONS(error("Einsum", {"x"}), "m.onnx: node n:y (Einsum): the operator is not known");
  EXPECT_MENTIONS(error("Swish2", {"x"}), "Swish2");
  EXPECT_MENTIONS(error("LSTM", {"x"}), "recurrent networks");
  EXPECT_MENTIONS(error("QuantizeLinear", {"x", "six"}), "export it in floating point");
  EXPECT_MENTIONS(error("LayerNormalization", {"x"}), "only batch normalisation");
  EXPECT_MENTIONS(error("If", {"x"}), "control flow");
  EXPECT_MENTIONS(error("LogSoftmax", {"x"}), "export the network without it");
  EXPECT_MENTIONS(error("Relu", {"x"}, {{"beta", {1}}}), "attribute beta is not known");
  EXPECT_MENTIONS(error("Clip", {"x", "six", "six"}), "only limits of 0 and 6");
  EXPECT_MENTIONS(error("Conv", {"x", "x"}), "input 1 is not a constant");
  EXPECT_MENTIONS(error("Conv", {"x"}), "takes 2 to 3 inputs, has 1");
  EXPECT_MENTIONS(error("Conv", {"z", "w"}), "reads z, which no node before it gives");
  EXPECT_MENTIONS(error("Conv", {"x", "row"}), "its weight is not");
  EXPECT_MENTIONS(error("Conv", {"x", "w"}, {{"pads", {1, 1}}}), "pads has 2 values, not 4");
  EXPECT_MENTIONS(error("Conv", {"x", "w"}, {{"kernel_shape", {1, 1}}}), "kernel_shape");
  EXPECT_MENTIONS(error("Conv", {"x", "w"}, {{"dilations", {1, 2}}}), "dilations differ");
  EXPECT_MENTIONS(error("Conv", {"x", "w"}, {{"strides", {1, int64_t{1} << 40}}}), "out of range");
  EXPECT_MENTIONS(error("Conv", {"x", "w"}, {{"group", {0}}}), "0 groups");
  EXPECT_MENTIONS(error("Conv", {"x", "w", "row"}), "n:y.bias");
  EXPECT_MENTIONS(error("Add", {"x", "row"}), "a value for each of the 2 channels");
  EXPECT_MENTIONS(error("Add", {"x"}), "takes 2 or more inputs");
  EXPECT_MENTIONS(error("Slice", {"x", "one", "one", "six"}), "not a list of integers");
  EXPECT_MENTIONS(error("Concat", {"x", "x"}, {{"axis", {2}}}),
                  "joins along axis 2, which is not the channels'");
  EXPECT_MENTIONS(error("ReduceMean", {"x"}, {{"axes", {1}}}), "only over the whole plane");
  EXPECT_MENTIONS(error("Reshape", {"x", "one"}), "do not hold as many elements");
  EXPECT_MENTIONS(error("Gemm", {"x", "w"}, {{"transB", {1}}}), "takes a vector");
  EXPECT_MENTIONS(error("Gemm", {"x", "w"}, {{"transA", {1}}}), "transA 1 is not known, only 0");
  EXPECT_MENTIONS(error("Softmax", {"x"}), "only over the channels");
  EXPECT_MENTIONS(error("Transpose", {"x"}), "output y is a network's output in an order");
  EXPECT_MENTIONS(error("MaxPool", {"x"}), "kernel 0");
  EXPECT_MENTIONS(operator_error([](Model m) {
                    m.text_attribute_op("Conv", {"x", "w"}, "y", "auto_pad", "SAME");
                  }),
                  "auto_pad SAME is not known");
  EXPECT_MENTIONS(operator_error([](Model m) {
                    m.op("Flatten", {"x"}, "f", {{"axis", {1}}});
                    m.op("Softmax", {"f"}, "y", {{"axis", {1}}});
                  }),
                  "only over the channels is known");
  EXPECT_MENTIONS(operator_error([](Model m) {
                    m.op("Relu", {"x"}, "y");
                    m.op("Relu", {"x"}, "y");
                  }),
                  "value y is there twice");
  EXPECT_MENTIONS(operator_error([](Model m) {
                    m.op("Sigmoid", {"z"}, "y");
                    m.op("Relu", {"x"}, "z");
                  }),
                  "reads z, which no node before it gives");
  EXPECT_MENTIONS(operator_error([](Model) {}), "output y is not what its last node gives");
  EXPECT_MENTIONS(operator_error([](Model m) { m.op("Relu", {"x"}, "y"); }, 6), "has opset 6");
}

TEST(OnnxReader, RefusesWhatIsNotOneImage) {
  const auto error = [](const std::vector<int64_t>& dims) {
    ForeignModel model;
    model.input("x", dims);
    model.op("Relu", {"x"}, "y");
    model.output("y");
    return error_of([&] { from_onnx(model.bytes(), "m"); });
  };
  EXPECT_EQ(error({1, 3, 4, 4}), "");
  EXPECT_MENTIONS(error({8, 3, 4, 4}), "input x is not [1, channels, height, width]");
  EXPECT_MENTIONS(error({3, 4, 4}), "input x is not");
  EXPECT_MENTIONS(error({1, 3, 0, 0}), "input x has no fixed size; export the network with one");
  EXPECT_MENTIONS(error({1, 3, int64_t{1} << 33, 4}), "out of range");
  EXPECT_MENTIONS(error({1, 1 << 20, 1 << 20, 4}), "exceeds");
}

TEST(OnnxReader, DoesNotMultiplyASharedTensor) {
  ForeignModel model;
  model.input("x", {1, 1 << 20, 1, 1});
  model.floats("half", {}, {0.5});
  std::string at = "x";
  for (int i = 0; i < 100; ++i) {
    const std::string next = std::string("v").append(std::to_string(i));
    model.op("Mul", {at, "half"}, next);
    at = next;
  }
  model.output(at);
  EXPECT_MENTIONS(error_of([&] { from_onnx(model.bytes(), "m"); }), "shares its weights too often");
}

std::string small_model() {
  Graph graph;
  graph.add("image", Input{{2, 4, 4}}, {});
  graph.add("conv", Conv{.out_channels = 2, .kh = 3, .kw = 3}, {0});
  graph.add("norm", BatchNorm{}, {1});
  graph.add("act", Activation{.act = Act::hswish}, {2});
  graph.add("mean", GlobalPool{}, {3});
  graph.add("gate", Activation{.act = Act::sigmoid}, {4});
  graph.add("mul", Mul{}, {3, 5});
  graph.add("scale", ScaleShift{}, {6});
  graph.add("linear", Linear{2}, {7});
  return to_onnx(graph, random_weights(graph, 1), OnnxDialect::myriadx);
}

TEST(OnnxReader, RefusesATruncatedFileAtEveryLength) {
  const std::string bytes = small_model();
  ASSERT_NO_THROW(from_onnx(bytes, "m"));
  for (size_t length = 0; length < bytes.size(); ++length)
    ASSERT_THROW(from_onnx(std::string_view(bytes).substr(0, length), "m"), Error) << length;
}

TEST(OnnxReader, SurvivesMutations) {
  const std::string bytes = small_model();
  Random random({11});
  int read = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string mutated = bytes;
    const int64_t changes = 1 + random.below(4);
    for (int64_t i = 0; i < changes; ++i) {
      const auto at = static_cast<size_t>(random.below(static_cast<int64_t>(bytes.size())));
      mutated[at] = static_cast<char>(random.below(256));
    }
    try {
      from_onnx(mutated, "m");
      ++read;
    } catch (const Error&) {
    }
  }
  EXPECT_GT(read, 0) << "a changed weight is no error";
  EXPECT_LT(read, 3000);
}

TEST(OnnxReader, RefusesForeignBytes) {
  for (const char* text : {"", "not a model", "{\"a\": 1}", "\x08\x07"})
    EXPECT_THROW(from_onnx(text, "m"), Error) << text;
  EXPECT_MENTIONS(error_of([] { read_onnx("/nowhere/model.onnx"); }), "/nowhere/model.onnx");
}

}  // namespace
}  // namespace vpunas
