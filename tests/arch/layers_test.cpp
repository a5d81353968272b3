#include "arch/layers.h"

#include "arch/block.h"
#include "tests/arch/expect_error.h"

namespace vpunas {
namespace {

// A network of `layers` (JSON text) on a 3x32x32 image.
Graph network(const std::string& layers, const char* more = "{}", const Variant& variant = {}) {
  Json json = {{"name", "n"}, {"input", {3, 32, 32}}, {"layers", Json::parse(layers)}};
  json.update(Json::parse(more));
  return graph_from_json(json, "f.json", {}, variant);
}

std::string error(const std::string& layers, const char* more = "{}") {
  return error_of([&] { network(layers, more); });
}

// The names of the nodes behind the image.
std::string names(const Graph& graph) {
  std::string text;
  for (size_t i = 2; i < graph.nodes.size(); ++i) text += graph.nodes[i].name + " ";
  return text;
}

template <class T>
T layer(const Graph& graph, size_t behind_image) {
  return std::get<T>(graph.nodes.at(2 + behind_image).layer);
}

TEST(Layers, AConvolutionHasNormUnlessItSaysOtherwise) {
  const Graph graph = network(R"(["conv k7 c8 s2 relu", "conv c4 bias", "conv c4 bare g2"])");
  EXPECT_EQ(names(graph), "0.conv 0.norm 0.relu 1.conv 2.conv ");
  EXPECT_EQ(
      layer<Conv>(graph, 0),
      (Conv{.out_channels = 8, .kh = 7, .kw = 7, .sh = 2, .sw = 2, .padding = Padding::all(3)}));
  EXPECT_EQ(layer<Conv>(graph, 3), (Conv{.out_channels = 4, .bias = true}));
  EXPECT_EQ(layer<Conv>(graph, 4), (Conv{.out_channels = 4, .groups = 2}));
}

TEST(Layers, PaddingIsCentredOrWhatIsSaid) {
  const Graph graph = network(
      R"(["conv k1x7 c8 d2 bare", "conv k3 c8 p0 bare", "maxpool k2 s1 p0,0,1,1", "avgpool k3 p1 count ceil"])");
  EXPECT_EQ(layer<Conv>(graph, 0).padding, (Padding{0, 6, 0, 6}));
  EXPECT_EQ(layer<Conv>(graph, 1).padding, Padding{});
  EXPECT_EQ(layer<Pool>(graph, 2).padding, (Padding{0, 0, 1, 1}));
  EXPECT_EQ(layer<Pool>(graph, 3),
            (Pool{PoolKind::average, 3, 3, 1, 1, Padding::all(1), Rounding::ceil, true}));
}

TEST(Layers, SamePaddingPutsTheOddLineBehind) {
  const Graph graph = network(
      R"(["conv k3 c8 s2 bare", "maxpool k2 s2", "mbconv k5 e1 c8 s2 relu6", "conv k3 c8 s2 p0 bare"])",
      R"({"padding": "same"})");
  EXPECT_EQ(layer<Conv>(graph, 0).padding, (Padding{0, 0, 1, 1}));
  EXPECT_EQ(layer<Pool>(graph, 1).padding, Padding{});
  EXPECT_EQ(layer<Conv>(graph, 2).padding, (Padding{1, 1, 2, 2}));
  EXPECT_EQ(graph.output_shape(), (Shape{8, 1, 1}));
}

TEST(Layers, BranchesAreJoined) {
  const Graph graph = network(
      R"(["conv c8 bare",
          {"concat": [["conv c4 bare", "relu"], []]},
          {"add": [["shuffle g2"], []]},
          {"mul": [[], ["globalpool", "sigmoid"]]},
          {"split": [["relu6"], []]}, "softmax"])");
  EXPECT_EQ(names(graph),
            "0.conv 1.b0.0.conv 1.b0.1.relu 1.concat 2.b0.shuffle 2.add 3.b1.0.globalpool "
            "3.b1.1.sigmoid 3.mul 4.b0.slice 4.b0.relu6 4.b1.slice 4.concat 5.softmax ");
  EXPECT_EQ(graph.nodes[5].inputs, (std::vector<int>{4, 2}));
  EXPECT_EQ(layer<Slice>(graph, 11), (Slice{.begin = 6, .end = 12}));
  EXPECT_EQ(graph.output_shape(), (Shape{12, 32, 32}));
}

TEST(Layers, ModulesTakeParametersAndRepeat) {
  const char* modules = R"({"modules": {
    "dense g": [{"concat": [[], ["conv k3 c$g bare"]]}],
    "block n g": ["dense $g x$n", "relu"]}})";
  const Graph graph = network(R"(["conv c8 bare", "block 3 4", "dense 2 x0"])", modules);
  EXPECT_EQ(graph.output_shape().c, 8 + 3 * 4);
  EXPECT_MENTIONS(names(graph),
                  "1.block.0.2.dense.b1.conv 1.block.0.2.dense.concat 1.block.1.relu");
  EXPECT_EQ(names(network(R"(["relu x2"])")), "0.relu 1.relu ");
}

TEST(Layers, KnowsEveryKind) {
  const Graph graph = network(
      R"~(["conv c8 leaky_relu(0.1)", "depthwise k5 hswish", "norm", "scale", "lrn k3", "leaky_relu(0.2)",
          "fused_mbconv k3 e2 c8 relu", "residual k3 c8 relu", "bottleneck k3 e0.5 c8 relu",
          "linear c10 bare", "softmax"])~");
  EXPECT_EQ(layer<Activation>(graph, 2), (Activation{Act::leaky_relu, 0.1}));
  EXPECT_EQ(layer<Conv>(graph, 3).groups, 8);
  EXPECT_EQ(layer<Lrn>(graph, 8), (Lrn{.size = 3}));
  EXPECT_EQ(layer<Activation>(graph, 9).slope, 0.2);
  EXPECT_EQ(graph.output_shape(), (Shape{10, 1, 1}));
}

TEST(Layers, AWidthScalesAllButBiasedConvolutions) {
  const char* layers =
      R"(["conv c32", "mbconv k3 e1 c64 relu6", "conv c128 min", "conv c10 bias"])";
  const Graph half = network(layers, "{}", {.width = 0.5, .size = 16});
  EXPECT_EQ(half.input_shape(), (Shape{3, 16, 16}));
  EXPECT_EQ(half.nodes[2].shape.c, 16);
  EXPECT_EQ(half.nodes[half.nodes.size() - 4].shape.c, 32);
  EXPECT_EQ(half.nodes[half.nodes.size() - 2].shape.c, 128);
  EXPECT_EQ(half.output_shape().c, 10);
  EXPECT_EQ(network(layers, "{}", {.width = 2, .size = 0}).nodes.back().inputs.size(), 1u);
}

TEST(Layers, ErrorsNameTheirPlace) {
  EXPECT_MENTIONS(error(R"(["relu", 3])"), "f.json: layers[1]: must be a text or an object");
  EXPECT_MENTIONS(error(R"([{"concat": [[], ["conv c0"]]}])"),
                  "f.json: layers[0] concat[1][0] (conv c0): c: must be a whole number within 1..");
  EXPECT_MENTIONS(error(R"(["conv c8 k3 stride2"])"), "unknown word stride2 of conv");
  EXPECT_MENTIONS(error(R"(["conv k3"])"), "c: missing");
  EXPECT_MENTIONS(error(R"(["convolution c8"])"), "unknown layer; known are conv,");
  EXPECT_MENTIONS(error(R"(["cnov c8"])"), "unknown layer (did you mean conv?)");
  EXPECT_MENTIONS(error(R"(["conv c8 k3.5"])"), "k3.5: must be whole numbers within 1..64");
  EXPECT_MENTIONS(error(R"(["conv c8 k1x2x3"])"), "must be a side or HEIGHTxWIDTH");
  EXPECT_MENTIONS(error(R"(["conv c8 p1,2"])"), "p1,2: must be one number, or");
  EXPECT_MENTIONS(error(R"(["conv c8 p1, relu"])"), "p1,: must be one number, or");
  EXPECT_MENTIONS(error(R"~(["leaky_relu(x)"])~"), "its slope must be a number");
  EXPECT_MENTIONS(error(R"(["mbconv k3 c8"])"), "names no activation");
  EXPECT_MENTIONS(error(R"(["conv k64 c8 p0"])"), "node conv (Conv): on 3x32x32: kernel 64");
  EXPECT_MENTIONS(error(R"(["conv c8 x5000"])"), "x: must be a whole number within 0..4096");
  EXPECT_MENTIONS(error(R"([{"split": [[], []]}])"), "3 channels are not divisible into 2");
  EXPECT_MENTIONS(error(R"([{"add": [["conv c8"], []]}])"), "layers[0] add: node add");
  EXPECT_MENTIONS(error(R"([{"join": []}])"), "must have one key of concat, add, mul, split");
  EXPECT_MENTIONS(error(R"([{"concat": []}])"), "concat: must be a list of branches");
  EXPECT_MENTIONS(error(R"([{"concat": ["relu"]}])"), "concat[0]: must be a list of layers");
  EXPECT_MENTIONS(error(R"([""])"), "layers[0] (): must not be empty");
  EXPECT_MENTIONS(error("[]"), "layers: must not be empty");
  EXPECT_MENTIONS(error(R"(["relu"])", R"({"padding": "valid"})"), "must be centred or same");
  EXPECT_MENTIONS(error(R"(["relu"])", R"({"modulse": {}})"), "did you mean modules?");
}

TEST(Layers, ModuleErrorsNameTheModuleToo) {
  const char* modules = R"({"modules": {"m a": ["conv c$a", "conv c$b"], "again": ["again"],
    "twice": ["twice x2"], "bomb": ["relu x4096"]}})";
  EXPECT_MENTIONS(error(R"(["m 8"])", modules), "layers[0] (m 8)[1]: $b is no parameter");
  EXPECT_MENTIONS(error(R"(["m"])", modules), "takes 1 parameters (a), has 0");
  EXPECT_MENTIONS(error(R"(["m 8 9"])", modules), "takes 1 parameters (a), has 2");
  EXPECT_MENTIONS(error(R"(["again"])", modules), "does a module call itself?");
  EXPECT_MENTIONS(error(R"(["twice"])", modules), "does a module call itself?");
  EXPECT_MENTIONS(error(R"(["bomb x4096"])", modules), "more than 4096 items");
  EXPECT_MENTIONS(error(R"(["double conv"])", R"({"modules": {"double a": ["double $a$a"]}})"),
                  "longer than 1000 bytes with its parameters");
  EXPECT_MENTIONS(error(R"(["relu"])", R"({"modules": {"a\nb": []}})"),
                  "must be words of at most 40");
  EXPECT_MENTIONS(error(R"(["relu"])", R"({"modules": []})"), "modules: must be an object");
  EXPECT_MENTIONS(error(R"(["relu"])", R"({"modules": {"": []}})"), "must not be empty");
}

}  // namespace
}  // namespace vpunas
