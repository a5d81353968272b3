// `vpunas data` and the options of images as a user has them.
#include <gtest/gtest.h>

#include "data/image_file.h"
#include "tests/cli/program.h"

namespace vpunas {
namespace {

class DataFolder : public testing::Test {
 protected:
  TemporaryFolder folder_;
  fs::path root_ = folder_.path() / "images";

  DataFolder() {
    for (const char* part : {"train", "test"})
      for (const char* name : {"dark", "light"})
        for (int i = 0; i < 8; ++i) put(part, name, i);
  }
  void put(const std::string& part, const std::string& name, int i) const {
    const fs::path path = root_ / part / name / cat(i, ".png");
    fs::create_directories(path.parent_path());
    Image image{{3, 20, 30}, std::vector<uint8_t>(3 * 20 * 30, name == "dark" ? 10 : 230)};
    image.pixels[0] = static_cast<uint8_t>(i + (part == "test" ? 100 : 0));
    write_png(path, image);
  }
  ProcessResult check(std::vector<std::string> options = {}) const {
    options.insert(options.begin(), {"data", "check", root_.string()});
    return test::vpunas(options);
  }
};

TEST_F(DataFolder, ThatIsWholeIsCounted) {
  const ProcessResult result = check();
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.output, "folder " + root_.string() +
                               "\n"
                               "class  train  test\n"
                               "-----  -----  ----\n"
                               "dark       8     8\n"
                               "light      8     8\n"
                               "all       16    16\n"
                               "\n"
                               "32 PNG, 32 in colour\n"
                               "height 20 to 20, median 20\n"
                               "width 30 to 30, median 30\n");
}

TEST_F(DataFolder, WithBrokenAndRepeatedImagesSaysWhich) {
  write_file(root_ / "train/dark/3.png", "rubbish");
  fs::copy_file(root_ / "train/light/0.png", root_ / "test/light/9.png");
  const ProcessResult text = check();
  EXPECT_EQ(text.exit_code, 1);
  const auto says = [&](const std::string& part) {
    EXPECT_NE(text.output.find(part), std::string::npos) << part << " in\n" << text.output;
  };
  says("images that cannot be decoded: 1\n  " + (root_ / "train/dark/3.png").string() + ": ");
  says("in training and test: 1\n  " + (root_ / "train/light/0.png").string() + " = " +
       (root_ / "test/light/9.png").string());
  EXPECT_NE(text.errors.find("1 of 33 images cannot be decoded"), std::string::npos) << text.errors;

  const ProcessResult result = check({"--json", "-"});
  EXPECT_EQ(result.exit_code, 1);
  const Json json = Json::parse(result.output);
  EXPECT_EQ(json["schema"], "vpunas.data/1");
  EXPECT_EQ(json["classes"][0],
            (Json{{"name", "dark"}, {"train", 7}, {"validation", 0}, {"test", 8}}));
  EXPECT_EQ(json["bad"].size(), 1U);
  EXPECT_EQ(json["in_train_and_test"].size(), 1U);
}

TEST_F(DataFolder, WithBrokenImagesIsTrainedOnWhenTheyAreSkipped) {
  write_file(root_ / "train/dark/3.png", "rubbish");
  write_file(root_ / "test/dark/5.png", "rubbish");
  const auto train = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"train",        "mobilenet_v2-0.35",
                                       "-o",           (folder_.path() / "run").string(),
                                       "--data",       root_.string(),
                                       "--epochs",     "2",
                                       "--batch-size", "4",
                                       "--set",        "space.deploy_size=28",
                                       "--set",        "augment.random_resized_crop=true",
                                       "--set",        "augment.rand_augment=1",
                                       "--set",        "augment.erase=0.5"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return test::vpunas(arguments);
  };
  const ProcessResult failed = train({});
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_NE(failed.errors.find("dark/"), std::string::npos) << failed.errors;
  const ProcessResult skipped = train({"--on-bad-image", "skip", "--restart"});
  EXPECT_EQ(skipped.exit_code, 0) << skipped.errors;
  for (const char* file : {"train/dark/3.png: ", "test/dark/5.png: "})
    EXPECT_NE(skipped.errors.find("left out: " + (root_ / file).string()), std::string::npos)
        << skipped.errors;
}

TEST(Data, OptionsOutOfRangeAreErrors) {
  const auto error = [](const std::string& setting) {
    const ProcessResult result = test::vpunas({"train", "--print-config", "--set", setting});
    EXPECT_EQ(result.exit_code, 1) << setting;
    return result.errors;
  };
  EXPECT_NE(error("augment.crop_scale=0.9,0.1").find("augment.crop_scale"), std::string::npos);
  EXPECT_NE(error("augment.rand_augment_magnitude=31").find("0 to 30"), std::string::npos);
  EXPECT_NE(error("data.on_bad_image=ignore").find("skip"), std::string::npos);
  EXPECT_NE(error("data.flip=true").find("data.flip"), std::string::npos);
}

}  // namespace
}  // namespace vpunas
