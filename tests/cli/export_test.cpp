// `vpunas export NETWORK`, outside a run.
#include <gtest/gtest.h>

#include "arch/zoo.h"
#include "onnx/onnx.h"
#include "tests/cli/program.h"

namespace vpunas {
namespace {

TEST(Export, ANetworkOfTheZooComesWithRandomWeightsAndSaysSo) {
  const TemporaryFolder folder;
  const ProcessResult result = test::vpunas({"export", "mobilenet_v2-0.35", "--size", "64",
                                             "--nn-archive", "-o", folder.path().string()});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_NE(result.output.find("random weights"), std::string::npos) << result.output;
  const fs::path to = folder.path() / "mobilenet_v2-0.35";
  const Json json = read_json(to / "export.json", "vpunas.export/1");
  EXPECT_EQ(json.at("random_weights"), true);
  EXPECT_EQ(json.at("input"), Json({3, 64, 64}));
  for (const Json& file : json.at("files"))
    EXPECT_TRUE(fs::exists(to / file.get<std::string>())) << file;
  for (const char* file : {"model.onnx", "model.xml", "model.bin", "model.tar.gz"})
    EXPECT_TRUE(fs::exists(to / file)) << file;
  EXPECT_EQ(read_onnx(to / "model.onnx").graph.input_shape(), (Shape{3, 64, 64}));
}

TEST(Export, AnOnnxFileKeepsItsWeightsAndStaysInTheFolder) {
  const TemporaryFolder folder;
  Graph graph;
  graph.name = "../../escaped";
  graph.add("image", Input{{3, 16, 16}}, {});
  graph.add("conv", Conv{.out_channels = 8, .kh = 3, .kw = 3, .bias = true}, {0});
  graph.add("pool", GlobalPool{}, {1});
  const Weights weights = random_weights(graph, 7);
  write_onnx(folder.path() / "mine.onnx", graph, weights);
  const ProcessResult result = test::vpunas({"export", (folder.path() / "mine.onnx").string(), "-o",
                                             (folder.path() / "out/deep").string()});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.output.find("random"), std::string::npos) << result.output;
  const FoldedNetwork back = read_onnx(folder.path() / "out/deep/mine/model.onnx");
  EXPECT_EQ(back.weights, read_onnx(folder.path() / "mine.onnx").weights);
  EXPECT_FALSE(fs::exists(folder.path() / "escaped"));
}

// The user's own folder of that name is not ours to replace.
TEST(Export, ReplacesNothingButAnExport) {
  const TemporaryFolder folder;
  const fs::path notes = folder.path() / "mobilenet_v2-0.35/notes.txt";
  write_file(notes, "of years");
  const std::vector<std::string> arguments = {"export", "mobilenet_v2-0.35",   "--size", "32",
                                              "-o",     folder.path().string()};
  const ProcessResult refused = test::vpunas(arguments);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.errors.find("is there and no export"), std::string::npos) << refused.errors;
  EXPECT_TRUE(fs::exists(notes));
  fs::remove_all(notes.parent_path());
  for (int repeat = 0; repeat < 2; ++repeat) EXPECT_EQ(test::vpunas(arguments).exit_code, 0);
}

TEST(Export, TwoNetworksOfOneNameAreAMistake) {
  const TemporaryFolder folder;
  for (const char* name : {"a/model.json", "b/model.json"})
    write_architecture(folder.path() / name, find_network("mobilenet_v2", data_folder()));
  const ProcessResult result =
      test::vpunas({"export", (folder.path() / "a/model.json").string(),
                    (folder.path() / "b/model.json").string(), "-o", folder.path().string()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.errors.find("would both be"), std::string::npos) << result.errors;
  const fs::path file = folder.path() / "a/model.json";
  const ProcessResult unusable =
      test::vpunas({"export", "mobilenet_v2-0.35", "--size", "32", "-o", file.string()});
  EXPECT_EQ(unusable.exit_code, 1);
  EXPECT_NE(unusable.errors.find("cannot be made"), std::string::npos) << unusable.errors;
}

TEST(Export, UnknownNetworksAndStreamsAreErrors) {
  const ProcessResult network = test::vpunas({"export", "resnet19"});
  EXPECT_EQ(network.exit_code, 1);
  EXPECT_NE(network.errors.find("resnet18"), std::string::npos) << network.errors;
  const ProcessResult streams = test::vpunas({"export", "resnet18", "--blob", "--streams", "4"});
  EXPECT_EQ(streams.exit_code, 1);
  EXPECT_NE(streams.errors.find("export.streams"), std::string::npos) << streams.errors;
  const ProcessResult slices = test::vpunas({"export", "resnet18", "--blob", "--cmx-slices", "20"});
  EXPECT_EQ(slices.exit_code, 1);
  EXPECT_NE(slices.errors.find("export.cmx_slices"), std::string::npos) << slices.errors;
}

TEST(Export, OptionsOfTheChipAreSettings) {
  const std::string settings =
      test::vpunas({"export", "--shaves", "6", "--cmx-slices", "8", "--print-config"}).output;
  EXPECT_NE(settings.find("\nshaves = 6\n"), std::string::npos) << settings;
  EXPECT_NE(settings.find("\ncmx_slices = 8\n"), std::string::npos) << settings;
}

TEST(ExportSlow, TheBlobIsCompiledForTheShavesAndSlicesThatWereAsked) {
  if (!fs::exists(data_folder().parent_path() / "blob-compiler/libs/myriad_compile"))
    GTEST_SKIP() << "Intel's compiler is absent (make blob-compiler)";
  const TemporaryFolder folder;
  const fs::path to = folder.path() / "mobilenet_v2-0.35";
  const auto blob = [&](const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {
        "export", "mobilenet_v2-0.35", "--size", "64",
        "--blob", "--nn-archive",      "-o",     folder.path().string()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const ProcessResult result = test::vpunas(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_GT(fs::file_size(to / "model.blob"), 100'000u);
    return read_json(to / "export.json", "vpunas.export/1").at("blob");
  };
  const Json equal = blob({"--shaves", "6"});
  EXPECT_EQ(equal.at("shaves"), 6);
  EXPECT_EQ(equal.at("cmx_slices"), 6);
  const Json more = blob({"--shaves", "6", "--cmx-slices", "8"});
  EXPECT_EQ(more.at("shaves"), 6);
  EXPECT_EQ(more.at("cmx_slices"), 8);
}

}  // namespace
}  // namespace vpunas
