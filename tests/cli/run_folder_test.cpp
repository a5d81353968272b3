// Verbs that are given no -c: by the settings of the run that is in the folder, or not at all.
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/cli/program.h"

namespace vpunas {
namespace {

class RunFolder : public testing::Test {
 protected:
  RunFolder() {
    write_file(run_ / "config.toml", "[run]\nname = \"mine\"\nseed = 7\n");
    write_file(run_ / "run.json", "{}");
  }
  // --print-config, called in the folder that holds runs/.
  std::string settings(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), (program_folder() / "vpunas").string());
    arguments.emplace_back("--print-config");
    const ProcessResult result =
        run_process(arguments, {.environment = {}, .folder = folder_.path().string()});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.output;
  }
  static bool has(const std::string& settings, const std::string& line) {
    return settings.find("\n" + line + "\n") != std::string::npos;
  }

  const TemporaryFolder folder_;
  const fs::path run_ = folder_.path() / "runs/run";
};

TEST_F(RunFolder, GivesItsSettingsToEveryVerb) {
  for (const char* verb : {"run", "profile", "search", "train", "export", "benchmark", "report"}) {
    const std::string own = settings({verb, "-o", run_.string()});
    EXPECT_TRUE(has(own, "seed = 7")) << verb;
    EXPECT_TRUE(has(own, "name = \"mine\"")) << verb;
    EXPECT_EQ(settings({verb}), own) << verb << " in the default folder";
  }
}

TEST_F(RunFolder, IsBeneathTheCommandLineAndNotBeneathAFile) {
  const std::string more = settings({"report", "--seed", "3", "--set", "train.epochs=2.5"});
  EXPECT_TRUE(has(more, "seed = 3"));
  EXPECT_TRUE(has(more, "epochs = 2.5"));
  EXPECT_TRUE(has(more, "name = \"mine\""));

  write_file(folder_.path() / "other.toml", "[run]\nworkers = 2\n");
  const std::string other = settings({"report", "-c", "other.toml", "-o", run_.string()});
  EXPECT_TRUE(has(other, "workers = 2"));
  EXPECT_TRUE(has(other, "seed = 1"));
}

TEST_F(RunFolder, WithoutARunIsNotBegunByVerbsThatFinishOne) {
  const fs::path none = folder_.path() / "none";
  for (const char* verb : {"train", "export", "benchmark", "report"}) {
    const ProcessResult result = test::vpunas({verb, "-o", none.string()});
    EXPECT_EQ(result.exit_code, 1) << verb;
    EXPECT_EQ(result.errors.rfind(cat("error: ", none.string(), ": no run there; give -c FILE"), 0),
              0U)
        << verb << ": " << result.errors;
    EXPECT_FALSE(fs::exists(none)) << verb;
  }
}

}  // namespace
}  // namespace vpunas
