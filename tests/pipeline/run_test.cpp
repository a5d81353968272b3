#include "pipeline/run.h"

#include <gtest/gtest.h>

#include "arch/zoo.h"
#include "base/files.h"
#include "base/text.h"

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
    vpunas::Run run(configured({"search.lr=0.1"}), folder.path(), Existing::resume);
  }
  EXPECT_EQ(refusal(configured({"search.lr=0.2"}), folder.path()), "");
  write_file(folder.path() / "timings_CPU.json", "{}");
  const std::string message = refusal(configured({"search.lr=0.3"}), folder.path());
  EXPECT_NE(message.find("search.lr"), std::string::npos) << message;
}

TEST(Run, AKeyThatWasNotThereYetHasItsDefault) {
  const TemporaryFolder folder;
  {
    vpunas::Run(configured({}), folder.path(), Existing::resume).set_done(Stage::profile, 1);
  }
  const fs::path file = folder.path() / "config.toml";
  std::string text = read_file(file);
  const size_t at = text.find("\nsizes = ");
  ASSERT_NE(at, std::string::npos);
  text.erase(at, text.find('\n', at + 1) - at);
  write_file(file, text);
  EXPECT_EQ(refusal(configured({}), folder.path()), "");
  EXPECT_NE(refusal(configured({"space.sizes=[20,28]"}), folder.path()).find("space.sizes"),
            std::string::npos);
}

TEST(Run, TakesOtherSettingsOfTrainingUntilItHasBegun) {
  const TemporaryFolder folder;
  {
    vpunas::Run run(configured({}), folder.path(), Existing::resume);
    for (const Stage stage : {Stage::profile, Stage::search, Stage::train}) run.set_done(stage, 1);
    write_file(folder.path() / "search.json", "{}");
  }
  {
    const vpunas::Run again(configured({"train.lr=0.5"}), folder.path(), Existing::resume);
    EXPECT_TRUE(again.is_done(Stage::search));
    EXPECT_FALSE(again.is_done(Stage::train));
  }
  EXPECT_NE(refusal(configured({"train.teacher=mobilenet_v2"}), folder.path())
                .find("give train.teacher_weights"),
            std::string::npos)
      << "as before a run begins";
  fs::create_directory(folder.path() / "train");
  const std::string message = refusal(configured({"train.lr=0.6"}), folder.path());
  EXPECT_NE(message.find("(train.lr)"), std::string::npos) << message;
  EXPECT_NE(message.find("delete " + (folder.path() / "train").string()), std::string::npos)
      << message;
}

// Each of these once showed after the search, or after an older run was gone.
TEST(Run, SettingsAreCheckedBeforeAnythingIsBegunOrCleared) {
  const TemporaryFolder folder;
  vpunas::Run(configured({}), folder.path(), Existing::resume).set_done(Stage::profile, 1);
  for (const auto& [setting, says] :
       {std::pair{"latency.budget=12", "not in ms"},
        {"latency.budget=0.9x:mobilenet_v9", "mobilenet_v9 is neither a file nor in the zoo"},
        {"space.name=nope", "nope"},
        {"data.path=/no/such/images", "/no/such/images"},
        {"run.baselines=nope", "run.baselines"},
        {"search.sweep=0.8,-1", "search.sweep: -1"},
        {"export.shaves=12", "12"},
        {"run.baselines=a=no/file.json", "no/file.json"},
        {"run.baselines=pareto_1=no/file.json", "no/file.json"},
        {"train.init_from=no.safetensors", "train.init_from: there is no file no.safetensors"},
        {"train.teacher=mobilenet_v2", "give train.teacher_weights"}}) {
    std::string message;
    try {
      vpunas::Run(configured({setting}), folder.path(), Existing::restart);
    } catch (const Error& error) {
      message = error.what();
    }
    EXPECT_NE(message.find(says), std::string::npos) << setting << ": " << message;
    EXPECT_TRUE(
        vpunas::Run(configured({}), folder.path(), Existing::resume).is_done(Stage::profile))
        << setting;
    const TemporaryFolder fresh;
    EXPECT_NE(refusal(configured({setting}), fresh.path()), "") << setting;
  }
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
  const fs::path file = folder.path() / "b.json";
  write_architecture(file, find_network("mobilenet_v2", data_folder()));
  const vpunas::Run run(
      configured({cat("run.baselines=mobilenet_v2,other=", file.string(), ",", file.string())}),
      folder.path() / "run", Existing::resume);
  EXPECT_EQ(run.networks(), (std::vector<std::string>{"found", "mobilenet_v2", "other", "b"}));
  const TemporaryFolder second;
  for (const char* wrong :
       {"some/where", "=some/where.json", "found=some/where.json", "a/..json"}) {
    const std::string message =
        refusal(configured({std::string("run.baselines=") + wrong}), second.path());
    EXPECT_NE(message.find("run.baselines"), std::string::npos) << wrong;
  }
}

TEST(Spaces, NetworksKeepASizeThatIsOffered) {
  const Config config =
      configured({"space.name=vpu", "space.sizes=[160,192,224]", "space.train_size=64"});
  EXPECT_EQ(input_sides(config).deploy, 224);
  EXPECT_EQ(input_sides(config).train, 64);
  const Spaces spaces = spaces_of(config, 3, {"a", "b"});
  const auto sides = [&](int side) {
    const Architecture asked =
        with_input(find_network("mobilenet_v2", data_folder()), {3, side, side}, 1000);
    const Architecture deployed = fitted(asked, spaces.deploy);
    EXPECT_EQ(deployed.classes, 2);
    return std::pair{deployed.input.h, spaces.trained(deployed).input.h};
  };
  EXPECT_EQ(sides(160), std::pair(160, 46)) << "160 / 224 of 64 is 45.7";
  EXPECT_EQ(sides(192), std::pair(192, 54));
  EXPECT_EQ(sides(224), std::pair(224, 64));
  EXPECT_EQ(sides(96), std::pair(224, 64));
  const Spaces one = spaces_of(configured({"space.name=vpu", "space.deploy_size=96"}), 3, {"a"});
  EXPECT_EQ(fitted(find_network("mobilenet_v2", data_folder()), one.deploy).input.h, 96);
}

TEST(Spaces, SizesSayWhatIsWrong) {
  const auto refused = [](std::vector<std::string> settings) {
    const TemporaryFolder folder;
    return refusal(configured(settings), folder.path());
  };
  const auto expect = [](const std::string& message, const std::string& part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect(refused({"space.sizes=[28,14.5]"}), "space.sizes: 14.5 is no input side");
  expect(refused({"space.sizes=[28,20]", "space.deploy_size=32"}),
         "space.sizes: the greatest is 28 and space.deploy_size 32");
  expect(refused({"space.name=vpu", "space.sizes=[208,224]"}), "end in one size, 7x7");
  expect(refused({"space.sizes=[28,20,28]"}), "space.sizes: 28 is there twice");
  expect(refused({"space.name=vpu_sizes", "space.deploy_size=224"}), "end in one size, 7x7");
  expect(refused({"space.name=vpu", "space.sizes=[160,192,224]", "space.train_size=8"}),
         "space.train_size: at 8 the inputs 160 and 192 are both trained at 6");
  EXPECT_EQ(refused({"space.name=vpu_sizes", "space.sizes=[192,224]"}), "");
}

TEST(Run, RefusesADamagedState) {
  const TemporaryFolder folder;
  {
    vpunas::Run run(configured({}), folder.path(), Existing::resume);
  }
  write_file(folder.path() / "run.json", "{\"schema\": \"vpunas.run/2\", \"stag");
  EXPECT_NE(refusal(configured({}), folder.path()).find("run.json"), std::string::npos);
}

TEST(Run, SaysThatAFolderCannotBeWritten) {
  const TemporaryFolder folder;
  write_file(folder.path() / "file", "x");
  EXPECT_NE(refusal(configured({}), folder.path() / "file" / "run").find("another -o folder"),
            std::string::npos);
}

TEST(Run, RefusesARunOfAnEarlierVersion) {
  const TemporaryFolder folder;
  write_file(folder.path() / "run.json", "{\"schema\": \"vpunas.run/1\", \"stages\": {}}");
  write_file(folder.path() / "config.toml", "[search]\nfront = [0.8]\n");
  try {
    vpunas::Run(configured({}), folder.path(), Existing::resume);
    FAIL() << "opened";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("a run of an earlier vpunas"), std::string::npos)
        << error.what();
  }
  EXPECT_NO_THROW(vpunas::Run(configured({}), folder.path(), Existing::restart));
}

}  // namespace
}  // namespace vpunas
