#include "pipeline/config.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace vpunas {
namespace {

TEST(Config, EveryCommittedConfigurationLoads) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(data_folder().parent_path() / "configs")) {
    EXPECT_NO_THROW(read_config({entry.path()}, {})) << entry.path();
    ++count;
  }
  EXPECT_GT(count, 0);
}

TEST(Config, ResolvedTextReadsBackToItself) {
  const TemporaryFolder folder;
  Config config =
      read_config({}, {parse_override("search.epochs=2.5"), parse_override("run.name=other")});
  write_file(folder.path() / "config.toml", config_text(config));
  EXPECT_EQ(config_text(read_config({folder.path() / "config.toml"}, {})), config_text(config));
}

TEST(Config, AugmentationIsAFlipUnlessAskedForMore) {
  EXPECT_EQ(read_config({}, {}).augment, Augmentation{.flip = true});
  EXPECT_THROW(read_config({}, {parse_override("augment.crop_padding=4"),
                                parse_override("augment.random_resized_crop=true")}),
               Error);
}

TEST(Config, TheCommandLineBeatsTheFile) {
  const TemporaryFolder folder;
  write_file(folder.path() / "a.toml", "[train]\nepochs = 3.0\n");
  EXPECT_EQ(
      read_config({folder.path() / "a.toml"}, {parse_override("train.epochs=7")}).train.epochs, 7);
}

TEST(Config, NamesTheKeysThatDiffer) {
  const std::string a = config_text(read_config({}, {}));
  const std::string b =
      config_text(read_config({}, {parse_override("train.lr=0.01"), parse_override("run.seed=9")}));
  EXPECT_EQ(differing_keys(a, b), (std::vector<std::string>{"run.seed", "train.lr"}));
  EXPECT_TRUE(differing_keys(a, a).empty());
}

}  // namespace
}  // namespace vpunas
