// `vpunas evaluate` and `vpunas classify` with weights from elsewhere.
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "arch/space.h"
#include "arch/weights.h"
#include "base/text.h"
#include "data/image_file.h"
#include "tests/cli/program.h"
#include "tests/shared.h"

namespace vpunas {
namespace {

// A network of three classes with random weights, and a folder of two images of each.
class Weighted : public testing::Test {
 protected:
  Weighted() {
    const Architecture network = {.name = "tiny",
                                  .input = {3, 32, 32},
                                  .classes = 3,
                                  .stem = {.channels = 8},
                                  .blocks = {{.expansion = 1, .out_channels = 8}},
                                  .head = {.channels = 16}};
    write_architecture(path("tiny.json"), network);
    write_safetensors(path("tiny.safetensors"), random_weights(lower(network, {}), 1));
    uint8_t shade = 0;
    for (const char* name : {"ant", "bee", "cat"}) {
      fs::create_directories(folder_.path() / "data/val" / name);
      for (const char* file : {"a.png", "b.png"}) {
        Image image{{3, 40, 50}, std::vector<uint8_t>(6000, shade)};
        shade += 40;
        write_png(folder_.path() / "data/val" / name / file, image);
      }
    }
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  ProcessResult run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--init-from", path("tiny.safetensors")});
    return test::vpunas(arguments);
  }
  ProcessResult evaluate(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"evaluate", path("tiny.json"), "--data", path("data")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }

  TemporaryFolder folder_;
};

TEST_F(Weighted, IsEvaluatedOnAFolderOfImages) {
  const ProcessResult text = evaluate();
  ASSERT_EQ(text.exit_code, 0) << text.errors;
  EXPECT_NE(text.output.find("of 6 test images"), std::string::npos) << text.output;

  const ProcessResult json = evaluate({"--json", "-"});
  ASSERT_EQ(json.exit_code, 0) << json.errors;
  const Json figures = Json::parse(json.output);
  EXPECT_EQ(figures.at("schema"), "vpunas.evaluation/1");
  EXPECT_EQ(figures.at("images"), 6);
  EXPECT_EQ(figures.at("top5").at("value"), 1) << "of three classes";
}

TEST_F(Weighted, FindsTheDataAmongItsClassesByName) {
  const auto top1 = [&](const std::string& classes) {
    write_file(path("classes.tsv"), classes);
    const ProcessResult result = evaluate({"--json", "-", "--classes", path("classes.tsv")});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return Json::parse(result.output).at("top1").at("value").get<double>();
  };
  double sum = 0;  // each class is the first output once: every image is right once
  sum += top1("0\tant\n1\tbee\n2\tcat\n");
  sum += top1("0\tbee\n1\tcat\n2\tant\n");
  sum += top1("0\tcat\n1\tant\n2\tbee\n");
  EXPECT_NEAR(sum, 1, 1e-9);

  const auto error = [&](const std::string& classes) {
    write_file(path("classes.tsv"), classes);
    const ProcessResult result = evaluate({"--classes", path("classes.tsv")});
    EXPECT_EQ(result.exit_code, 1);
    return result.errors;
  };
  const auto contains = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_PRED2(contains, error("ant\nbee\ndog\n"),
               "class cat of the data is none of the network's");
  EXPECT_PRED2(contains, error("ant\nbee\n"), "names for 2 classes, the network has 3 outputs");
  EXPECT_PRED2(contains, error("ant\nbee\tcat\ncat\n"),
               "cat of the data is the name of more than one");
  EXPECT_PRED2(contains, error("ant\n\ncat\n"), "classes.tsv:2: names no class");
  fs::remove_all(folder_.path() / "data/val/cat");
  EXPECT_PRED2(contains, evaluate().errors, "the data has 2 classes, the network 3 outputs");
}

TEST_F(Weighted, ClassifiesWhatItCanReadAndNamesTheRest) {
  write_file(path("broken.png"), "not an image");
  const std::string image = path("data/val/ant/a.png");
  const ProcessResult result = run({"classify", image, path("broken.png"), path("missing.jpg"),
                                    "--network", path("tiny.json"), "--top", "2"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.output.rfind(image + ": class ", 0), 0U) << result.output;
  EXPECT_EQ(split(result.errors, '\n').size(), 3U) << result.errors;
  for (const char* part : {"error: ", "broken.png", "\nerror: ", "missing.jpg"})
    EXPECT_NE(result.errors.find(part), std::string::npos) << result.errors;

  const ProcessResult json =
      run({"classify", image, "--network", path("tiny.json"), "--json", "-"});
  ASSERT_EQ(json.exit_code, 0) << json.errors;
  double sum = 0;
  const Json guesses = Json::parse(json.output).at("images")[0].at("classes");
  for (const Json& guess : guesses) sum += guess.at("probability").get<double>();
  EXPECT_NEAR(sum, 1, 1e-9);
}

TEST_F(Weighted, OtherWeightsAreRefused) {
  const ProcessResult result = test::vpunas(
      {"evaluate", "resnet18", "--init-from", path("tiny.safetensors"), "--data", path("data")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.errors.find("tiny.safetensors does not fit network resnet18"), std::string::npos)
      << result.errors;
}

TEST_F(Weighted, AreSaidToLeaveFp16sRangeBeforeTheyAreDelivered) {
  const auto exported = [&] {
    return run({"export", path("tiny.json"), "--data", path("data"), "-o", path("out")});
  };
  const auto fits = [&] {
    return read_json(path("out/tiny/export.json"), "vpunas.export/1").at("fp16").at("fits");
  };
  const ProcessResult usual = exported();
  ASSERT_EQ(usual.exit_code, 0) << usual.errors;
  EXPECT_EQ(usual.errors.find("FP16"), std::string::npos) << usual.errors;
  EXPECT_EQ(fits(), true);

  Weights weights = read_safetensors(path("tiny.safetensors"));
  for (float& weight : weights.at("features.1.conv.0.1.weight").data) weight *= 1e6F;
  write_safetensors(path("tiny.safetensors"), weights);
  const ProcessResult large = exported();
  ASSERT_EQ(large.exit_code, 0) << large.errors;
  EXPECT_NE(large.errors.find("features.1.conv.0.0 reaches "), std::string::npos) << large.errors;
  EXPECT_NE(large.errors.find("beyond FP16's largest value"), std::string::npos) << large.errors;
  EXPECT_EQ(fits(), false);
}

// The images, the weights and what TensorFlow's preprocessing and padding make of them: a network
// with other padding or another epsilon than it was trained with would agree on about half.
TEST(PublishedWeightsSlow, GiveTheExpectedPredictions) {
  VPUNAS_SHARED_PATH_OR_SKIP(shared, "data/images");
  const TemporaryFolder folder;
  ASSERT_EQ(run_process({"tar", "-xf", (shared / "imagenet-sample-250.tar").string(), "-C",
                         folder.path().string()})
                .exit_code,
            0);
  const ProcessResult unpacked =
      run_process({"xz", "-dc", (shared / "mobilenet_v2_1.0_224_dequant.safetensors.xz").string()});
  ASSERT_EQ(unpacked.exit_code, 0);
  const fs::path images = folder.path() / "imagenet-sample-250";
  const std::string weights = (folder.path() / "weights.safetensors").string();
  write_file(weights, unpacked.output);

  const ProcessResult evaluated = test::vpunas(
      {"evaluate", "mobilenet_v2_keras", "--init-from", weights, "--data", images.string(),
       "--classes", (images / "classes_1000.tsv").string(), "--json", "-"},
      600);
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.errors;
  const Json figures = Json::parse(evaluated.output);
  EXPECT_EQ(figures.at("images"), 250);
  EXPECT_NEAR(figures.at("top1").at("value").get<double>(), 0.888, 0.005);
  EXPECT_NEAR(figures.at("top5").at("value").get<double>(), 0.992, 0.005);

  std::map<std::string, int> expected;  // by file
  std::istringstream lines(read_file(images / "mobilenet_v2_preds.tsv"));
  for (std::string line; std::getline(lines, line);) {
    const std::vector<std::string> fields = split(line, '\t');
    const auto first = parse_number(split(fields.at(2), ',').front());
    if (first) expected[fields.front()] = static_cast<int>(*first);
  }
  ASSERT_EQ(expected.size(), 250U);
  std::vector<std::string> arguments = {
      "classify", "--network", "mobilenet_v2_keras", "--init-from", weights, "--json", "-"};
  for (const auto& file : fs::recursive_directory_iterator(images / "val"))
    if (file.is_regular_file()) arguments.push_back(file.path().string());
  const ProcessResult classified = test::vpunas(arguments, 600);
  ASSERT_EQ(classified.exit_code, 0) << classified.errors;
  int same = 0;
  const Json told = Json::parse(classified.output).at("images");
  for (const Json& image : told) {
    const std::string file = fs::path(image.at("image").get<std::string>()).filename().string();
    same += image.at("classes")[0].at("output") == expected.at(file);
  }
  EXPECT_GE(same, 248) << "99 % of 250";
}

}  // namespace
}  // namespace vpunas
