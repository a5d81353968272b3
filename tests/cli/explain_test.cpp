// `vpunas explain` as a user or a script runs it.
#include <gtest/gtest.h>

#include "arch/zoo.h"
#include "onnx/onnx.h"
#include "tests/cli/program.h"

namespace vpunas {
namespace {

Json explained(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "explain");
  arguments.insert(arguments.end(), {"--json", "-"});
  const ProcessResult result = test::vpunas(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  return Json::parse(result.output);  // nothing else is on standard output
}

TEST(Explain, JsonHasEveryFieldOfItsFormat) {
  const Json json = explained({"mobilenet_v2"});
  EXPECT_EQ(json.begin().key(), "schema");
  EXPECT_EQ(json.at("schema"), "vpunas.explain/2");
  EXPECT_EQ(json.at("network"), "mobilenet_v2");
  EXPECT_EQ(json.at("device"), "MYRIADX");
  EXPECT_EQ(json.at("mode"), "throughput");
  EXPECT_EQ(json.at("streams"), 2);
  EXPECT_LT(json.at("low_ms"), json.at("total_ms"));
  EXPECT_LT(json.at("total_ms"), json.at("high_ms"));
  for (const Json& stage : json.at("stages")) {
    for (const char* key :
         {"layer",         "stage",        "engine",      "op",       "kind",
          "mode",          "descriptors",  "tiles",       "cycles",   "cycles_per_pixel",
          "output_pixels", "ms",           "in",          "out",      "extended_in_channels",
          "in_location",   "out_location", "bytes",       "in_bytes", "out_bytes",
          "weight_bytes",  "shaves",       "in_shadow_of"})
      EXPECT_TRUE(stage.contains(key)) << key;
  }
  EXPECT_EQ(json.at("stages").front().at("op"), "Convert");
  EXPECT_EQ(json.at("stages").back().at("op"), "Convert");
}

TEST(Explain, AnOnnxFileIsExplainedAsTheNetworkItHolds) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "model.onnx";
  const Graph graph = lower(find_network("mobilenet_v2-0.35", data_folder()), {});
  const FoldedNetwork folded = fold(graph, random_weights(graph, 1));
  write_onnx(file, folded.graph, folded.weights);
  const Json zoo = explained({"mobilenet_v2-0.35"}), onnx = explained({file.string()});
  EXPECT_EQ(onnx.at("stages"), zoo.at("stages"));
  EXPECT_EQ(explained({file.string(), "--size", "160"}).at("stages"),
            explained({"mobilenet_v2-0.35", "--size", "160"}).at("stages"));
}

TEST(Explain, OptionsOfTheChipReachTheMapping) {
  const Json one = explained({"mobilenet_v2-0.35", "--streams", "1"});
  EXPECT_EQ(one.at("mode"), "latency");
  EXPECT_EQ(one.at("shaves"), 16);
  EXPECT_EQ(one.at("stages").front().at("shaves"), 16);
  const Json few = explained({"mobilenet_v2-0.35", "--shaves", "5", "--cmx-slices", "8"});
  EXPECT_EQ(few.at("stages").front().at("shaves"), 5);
  EXPECT_EQ(few.at("cmx_slices"), 8);
  // What is left out: a slice for each SHAVE, and the streams' own SHAVEs.
  EXPECT_EQ(explained({"mobilenet_v2-0.35", "--shaves", "6"}).at("cmx_slices"), 6);
  EXPECT_EQ(explained({"mobilenet_v2-0.35", "--cmx-slices", "8"}).at("shaves"), 7);
}

TEST(Explain, TablesEndWithTheTotal) {
  for (const char* rows : {"--stages", "--streams=2"}) {
    const ProcessResult result = test::vpunas({"explain", "mobilenet_v2-0.35", rows});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    const std::string last = result.output.substr(result.output.rfind("mobilenet_v2-0.35 at"));
    EXPECT_NE(last.find(" fps"), std::string::npos) << last;
  }
}

TEST(Explain, JsonGoesToAFileBesideTheTable) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "explain.json";
  const ProcessResult result =
      test::vpunas({"explain", "mobilenet_v2-0.35", "--json", file.string()});
  EXPECT_NE(result.output.find("features.18.0"), std::string::npos);
  EXPECT_EQ(read_json(file, "vpunas.explain/2").at("network"), "mobilenet_v2-0.35");
}

TEST(Explain, ChangesOfLayersAreSortedAndCanBeLeftOut) {
  const Json json = explained({"mobilenet_v2-0.35"});
  ASSERT_GT(json.at("what_if").size(), 10u);
  double before = -1e9;
  for (const Json& change : json.at("what_if")) {
    EXPECT_GE(change.at("ms").get<double>(), before);
    before = change.at("ms");
    EXPECT_NEAR(change.at("total_ms").get<double>(), json.at("total_ms").get<double>() + before,
                1e-9);
  }
  EXPECT_FALSE(explained({"mobilenet_v2-0.35", "--no-what-if"}).contains("what_if"));
}

TEST(ExplainSlow, TheCompilerSaysTheSame) {
  if (!fs::exists(data_folder().parent_path() / "blob-compiler/libs/myriad_compile"))
    GTEST_SKIP() << "Intel's compiler is absent (make blob-compiler)";
  const Json compiler = explained({"mobilenet_v2-0.35", "--compiler"}).at("compiler");
  EXPECT_EQ(compiler.at("equal"), compiler.at("stages"));
  EXPECT_TRUE(compiler.at("differences").empty()) << compiler.dump(1);
}

}  // namespace
}  // namespace vpunas
