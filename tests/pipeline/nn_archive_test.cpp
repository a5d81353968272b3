// The archive as its reader sees it: unpacked by tar, its configuration as DepthAI documents it.
#include "pipeline/nn_archive.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/subprocess.h"

namespace vpunas {
namespace {

Graph classifier(ColorOrder color, bool softmax) {
  Graph graph{"net", {.color = color, .labels = {"cat", "dog"}}, {}};
  graph.add("image", Input{{3, 8, 6}}, {});
  graph.add("pool", GlobalPool{}, {0});
  graph.add("linear", Linear{4}, {1});
  if (softmax) graph.add("softmax", Softmax{}, {2});
  return graph;
}

void unpack(const fs::path& archive, const fs::path& folder) {
  fs::create_directories(folder);
  const ProcessResult result =
      run_process({"/bin/tar", "-xzf", archive.string(), "-C", folder.string()});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
}

TEST(NnArchive, HoldsTheConfigurationAndTheModel) {
  const TemporaryFolder folder;
  std::string model(100'001, '\0');
  for (size_t i = 0; i < model.size(); ++i) model[i] = char(i * i >> 7);
  write_file(folder.path() / "model.blob", model);
  const Graph graph = classifier(ColorOrder::bgr, false);
  write_nn_archive(folder.path() / "a.tar.gz", graph, folder.path() / "model.blob");
  unpack(folder.path() / "a.tar.gz", folder.path() / "out");
  EXPECT_EQ(read_file(folder.path() / "out/model.blob"), model);
  EXPECT_EQ(Json::parse(read_file(folder.path() / "out/config.json")),
            nn_archive_config(graph, "model.blob"));
}

TEST(NnArchive, ABlobTakesBytesAndGivesHalves) {
  const Json config = nn_archive_config(classifier(ColorOrder::bgr, false), "model.blob");
  EXPECT_EQ(config, Json::parse(R"({"config_version": "1.0", "model": {
    "metadata": {"name": "net", "path": "model.blob", "precision": "float16"},
    "inputs": [{"name": "image", "dtype": "uint8", "input_type": "image", "shape": [1, 3, 8, 6],
      "layout": "NCHW", "preprocessing": {"mean": [0.0, 0.0, 0.0], "scale": [1.0, 1.0, 1.0],
        "reverse_channels": false, "interleaved_to_planar": false, "dai_type": "BGR888p"}}],
    "outputs": [{"name": "logits", "dtype": "float16"}],
    "heads": [{"parser": "ClassificationParser", "outputs": ["logits"],
      "metadata": {"classes": ["cat", "dog", "2", "3"], "n_classes": 4, "is_softmax": false}}]}})"));
}

TEST(NnArchive, OnnxIsSinglePrecisionAndASoftmaxIsSaid) {
  const Json model = nn_archive_config(classifier(ColorOrder::rgb, true), "x.onnx").at("model");
  EXPECT_EQ(model.at("metadata").at("precision"), "float32");
  EXPECT_EQ(model.at("inputs")[0].at("dtype"), "float32");
  EXPECT_EQ(model.at("inputs")[0].at("preprocessing").at("dai_type"), "RGB888p");
  EXPECT_EQ(model.at("inputs")[0].at("preprocessing").at("reverse_channels"), true);
  EXPECT_EQ(model.at("heads")[0].at("metadata").at("is_softmax"), true);
}

TEST(NnArchive, ChannelsAndFurtherInputsAreTheNetworks) {
  Graph graph{"net", {}, {}};
  graph.add("grey", Input{{1, 8, 6}}, {});
  graph.add("depth", Input{{4, 8, 6}}, {});
  graph.add("pool", GlobalPool{}, {0});
  graph.add("pool4", GlobalPool{}, {1});
  graph.add("all", Concat{}, {2, 3});
  const Json inputs = nn_archive_config(graph, "x.onnx", "raw").at("model").at("inputs");
  ASSERT_EQ(inputs.size(), 2u);
  EXPECT_EQ(inputs[0].at("preprocessing").at("dai_type"), "GRAY8");
  EXPECT_EQ(inputs[0].at("preprocessing").at("reverse_channels"), false);
  EXPECT_EQ(inputs[1].at("name"), "depth");
  EXPECT_EQ(inputs[1].at("input_type"), "raw");
  EXPECT_EQ(inputs[1].at("shape"), Json({1, 4, 8, 6}));
}

TEST(NnArchive, WhatIsNoPlainClassificationMustBeSaid) {
  Graph image{"net", {}, {}};
  image.add("image", Input{{3, 8, 6}}, {});
  image.add("conv", Conv{.out_channels = 5}, {0});
  EXPECT_THROW(nn_archive_config(image, "x.onnx"), Error);
  EXPECT_THROW(nn_archive_config(image, "x.onnx", "embedding"), Error);
  const Json head = nn_archive_config(image, "x.onnx", "segmentation").at("model").at("heads")[0];
  EXPECT_EQ(head.at("parser"), "SegmentationParser");
  EXPECT_EQ(head.at("metadata").at("n_classes"), 5);
  EXPECT_EQ(nn_archive_config(image, "x.onnx", "raw").at("model").at("heads"), Json::array());

  Graph labels = classifier(ColorOrder::rgb, false);
  EXPECT_NO_THROW(require_head(labels, "auto", false));
  EXPECT_THROW(require_head(labels, "auto", true), Error);
  EXPECT_NO_THROW(require_head(classifier(ColorOrder::rgb, true), "auto", true));
  EXPECT_EQ(
      nn_archive_config(labels, "x.onnx", "embedding").at("model").at("heads")[0].at("parser"),
      "EmbeddingsParser");
  labels.add("sigmoid", Activation{.act = Act::sigmoid}, {2});
  EXPECT_THROW(nn_archive_config(labels, "x.onnx"), Error);
  EXPECT_NO_THROW(nn_archive_config(labels, "x.onnx", "multilabel"));
}

TEST(TarGz, FilesOfEverySizeComeBack) {
  const TemporaryFolder folder;
  std::vector<std::pair<std::string, std::string>> files;
  for (const size_t size : {0, 1, 511, 512, 513, 70'000})
    files.emplace_back(cat("file", size), std::string(size, char('a' + size % 7)));
  write_file(folder.path() / "x.tar.gz", tar_gz(files));
  unpack(folder.path() / "x.tar.gz", folder.path() / "out");
  for (const auto& [name, bytes] : files)
    EXPECT_EQ(read_file(folder.path() / "out" / name), bytes) << name;
  EXPECT_EQ(tar_gz(files), tar_gz(files));
}

TEST(TarGz, NamesThatDoNotFitAreErrors) {
  EXPECT_THROW(tar_gz({{std::string(101, 'x'), "bytes"}}), Error);
  EXPECT_THROW(tar_gz({{"", "bytes"}}), Error);
}

}  // namespace
}  // namespace vpunas
