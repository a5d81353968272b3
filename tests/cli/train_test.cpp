// `vpunas train NETWORK` as a user runs it.
#include <gtest/gtest.h>

#include "arch/space.h"
#include "arch/zoo.h"
#include "tests/cli/program.h"

namespace vpunas {
namespace {

ProcessResult train(const fs::path& folder, const std::vector<std::string>& networks) {
  std::vector<std::string> arguments = test::tiny_run(folder, "train");
  arguments.insert(arguments.end(), networks.begin(), networks.end());
  return test::vpunas(arguments);
}

TEST(Train, NetworksOfTheZooAndFilesNeedNoSearch) {
  const TemporaryFolder folder;
  Architecture mine = find_network("mobilenet_v2-0.35", data_folder());
  mine.blocks.back().kernel = 5;
  const fs::path file = folder.path() / "mine.json";
  write_architecture(file, mine);
  const ProcessResult trained =
      train(folder.path(), {"mobilenet_v2-0.35", file.string(), "again=" + file.string()});
  ASSERT_EQ(trained.exit_code, 0) << trained.errors;
  const fs::path run = folder.path() / "run";
  const auto figures = [&](const std::string& name) {
    return read_json(run / "train" / name / "train.json", "vpunas.train/1");
  };
  EXPECT_EQ(figures("mine").at("seed"), 1);
  EXPECT_GT(figures("mine").at("parameters"), figures("mobilenet_v2-0.35").at("parameters"));
  EXPECT_EQ(figures("mine").at("test_loss"), figures("again").at("test_loss"));
  EXPECT_FALSE(fs::exists(run / "search.json"));
  EXPECT_TRUE(fs::exists(run / "train/mine/weights.safetensors"));

  // Trained ones stay, under a name once given.
  const auto before = fs::last_write_time(run / "train/mine/train.json");
  EXPECT_EQ(train(folder.path(), {file.string()}).exit_code, 0);
  EXPECT_EQ(fs::last_write_time(run / "train/mine/train.json"), before);
  const ProcessResult other = train(folder.path(), {"mine=mobilenet_v2-0.35"});
  EXPECT_EQ(other.exit_code, 1);
}

TEST(Train, GoesOnByTheSettingsOfTheFolder) {
  const TemporaryFolder folder;
  const ProcessResult begun = train(folder.path(), {"mobilenet_v2-0.35"});
  ASSERT_EQ(begun.exit_code, 0) << begun.errors;
  const fs::path run = folder.path() / "run";
  const std::string settings = read_file(run / "config.toml");
  const auto go_on = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"train", "mobilenet_v2-0.35", "-o", run.string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return test::vpunas(arguments);
  };
  const ProcessResult same = go_on({});
  EXPECT_EQ(same.exit_code, 0) << same.errors;
  EXPECT_EQ(read_file(run / "config.toml"), settings);
  const ProcessResult other = go_on({"--epochs", "3"});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_NE(other.errors.find("other settings (train.epochs)"), std::string::npos) << other.errors;
}

TEST(Train, RefusesWhatIsNoNetworkBeforeAnyTraining) {
  const TemporaryFolder folder;
  const fs::path other = folder.path() / "mobilenet_v2-0.35.json";
  write_architecture(other, find_network("mobilenet_v2-0.5", data_folder()));
  const auto refusal = [&](const std::string& network) {
    const ProcessResult result = train(folder.path(), {"mobilenet_v2-0.35", network});
    EXPECT_EQ(result.exit_code, 1) << network;
    EXPECT_FALSE(fs::exists(folder.path() / "run/train"));
    return result.errors;
  };
  EXPECT_NE(refusal("x=no/such.json").find("no/such.json"), std::string::npos);
  EXPECT_NE(refusal("a/b=" + other.string()).find("a name of its own"), std::string::npos);
  EXPECT_NE(refusal("mobilnet_v2").find("mobilnet_v2"), std::string::npos);
  EXPECT_NE(refusal("found").find("vpunas search"), std::string::npos);
  EXPECT_NE(refusal(other.string()).find("another network of this name"), std::string::npos);
}

}  // namespace
}  // namespace vpunas
