// `vpunas profile --space`, outside a run.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "tests/cli/program.h"

namespace vpunas {
namespace {

class Profile : public ::testing::Test {
 protected:
  // Of a small space's few networks, with further arguments.
  ProcessResult profile(std::vector<std::string> arguments) const {
    const std::vector<std::string> always = {"profile",
                                             "--space",
                                             "quick",
                                             "--size",
                                             "28",
                                             "--classes",
                                             "10",
                                             "--set",
                                             "profile.networks=8",
                                             "--set",
                                             "profile.checks=2",
                                             "--set",
                                             "profile.tolerance=0.5",
                                             "-o",
                                             (folder_.path() / "out").string()};
    arguments.insert(arguments.begin(), always.begin(), always.end());
    return test::vpunas(arguments);
  }
  void executable(const std::string& name, const std::string& text) const {
    write_file(folder_.path() / name, text);
    fs::permissions(folder_.path() / name, fs::perms::owner_all);
  }
  Json table() const { return read_json(folder_.path() / "out/latency.json", "vpunas.latency/2"); }
  const TemporaryFolder folder_;
};

TEST_F(Profile, OfTheCpuMakesATableAndSaysHowFarToTrustIt) {
  const ProcessResult result = profile({"-d", "CPU"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_NE(result.output.find("CPU: predicts 2 networks that it was not fitted to within"),
            std::string::npos)
      << result.output;
  EXPECT_EQ(table().at("device"), "CPU");
  EXPECT_EQ(table().at("check").at("fitted"), 9);
  const std::string timings = read_file(folder_.path() / "out/timings.json");
  // Nothing is measured twice.
  EXPECT_EQ(profile({"-d", "CPU"}).exit_code, 0);
  EXPECT_EQ(read_file(folder_.path() / "out/timings.json"), timings);
}

TEST_F(Profile, EmittedFilledInAndImportedIsATable) {
  const fs::path to_time = folder_.path() / "to_time";
  const ProcessResult emitted = profile({"--emit", to_time.string()});
  ASSERT_EQ(emitted.exit_code, 0) << emitted.errors;
  std::string csv;
  int line_number = 0;
  for (const std::string& line : split(read_file(to_time / "timings.csv"), '\n')) {
    if (line_number++ > 1 && !line.empty()) {
      const std::string probe = line.substr(0, line.find(','));
      EXPECT_TRUE(fs::exists(to_time / (probe + ".onnx"))) << probe;
      csv += cat(probe, ",",
                 probe.starts_with("bare")    ? 1
                 : probe.starts_with("block") ? 1.5
                                              : 9,
                 ",\n");
    } else if (!line.empty()) {
      csv += line + "\n";
    }
  }
  write_file(to_time / "timings.csv", csv);
  const ProcessResult imported =
      profile({"-d", "PHONE", "--import", (to_time / "timings.csv").string()});
  ASSERT_EQ(imported.exit_code, 0) << imported.errors;
  EXPECT_EQ(table().at("device"), "PHONE");
  EXPECT_EQ(table().at("runtime"), "timed by hand");
}

TEST_F(Profile, ABoardIsReachedThroughTheSshExample) {
  // ssh and scp to nowhere: the board is this machine.
  executable("ssh", "#!/bin/sh\nexec '" + (program_folder() / "vpunas-device").string() + "'\n");
  executable("scp", "#!/bin/sh\ncp \"$2\" \"${3#*:}\"\n");
  const fs::path runner = data_folder().parent_path() / "examples/ssh_runner.py";
  const ProcessResult result =
      profile({"-d", "CPU", "--runner",
               cat("env PATH=", folder_.path().string(), ":$PATH ", runner.string(), " board")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(table().at("device"), "CPU");
}

TEST_F(Profile, FaultsAreOneLineAndKeepWhatIsThere) {
  const ProcessResult rubbish =
      profile({"-d", "CPU", "--runner", "sh -c 'read request; echo rubbish'"});
  EXPECT_EQ(rubbish.exit_code, 1);
  EXPECT_NE(rubbish.errors.find("rubbish"), std::string::npos) << rubbish.errors;
  const ProcessResult missing = profile({"-d", "CPU", "--runner", "/no/such/runner"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_NE(missing.errors.find("--runner /no/such/runner: cannot be run"), std::string::npos)
      << missing.errors;
  // The shell of a board that lacks the program says so itself.
  const ProcessResult elsewhere =
      profile({"-d", "CPU", "--runner", "sh -c 'echo board: no vpunas-device >&2; exit 127'"});
  EXPECT_EQ(elsewhere.exit_code, 1);
  EXPECT_NE(elsewhere.errors.find("check the command; it said: board: no vpunas-device"),
            std::string::npos)
      << elsewhere.errors;
  const ProcessResult unknown = profile({"-d", "TPU"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_NE(unknown.errors.find("TPU is not here"), std::string::npos) << unknown.errors;
  const ProcessResult no_list = profile({"--import", "/no/such/list.csv"});
  EXPECT_EQ(no_list.exit_code, 1);
  EXPECT_NE(no_list.errors.find("/no/such/list.csv"), std::string::npos) << no_list.errors;
  EXPECT_FALSE(fs::exists(folder_.path() / "out/latency.json"));
}

}  // namespace
}  // namespace vpunas
