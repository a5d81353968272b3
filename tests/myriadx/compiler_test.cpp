// Intel's compiler as a program: its dumps and .blob files, and (where it was fetched) its mapping
// beside ours.
#include "myriadx/compiler.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "arch/weights.h"
#include "base/error.h"
#include "base/files.h"
#include "myriadx/comparison.h"
#include "onnx/onnx.h"
#include "tests/myriadx/networks.h"

namespace vpunas::myriadx {
namespace {

fs::path root() { return data_folder().parent_path(); }

void put(std::string& bytes, size_t at, uint32_t word) {
  if (bytes.size() < at + 4) bytes.resize(at + 4);
  for (size_t i = 0; i < 4; ++i) bytes[at + i] = char(word >> (8 * i) & 0xff);
}

// A .blob as the compiler writes it: U8 3x8x6 in, FP16 vector of 10 out.
std::string small_blob() {
  std::string bytes;
  put(bytes, 0, 0x666c657f);
  const uint32_t header[] = {9709, 1024, 6, 0, 1, 1, 7,   0,   0,   1,
                             0,    9,    7, 1, 1, 1, 192, 256, 320, 512};
  for (size_t i = 0; i < std::size(header); ++i) put(bytes, 52 + 4 * i, header[i]);
  const uint32_t input[] = {0, 0, 8, 0, 0, 1, 0x4321, 4, 3, 0};
  for (size_t i = 0; i < std::size(input); ++i) put(bytes, 192 + 4 * i, input[i]);
  const uint32_t output[] = {0, 0, 8, 0, 0, 0, 0x43, 2, 3, 64};
  for (size_t i = 0; i < std::size(output); ++i) put(bytes, 256 + 4 * i, output[i]);
  const uint32_t image[] = {6, 8, 3, 1}, logits[] = {10, 1};
  for (size_t i = 0; i < 4; ++i) put(bytes, 512 + 4 * i, image[i]);
  for (size_t i = 0; i < 2; ++i) put(bytes, 576 + 4 * i, logits[i]);
  bytes.resize(1024);
  return bytes;
}

CompiledNetwork read(const std::string& bytes) {
  const TemporaryFolder folder;
  write_file(folder.path() / "x.blob", bytes);
  return read_blob_header(folder.path() / "x.blob");
}

TEST(Blob, TheHeaderTellsInputAndOutput) {
  const CompiledNetwork network = read(small_blob());
  EXPECT_EQ(network.input, (Shape{3, 8, 6}));
  EXPECT_EQ(network.input_precision, "U8");
  EXPECT_EQ(network.output, (Shape{10, 1, 1}));
  EXPECT_EQ(network.output_precision, "FP16");
  EXPECT_EQ(network.stage_count, 7);
}

TEST(Blob, EveryTruncationIsAnError) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.blob";
  write_file(path, small_blob());
  for (size_t size = small_blob().size(); size-- > 0;) {
    fs::resize_file(path, size);
    EXPECT_THROW(read_blob_header(path), Error) << size;
  }
}

TEST(Blob, ForeignAndDamagedFilesAreErrors) {
  const auto damaged = [](size_t at, uint32_t word) {
    std::string bytes = small_blob();
    put(bytes, at, word);
    return bytes;
  };
  EXPECT_THROW(read(std::string(2000, 'x')), Error);
  EXPECT_THROW(read(damaged(52, 1)), Error);                    // magic
  EXPECT_THROW(read(damaged(52 + 4 * 4, 0)), Error);            // no inputs
  EXPECT_THROW(read(damaged(52 + 4 * 16, 0xfffffff0)), Error);  // input section
  EXPECT_THROW(read(damaged(52 + 4 * 19, 0xfffffff0)), Error);  // constants
  EXPECT_THROW(read(damaged(192 + 8, 0xffffffff)), Error);      // name length
  EXPECT_THROW(read(damaged(192 + 28, 0xffffffff)), Error);     // dimensions
  EXPECT_THROW(read(damaged(512, 0)), Error);                   // a dimension
  EXPECT_THROW(read_blob_header("/nonexistent/x.blob"), Error);
}

constexpr const char* kDot = R"(digraph ie_vpu_model_view {
    labelloc=top;
    label="Graph x\lbatchSize = 1\l"
    data_1 [ label="Data image\lusage = Input\ldesc = [\l    dims = [W : 6, H : 8, C : 3, N : 1]\l]\ldataLocation = Input\l" ];
    data_2 [ label="Data conv\ldesc = [\l    dims = [W : 3, H : 4, C : 16, N : 1]\l]\ldataLocation = CMX\l" ];
    stage_1 [ label="[0 / 0] Stage image@FP16\ltype = Convert\lnumSHAVEs = 7\lextraAttrs = [\l    bias = 0\l]\l" ];
    stage_2 [ label="[-1 / 1] Stage conv@expand\ltype = Expand\lnumSHAVEs = 0\l" ];
    stage_4 [ label="[1 / 2] Stage conv@copy\ltype = Copy\lnumSHAVEs = 0\l" ];
    stage_3 [ label="[1 / 3] Stage conv\ltype = MyriadXHwOp\lextraAttrs = [\l    hwOpType = CONV\l    tiling = [\l        mode = MODE_8_32\l        numDescr = 4\l        cost = 37\l    ]\l]\l" ];
    data_1 -> stage_3 [ label="StageInput\lportInd = 0\l" ];
    data_2 -> stage_3 [ label="StageInput\lportInd = 1\l" ];
    stage_3 -> data_2 [ label="StageOutput\lportInd = 0\l" ];
    stage_2 -> stage_9 [ label="StageInput\lportInd = 0\l" ];
})";

TEST(StageGraph, ExecutedStagesInOrderWithTheirAttributes) {
  const std::vector<CompiledStage> stages = parse_stage_graph(kDot, "x.dot");
  ASSERT_EQ(stages.size(), 3u);
  EXPECT_EQ(stages[0].name, "image@FP16");
  EXPECT_EQ(stages[0].attributes.at("numSHAVEs"), "7");
  EXPECT_EQ(stages[0].attributes.at("bias"), "0");
  EXPECT_EQ(stages[1].type, "MyriadXHwOp");
  EXPECT_EQ(stages[1].attributes.at("tiling.numDescr"), "4");
  EXPECT_FALSE(stages[1].in_shadow);
  EXPECT_EQ(stages[1].input, (Shape{3, 8, 6}));
  EXPECT_EQ(stages[1].output, (Shape{16, 4, 3}));
  EXPECT_EQ(stages[1].input_place, Place::ddr);
  EXPECT_EQ(stages[1].output_place, Place::cmx);
  EXPECT_EQ(stages[2].type, "Copy");
  EXPECT_TRUE(stages[2].in_shadow);
}

TEST(StageGraph, OtherFilesAreErrors) {
  EXPECT_THROW(parse_stage_graph("hello", "x.dot"), Error);
  EXPECT_THROW(parse_stage_graph("digraph { s [ label=\"[0 / 0] Stage x", "x.dot"), Error);
  for (size_t size = 0; size < std::string(kDot).size(); ++size) {
    try {
      parse_stage_graph(std::string(kDot, size), "x.dot");
    } catch (const Error&) {
    }
  }
}

TEST(Compiler, ItsAbsenceIsAnErrorThatSaysWhatToDo) {
  const TemporaryFolder folder;
  EXPECT_FALSE(compiler_present(folder.path()));
  try {
    compile(folder.path(), "x.onnx", "x.blob");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("make blob-compiler"), std::string::npos);
  }
}

void expect_same(const Graph& graph, const char* name, const CompilerOptions& options = {}) {
  const TemporaryFolder folder;
  const fs::path onnx = folder.path() / "network.onnx", blob = folder.path() / "network.blob";
  const FoldedNetwork folded = fold(graph, random_weights(graph, 1));
  write_onnx(onnx, folded.graph, folded.weights, OnnxDialect::myriadx);
  const CompiledNetwork compiled = compile(root(), onnx, blob, options);
  const Mapping mapping = map(graph, resources(options.streams), options.output);
  const Comparison result = compare(mapping, compiled);
  std::printf("%-20s %d streams: %d of %d stages equal\n", name, options.streams, result.equal,
              result.compiler);
  EXPECT_TRUE(result.differences.empty()) << name << "\n" << to_json(result).dump(1);
  EXPECT_EQ(result.equal, result.compiler) << name;
  EXPECT_EQ(compiled.input, graph.input_shape());
  EXPECT_EQ(compiled.output.elements(), graph.output_shape().elements());
  EXPECT_EQ(compiled.input_precision, "U8");
  EXPECT_EQ(compiled.output_precision, options.output == Precision::fp32 ? "FP32" : "FP16");
  EXPECT_TRUE(fs::exists(blob));
}

Graph block_network(Act act, std::optional<Se> se) {
  Graph graph = lower(
      Architecture{
          .name = "blocks",
          .input = {3, 112, 112},
          .classes = 10,
          .stem = {.channels = 16, .act = act},
          .blocks = {{.out_channels = 24, .stride = 2, .se = se, .act = act},
                     {.kernel = 5, .expansion = 3, .out_channels = 24, .se = se, .act = act}},
          .head = {.channels = 128, .act = act}},
      Preprocess{});
  return graph;
}

TEST(CompilerSlow, EveryStageIsOurs) {
  if (!compiler_present(root())) GTEST_SKIP() << "Intel's compiler is absent (make blob-compiler)";
  expect_same(zoo_network("mobilenet_v2"), "mobilenet_v2");
  expect_same(zoo_network("mobilenet_v2"), "mobilenet_v2", {.output = Precision::fp32});
  expect_same(zoo_network("mobilenet_v2"), "mobilenet_v2", {.streams = 1});
  expect_same(zoo_network("mobilenet_v2"), "mobilenet_v2", {.streams = 3});
  expect_same(zoo_network("resnet18"), "resnet18");
  expect_same(block_network(Act::hswish, Se{.gate = Act::hsigmoid}), "h-swish, SE");
  expect_same(block_network(Act::swish, Se{.base = SeBase::input}), "swish, SE");
  expect_same(block_network(Act::relu, std::nullopt), "relu");
  Graph gate = from_input({16, 28, 28});
  gate.add("add", Add{}, {0, 0});
  gate.add("gate", Activation{Act::hsigmoid}, {1});
  gate.add("pool", GlobalPool{}, {2});
  expect_same(gate, "h-sigmoid");
}

TEST(CompilerSlow, ItsRefusalIsQuoted) {
  if (!compiler_present(root())) GTEST_SKIP() << "Intel's compiler is absent (make blob-compiler)";
  const TemporaryFolder folder;
  write_file(folder.path() / "bad.onnx", "this is no network");
  try {
    compile(root(), folder.path() / "bad.onnx", folder.path() / "bad.blob");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("bad.onnx"), std::string::npos) << error.what();
  }
  EXPECT_FALSE(fs::exists(folder.path() / "bad.blob"));
}

}  // namespace
}  // namespace vpunas::myriadx
