// `vpunas export NETWORK`, outside a run.
#include <gtest/gtest.h>

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

TEST(Export, UnknownNetworksAndStreamsAreErrors) {
  const ProcessResult network = test::vpunas({"export", "resnet19"});
  EXPECT_EQ(network.exit_code, 1);
  EXPECT_NE(network.errors.find("resnet18"), std::string::npos) << network.errors;
  const ProcessResult streams = test::vpunas({"export", "resnet18", "--blob", "--streams", "4"});
  EXPECT_EQ(streams.exit_code, 1);
  EXPECT_NE(streams.errors.find("export.streams"), std::string::npos) << streams.errors;
}

TEST(ExportSlow, TheBlobIsCompiledForTheShavesThatWereAsked) {
  if (!fs::exists(data_folder().parent_path() / "blob-compiler/libs/myriad_compile"))
    GTEST_SKIP() << "Intel's compiler is absent (make blob-compiler)";
  const TemporaryFolder folder;
  const ProcessResult result =
      test::vpunas({"export", "mobilenet_v2-0.35", "--size", "64", "--blob", "--nn-archive",
                    "--shaves", "6", "-o", folder.path().string()});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const fs::path to = folder.path() / "mobilenet_v2-0.35";
  EXPECT_EQ(read_json(to / "export.json", "vpunas.export/1").at("blob").at("shaves"), 6);
  EXPECT_GT(fs::file_size(to / "model.blob"), 100'000u);
}

}  // namespace
}  // namespace vpunas
