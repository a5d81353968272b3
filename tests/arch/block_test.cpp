#include "arch/block.h"

#include <set>

#include "tests/arch/expect_error.h"

namespace vpunas {
namespace {

using K = BlockKind;
using Names = std::vector<std::string>;

Graph lowered(const BlockSpec& block, const Shape& input = {16, 14, 14}) {
  Graph graph;
  graph.add("image", Input{input}, {});
  lower(block, "b", 0, {}, graph);
  return graph;
}

Names names_of(const Graph& graph) {
  Names names;
  for (size_t i = 1; i < graph.nodes.size(); ++i) names.push_back(graph.nodes[i].name);
  return names;
}

TEST(Lower, NamesMbconvAsTorchvisionsMobileNetV2) {
  EXPECT_EQ(names_of(lowered({.out_channels = 16})),
            (Names{"b.conv.0.0", "b.conv.0.1", "b.conv.0.2", "b.conv.1.0", "b.conv.1.1",
                   "b.conv.1.2", "b.conv.2", "b.conv.3", "b.add"}));
  EXPECT_EQ(names_of(lowered({.expansion = 1, .out_channels = 8})),
            (Names{"b.conv.0.0", "b.conv.0.1", "b.conv.0.2", "b.conv.1", "b.conv.2"}));
}

TEST(Lower, PutsSqueezeExciteBetweenDepthwiseAndProject) {
  const Graph graph = lowered({.out_channels = 8, .stride = 2, .se = Se{}});
  EXPECT_EQ(
      names_of(graph),
      (Names{"b.conv.0.0", "b.conv.0.1", "b.conv.0.2", "b.conv.1.0", "b.conv.1.1", "b.conv.1.2",
             "b.conv.2.avgpool", "b.conv.2.fc1", "b.conv.2.activation", "b.conv.2.fc2",
             "b.conv.2.scale_activation", "b.conv.2.mul", "b.conv.3", "b.conv.4"}));
  const auto squeezed = [&](const Graph& g) {
    return std::get<Conv>(g.nodes[8].layer).out_channels;
  };
  EXPECT_EQ(squeezed(graph), 24) << "a quarter of 96";
  EXPECT_EQ(squeezed(lowered({.out_channels = 8, .se = Se{.base = SeBase::input}})), 4);
  EXPECT_TRUE(std::get<Conv>(graph.nodes[8].layer).bias);
}

TEST(Lower, NamesTheOtherKinds) {
  EXPECT_EQ(names_of(lowered({.kind = K::fused_mbconv, .out_channels = 16})),
            (Names{"b.conv.0.0", "b.conv.0.1", "b.conv.0.2", "b.conv.1", "b.conv.2", "b.add"}));
  EXPECT_EQ(names_of(lowered({.kind = K::fused_mbconv, .expansion = 1, .out_channels = 8})),
            (Names{"b.conv.0.0", "b.conv.0.1", "b.conv.0.2"}));
  EXPECT_EQ(names_of(lowered({.kind = K::residual, .out_channels = 16})),
            (Names{"b.conv1", "b.bn1", "b.relu1", "b.conv2", "b.bn2", "b.add", "b.relu2"}));
  EXPECT_EQ(names_of(lowered({.kind = K::bottleneck, .expansion = 0.25, .out_channels = 32})),
            (Names{"b.conv1", "b.bn1", "b.relu1", "b.conv2", "b.bn2", "b.relu2", "b.conv3", "b.bn3",
                   "b.downsample.0", "b.downsample.1", "b.add", "b.relu3"}));
  EXPECT_EQ(names_of(lowered({.kind = K::conv, .out_channels = 8, .act = Act::none})),
            (Names{"b.0", "b.1"}));
  EXPECT_EQ(names_of(lowered({.kind = K::skip})), Names{});
}

TEST(Lower, AgreesWithOutputShape) {
  for (const K kind : {K::mbconv, K::fused_mbconv, K::residual, K::bottleneck, K::conv, K::skip})
    for (const int stride : {1, 2, 3})
      for (const int kernel : {1, 3, 7})
        for (const Shape& input : {Shape{16, 14, 14}, {5, 7, 1}}) {
          const BlockSpec block = {
              .kind = kind, .kernel = kernel, .out_channels = 16, .stride = stride};
          EXPECT_EQ(lowered(block, input).output_shape(), output_shape(block, input))
              << describe(block);
        }
}

TEST(Lower, SaysWhichBlockDoesNotFit) {
  EXPECT_MENTIONS(error_of([] { lowered({.kernel = 4, .out_channels = 8}); }), "b: kernel 4");
  EXPECT_MENTIONS(error_of([] { lowered({.out_channels = 0}); }), "b (mbconv k3 e6 s1 relu6)");
  EXPECT_MENTIONS(error_of([] { lowered({.expansion = 0.01, .out_channels = 8}); }),
                  "expansion 0.01 of 16 channels gives 0");
  EXPECT_MENTIONS(error_of([] { lowered({.kind = K::conv, .out_channels = 8, .se = Se{}}); }),
                  "a conv block has no squeeze-excite");
}

const std::vector<BlockSpec>& blocks() {
  static const std::vector<BlockSpec> all = {
      {.out_channels = 24, .stride = 2},
      {.kernel = 5, .expansion = 2.5, .out_channels = 24},
      {.out_channels = 24, .se = Se{}},
      {.out_channels = 24, .se = Se{SeBase::input, 0.25, Act::hsigmoid, Act::swish}},
      {.kind = K::fused_mbconv, .expansion = 4, .out_channels = 24, .act = Act::hswish},
      {.kind = K::residual, .out_channels = 24, .act = Act::relu},
      {.kind = K::bottleneck, .expansion = 0.25, .out_channels = 24},
      {.kind = K::conv, .out_channels = 24, .act = Act::none},
      {.kind = K::skip}};
  return all;
}

TEST(Describe, IsUnique) {
  std::set<std::string> seen;
  for (const BlockSpec& block : blocks()) EXPECT_TRUE(seen.insert(describe(block)).second);
  EXPECT_EQ(describe(blocks()[0]), "mbconv k3 e6 c24 s2 relu6");
  EXPECT_EQ(describe(blocks()[1]), "mbconv k5 e2.5 c24 s1 relu6");
  EXPECT_EQ(describe(blocks()[2]), "mbconv k3 e6 c24 s1 se relu6");
}

TEST(BlockJson, GivesTheSameBlock) {
  for (const BlockSpec& block : blocks()) EXPECT_EQ(block_from_json(to_json(block), "x"), block);
  EXPECT_EQ(
      to_json(blocks()[0]).dump(),
      R"({"kind":"mbconv","kernel":3,"expansion":6,"out_channels":24,"stride":2,"act":"relu6"})");
}

TEST(BlockJson, NamesWhatIsWrong) {
  const auto error = [](const char* text) {
    return error_of([&] { block_from_json(Json::parse(text), "f: blocks[1]"); });
  };
  EXPECT_MENTIONS(error("3"), "f: blocks[1]: must be an object");
  EXPECT_MENTIONS(error("{}"), "f: blocks[1]: out_channels: missing");
  EXPECT_MENTIONS(error(R"({"kind": "mbcon"})"), "mbcon is unknown (did you mean mbconv?)");
  EXPECT_MENTIONS(error(R"({"out_channels": 8, "kernal": 3})"),
                  "unknown key kernal (did you mean kernel?)");
  EXPECT_MENTIONS(error(R"({"out_channels": 8, "kernel": 4})"), "kernel: must be odd");
  EXPECT_MENTIONS(error(R"({"out_channels": 8, "kernel": 17})"), "kernel: must be within 1..15");
  EXPECT_MENTIONS(error(R"({"out_channels": 8, "kernel": 3.5})"), "kernel: must be an integer");
  EXPECT_MENTIONS(error(R"({"out_channels": 18446744073709551615})"), "must be within 1..8192");
  EXPECT_MENTIONS(error(R"({"out_channels": -1})"), "out_channels: must be within");
  EXPECT_MENTIONS(error(R"({"out_channels": 8, "stride": 5})"), "stride: must be within 1..4");
  EXPECT_MENTIONS(error(R"({"out_channels": 8, "expansion": 21})"), "expansion: must be within");
  EXPECT_MENTIONS(error(R"({"out_channels": 8, "expansion": "6"})"), "expansion: must be a number");
  EXPECT_MENTIONS(error(R"({"out_channels": 8, "act": "relu66"})"), "act: activation relu66");
  EXPECT_MENTIONS(error(R"({"out_channels": 8, "se": {"gate": "relu"}})"), "se: gate: must be");
  EXPECT_MENTIONS(error(R"({"out_channels": 8, "se": {"base": "output"}})"), "se: base: must be");
  EXPECT_MENTIONS(error(R"({"out_channels": 8, "se": {"rate": 1}})"), "unknown key rate");
  EXPECT_MENTIONS(error(R"({"kind": "conv", "out_channels": 8, "se": {}})"), "unknown key se");
  EXPECT_MENTIONS(error(R"({"kind": "skip", "kernel": 3})"), "unknown key kernel");
}

TEST(ParseBlock, ReadsWhatDescribeWrites) {
  for (const BlockSpec& block : blocks()) EXPECT_EQ(parse_block(Words(describe(block))), block);
  EXPECT_EQ(parse_block(Words("skip")).kind, K::skip);
}

TEST(ParseBlock, NamesWhatIsWrong) {
  const auto error = [](const char* text) {
    return error_of([&] { repeated_block_from_json(Json(text), "f: blocks[1]"); });
  };
  EXPECT_MENTIONS(error("mbconv k3 e6 c8"), "f: blocks[1] (mbconv k3 e6 c8): names no activation");
  EXPECT_MENTIONS(error("mbcon k3 c8 relu"), "did you mean mbconv?");
  EXPECT_MENTIONS(error("mbconv k3 relu"), "out_channels: missing");
  EXPECT_MENTIONS(error("residual k3 e6 c8 relu"), "unknown key expansion");
  EXPECT_MENTIONS(error("mbconv k3 c8 relu relu6"), "unknown word relu6");
  EXPECT_MENTIONS(error("mbconv k3 c8 se(input 0.25) relu"), "must be se or se(BASE RATIO");
  EXPECT_MENTIONS(error("mbconv k3 c8 relu x0"), "x: must be a whole number within 1..");
}

TEST(RoundTo8, NeverLosesMoreThanATenth) {
  EXPECT_EQ(round_to_8(16), 16);
  EXPECT_EQ(round_to_8(11.9), 16) << "8 would be a third less";
  EXPECT_EQ(round_to_8(33.6), 32);
  EXPECT_EQ(round_to_8(1), 8);
}

}  // namespace
}  // namespace vpunas
