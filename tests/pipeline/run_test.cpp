#include "pipeline/run.h"

#include <gtest/gtest.h>

#include "arch/zoo.h"
#include "base/files.h"

namespace vpunas {
namespace {

Config configured(const std::vector<std::string>& settings) {
  std::vector<Override> overrides;
  for (const auto& text : settings) overrides.push_back(parse_override(text));
  return read_config({}, overrides);
}

std::string refusal(const Config& config, const fs::path& folder) {
  try {
    vpunas::Run run(config, folder, Existing::resume);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Run, RemembersWhatIsDone) {
  const TemporaryFolder folder;
  {
    vpunas::Run run(configured({}), folder.path(), Existing::resume);
    EXPECT_FALSE(run.is_done(Stage::profile));
    run.set_done(Stage::profile, 1.5);
  }
  const vpunas::Run again(configured({}), folder.path(), Existing::resume);
  EXPECT_TRUE(again.is_done(Stage::profile));
  EXPECT_EQ(again.seconds(Stage::profile), 1.5);
  EXPECT_FALSE(again.is_done(Stage::search));
}

TEST(Run, RefusesOtherSettingsAndNamesThem) {
  const TemporaryFolder folder;
  {
    vpunas::Run run(configured({}), folder.path(), Existing::resume);
    run.set_done(Stage::profile, 1);
  }
  const std::string message = refusal(configured({"search.lr=0.5"}), folder.path());
  EXPECT_NE(message.find("search.lr"), std::string::npos) << message;
  EXPECT_NE(message.find("--restart"), std::string::npos) << message;
}

TEST(Run, TakesOtherSettingsWhereNothingIsMadeYet) {
  const TemporaryFolder folder;
  {
    vpunas::Run run(configured({"data.path=/no/such/images"}), folder.path(), Existing::resume);
  }
  EXPECT_EQ(refusal(configured({"data.path=/other/images"}), folder.path()), "");
  write_file(folder.path() / "timings_CPU.json", "{}");
  const std::string message = refusal(configured({"data.path=/third"}), folder.path());
  EXPECT_NE(message.find("data.path"), std::string::npos) << message;
}

TEST(Run, OtherMeasurementsOnlyMakeMeasuringDueAgain) {
  const TemporaryFolder folder;
  {
    vpunas::Run run(configured({}), folder.path(), Existing::resume);
    for (const Stage stage : all_stages) run.set_done(stage, 1);
  }
  const vpunas::Run again(configured({"benchmark.seconds=1"}), folder.path(), Existing::resume);
  EXPECT_TRUE(again.is_done(Stage::train));
  EXPECT_FALSE(again.is_done(Stage::benchmark));
  EXPECT_FALSE(again.is_done(Stage::report));
}

TEST(Run, RestartClearsTheFolder) {
  const TemporaryFolder folder;
  {
    vpunas::Run(configured({}), folder.path(), Existing::resume).set_done(Stage::profile, 1);
  }
  write_file(folder.path() / "search.json", "{}");
  const vpunas::Run again(configured({"search.lr=0.5"}), folder.path(), Existing::restart);
  EXPECT_FALSE(again.is_done(Stage::profile));
  EXPECT_FALSE(fs::exists(folder.path() / "search.json"));
}

// What is not a run of ours must never be cleared.
TEST(Run, RestartRefusesAFolderThatIsNoRun) {
  const TemporaryFolder folder;
  write_file(folder.path() / "thesis.tex", "years of work");
  EXPECT_THROW(vpunas::Run(configured({}), folder.path(), Existing::restart), Error);
  EXPECT_TRUE(fs::exists(folder.path() / "thesis.tex"));
}

TEST(Run, OneProcessAtATime) {
  const TemporaryFolder folder;
  const vpunas::Run run(configured({}), folder.path(), Existing::resume);
  EXPECT_NE(refusal(configured({}), folder.path()).find("another vpunas"), std::string::npos);
}

TEST(Run, ABaselineMayBeAFileUnderANameOfItsOwn) {
  const TemporaryFolder folder;
  const vpunas::Run run(configured({"run.baselines=mobilenet_v2,other=some/where.json,a/b.json"}),
                        folder.path(), Existing::resume);
  EXPECT_EQ(run.networks(), (std::vector<std::string>{"found", "mobilenet_v2", "other", "b"}));
  const TemporaryFolder second;
  for (const char* wrong :
       {"some/where", "=some/where.json", "found=some/where.json", "a/..json"}) {
    const std::string message =
        refusal(configured({std::string("run.baselines=") + wrong}), second.path());
    EXPECT_NE(message.find("run.baselines"), std::string::npos) << wrong;
  }
}

TEST(Run, RefusesADamagedState) {
  const TemporaryFolder folder;
  {
    vpunas::Run run(configured({}), folder.path(), Existing::resume);
  }
  write_file(folder.path() / "run.json", "{\"schema\": \"vpunas.run/1\", \"stag");
  EXPECT_NE(refusal(configured({}), folder.path()).find("run.json"), std::string::npos);
}

TEST(Run, SaysThatAFolderCannotBeWritten) {
  const TemporaryFolder folder;
  write_file(folder.path() / "file", "x");
  EXPECT_NE(refusal(configured({}), folder.path() / "file" / "run").find("another -o folder"),
            std::string::npos);
}

}  // namespace
}  // namespace vpunas
