// Every mistake gets one line that says what, where and what to do, and the exit code of
// docs/formats.md.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "tests/cli/program.h"

namespace vpunas {
namespace {

struct Mistake {
  const char* name;
  std::vector<std::string> arguments;
  std::vector<std::string> said;  // parts of the line
  int exit_code = 1;
};
void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.name; }

class BadInput : public testing::TestWithParam<Mistake> {
 protected:
  BadInput() {
    const auto file = [&](const char* name, const std::string& text) {
      write_file(folder_.path() / name, text);
    };
    file("key.toml", "[search]\nlamda = 1\n");
    file("section.toml", "[serach]\nlr = 0.1\n");
    file("range.toml", "[search]\nlr = -1.0\n");
    file("type.toml", "[search]\nlr = \"fast\"\n");
    file("broken.toml", "[search\nlr = 0.1\n");
    file("broken.json", "{\"schema\": \"vpunas.space/1\", ");
    file("foreign.json", "{\"hello\": 1}");
    file("later.json", "{\"schema\": \"vpunas.space/9\"}");
    file("broken.xml", "<?xml version=\"1.0\"?><net><layers>");
    file("file.bin", "not an image");
    fs::create_directories(folder_.path() / "empty");
  }
  // @ stands for the test's folder.
  std::string expand(std::string text) const {
    for (size_t at; (at = text.find('@')) != std::string::npos;)
      text.replace(at, 1, folder_.path().string());
    return text;
  }

  TemporaryFolder folder_;
};

TEST_P(BadInput, IsOneLineAndAnExitCode) {
  std::vector<std::string> arguments;
  for (const std::string& argument : GetParam().arguments) arguments.push_back(expand(argument));
  const ProcessResult result = test::vpunas(arguments);
  EXPECT_EQ(result.exit_code, GetParam().exit_code) << result.errors;
  size_t error_at = result.errors.find("error: ");
  ASSERT_NE(error_at, std::string::npos) << result.errors;
  const std::string line = result.errors.substr(error_at);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
  for (const std::string& part : GetParam().said)
    EXPECT_NE(line.find(expand(part)), std::string::npos) << part << "\n" << line;
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, BadInput,
    testing::Values(
        Mistake{"NoVerb", {}, {"--help"}}, Mistake{"UnknownVerb", {"serach"}, {"serach"}},
        Mistake{"UnknownOption", {"run", "--budgt", "1ms"}, {"--budgt", "(see vpunas run --help)"}},
        Mistake{"NoNetwork", {"explain"}, {"NETWORK", "(see vpunas explain --help)"}},
        Mistake{"NoNetworkOfAVerbOfAVerb", {"zoo", "show"}, {"(see vpunas zoo show --help)"}},
        Mistake{"NoVerbOfData", {"data"}, {"(see vpunas data --help)"}},
        Mistake{"NetworkWhereAVerbIsWanted",
                {"zoo", "mobilenet_v2"},
                {"unknown mobilenet_v2; did you mean `vpunas zoo show mobilenet_v2`?"}},
        Mistake{"MisspeltVerbOfZoo", {"zoo", "lst"}, {"unknown lst", "list"}},
        Mistake{"UnknownOptionOfZoo",
                {"zoo", "--famly", "VGG"},
                {"--famly", "(see vpunas zoo --help)"}},
        Mistake{"FamilyOfOneNetwork", {"zoo", "--family", "VGG", "show", "vgg16"}, {"--family"}},
        Mistake{"ResumeAndRestart",
                {"run", "--resume", "--restart", "-o", "@/run"},
                {"--resume", "--restart"}},
        Mistake{"MissingConfig", {"run", "-c", "@/none.toml", "-o", "@/run"}, {"@/none.toml"}},
        Mistake{"UnknownKey", {"run", "-c", "@/key.toml", "-o", "@/run"}, {"key.toml:2", "lamda"}},
        Mistake{"UnknownSection",
                {"run", "-c", "@/section.toml", "-o", "@/run"},
                {"section.toml:1", "serach", "search"}},
        Mistake{"OutOfRange",
                {"run", "-c", "@/range.toml", "-o", "@/run"},
                {"range.toml:2", "search.lr"}},
        Mistake{
            "WrongType", {"run", "-c", "@/type.toml", "-o", "@/run"}, {"type.toml:2", "search.lr"}},
        Mistake{"BrokenToml", {"run", "-c", "@/broken.toml", "-o", "@/run"}, {"broken.toml:1"}},
        Mistake{"UnknownKeyOnTheCommandLine",
                {"run", "--set", "train.lrr=1", "-o", "@/run"},
                {"train.lrr", "lr"}},
        Mistake{"ShortcutOfAnotherType",
                {"run", "--seed", "x", "-o", "@/run"},
                {"--seed x: run.seed: ", "whole number"}},
        Mistake{"ShortcutOutOfRange",
                {"train", "mobilenet_v2", "-b", "0", "-o", "@/run"},
                {"--batch-size 0: train.batch_size: "}},
        Mistake{"BrokenSet", {"run", "--set", "nonsense", "-o", "@/run"}, {"nonsense"}},
        Mistake{"BadBudget",
                {"search", "--budget", "fast", "--set", "data.format=synthetic", "-o", "@/run"},
                {"fast"}},
        Mistake{"ImpossibleBudget",
                {"search", "--budget", "0.001ms", "--set", "data.format=synthetic", "-o", "@/run"},
                {"cannot be met"},
                3},
        Mistake{"UnknownDevice",
                {"profile", "-d", "TPU", "--set", "data.format=synthetic", "-o", "@/run"},
                {"TPU", "MYRIADX"}},
        Mistake{"UnknownSpace", {"space", "qiuck"}, {"qiuck", "quick"}},
        Mistake{"BrokenSpace", {"space", "@/broken.json"}, {"broken.json"}},
        Mistake{"ForeignJson", {"space", "@/foreign.json"}, {"foreign.json"}},
        Mistake{"LaterSchema", {"space", "@/later.json"}, {"vpunas.space/9"}},
        Mistake{"UnknownNetwork", {"explain", "mobilnet_v2"}, {"mobilnet_v2", "mobilenet_v2"}},
        Mistake{"MissingData", {"profile", "--data", "@/none", "-o", "@/run"}, {"@/none"}},
        Mistake{"EmptyData", {"profile", "--data", "@/empty", "-o", "@/run"}, {"@/empty"}},
        Mistake{"NotTrained", {"evaluate", "-o", "@/run"}, {"weights.safetensors", "vpunas train"}},
        Mistake{"BenchmarkOfAnUnknownNetwork",
                {"benchmark", "mobilnet_v2"},
                {"mobilnet_v2", "mobilenet_v2"}},
        Mistake{"BenchmarkOnAnUnknownDevice",
                {"benchmark", "resnet18", "-d", "CPU,TPU"},
                {"TPU", "MYRIADX"}},
        Mistake{"BenchmarkOnNoDevice", {"benchmark", "resnet18", "-d", "CPU,"}, {"CPU,"}},
        Mistake{"UnknownHint", {"benchmark", "resnet18", "--hint", "latncy"}, {"latency"}},
        Mistake{"UnknownPrecision",
                {"benchmark", "resnet18", "--precision", "f64"},
                {"--precision", "f32"}},
        Mistake{"PercentileOver100",
                {"benchmark", "resnet18", "--percentiles", "50,101"},
                {"--percentiles", "101", "0..100"}},
        Mistake{"PercentileOfText",
                {"benchmark", "resnet18", "--percentiles", "median"},
                {"--percentiles", "median"}},
        Mistake{"NoRounds", {"benchmark", "resnet18", "--rounds", "0"}, {"--rounds", "0"}},
        Mistake{"TimeIsNoNumber", {"benchmark", "resnet18", "-t", "nan"}, {"--time", "nan"}},
        Mistake{"MissingIr", {"benchmark", "@/none.xml"}, {"@/none.xml", "vpunas export"}},
        Mistake{"BrokenIr", {"benchmark", "@/broken.xml"}, {"@/broken.xml"}},
        Mistake{"SizeOfAnIr", {"benchmark", "@/broken.xml", "--size", "64"}, {"@/broken.xml"}},
        Mistake{"BenchmarkOptionInARun", {"benchmark", "--niter", "5"}, {"--niter", "NETWORK"}},
        Mistake{"RunOptionOutsideARun",
                {"benchmark", "resnet18", "-o", "@/run"},
                {"--output", "NETWORK"}},
        Mistake{"EpochsOfAnExport",
                {"export", "resnet18", "--epochs", "3", "-o", "@/out"},
                {"--epochs is of a run", "NETWORK"}},
        Mistake{"RestartOfAnExport",
                {"export", "resnet18", "--restart", "-o", "@/out"},
                {"--restart is of a run", "NETWORK"}},
        Mistake{"SetEpochsOfAnExport",
                {"export", "resnet18", "--set", "train.epochs=3", "-o", "@/out"},
                {"--set train.epochs is of a run", "NETWORK"}},
        Mistake{"SizeOfARunsExport",
                {"export", "--size", "64", "-o", "@/run"},
                {"--size is of NETWORK", "space.deploy_size"}},
        Mistake{"BudgetOfASpace",
                {"profile", "--space", "quick", "--budget", "1ms", "-o", "@/out"},
                {"--budget is of a run", "--space"}},
        Mistake{"DataOfASpace",
                {"profile", "--space", "quick", "--data", "@/empty", "-o", "@/out"},
                {"--data is of a run", "--space"}},
        Mistake{"SetSizeOfASpace",
                {"profile", "--space", "quick", "--set", "space.deploy_size=64", "-o", "@/out"},
                {"--set space.deploy_size is of a run", "--space"}},
        Mistake{"MissingRunner",
                {"profile", "--space", "quick", "-d", "CPU", "--runner", "nope", "-o", "@/out"},
                {"--runner nope: cannot be run (exit code 127); check the command"}},
        Mistake{"RunnerThatIsNoProgram",
                {"benchmark", "resnet18", "--runner", "@/key.toml board"},
                {"--runner @/key.toml board: cannot be run (exit code 126); check the command"}},
        Mistake{"OutputIsAFile",
                {"profile", "--set", "data.format=synthetic", "-o", "@/file.bin/run"},
                {"@/file.bin/run"}}),
    [](const auto& test) { return test.param.name; });

TEST(Help, EveryVerbHasAnExample) {
  for (const char* verb : {"run", "profile", "search", "train", "export", "benchmark", "report",
                           "evaluate", "classify", "devices", "data", "space", "zoo", "explain"}) {
    const ProcessResult result = test::vpunas({verb, "--help"});
    EXPECT_EQ(result.exit_code, 0) << verb;
    const size_t example = result.output.find("Example");
    ASSERT_NE(example, std::string::npos) << verb;
    EXPECT_NE(result.output.find(cat("vpunas ", verb), example), std::string::npos) << verb;
  }
}

TEST(Help, TellsTheVersion) {
  const ProcessResult result = test::vpunas({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.output.find(version()), std::string::npos) << result.output;
}

TEST(Verbs, ExplainAndZooPrintTables) {
  EXPECT_NE(test::vpunas({"zoo"}).output.find("mobilenet_v2"), std::string::npos);
  EXPECT_EQ(test::vpunas({"zoo", "list"}).output, test::vpunas({"zoo"}).output);
  const std::string of_a_family = test::vpunas({"zoo", "list", "--family", "VGG"}).output;
  EXPECT_NE(of_a_family.find("vgg16"), std::string::npos);
  EXPECT_EQ(of_a_family.find("mobilenet_v2"), std::string::npos);
  EXPECT_EQ(test::vpunas({"zoo", "--family", "VGG"}).output, of_a_family);
  const Json listed =
      Json::parse(test::vpunas({"zoo", "list", "--family", "VGG", "--json", "-"}).output);
  EXPECT_EQ(listed.at("schema"), "vpunas.zoo_list/1");
  EXPECT_EQ(listed.at("networks").at(0).at("network"), "vgg16");
  EXPECT_EQ(listed.at("networks").at(0).at("parameters"), 138357544);
  EXPECT_NE(test::vpunas({"zoo", "show", "mobilenet_v2"}).output.find("3504872 parameters"),
            std::string::npos);
  EXPECT_NE(test::vpunas({"explain", "mobilenet_v2"}).output.find("features.18.0"),
            std::string::npos);
}

}  // namespace
}  // namespace vpunas
