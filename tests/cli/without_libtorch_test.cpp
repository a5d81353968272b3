// The program where its part with libtorch is not: what needs none of it works.
#include <gtest/gtest.h>

#include "tests/cli/program.h"

namespace vpunas {
namespace {

class WithoutLibtorch : public testing::Test {
 protected:
  WithoutLibtorch() { fs::copy_file(program_folder() / "vpunas", folder_.path() / "vpunas"); }
  ProcessResult run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), (folder_.path() / "vpunas").string());
    return run_process(arguments, {.environment = {}, .folder = {}});
  }
  TemporaryFolder folder_;
};

TEST_F(WithoutLibtorch, NetworksAreExplainedAndSpacesPriced) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--version"},
                                                    {"explain", "mobilenet_v2"},
                                                    {"zoo"},
                                                    {"space", "quick", "--rows", "1"}}) {
    const ProcessResult result = run(arguments);
    EXPECT_EQ(result.exit_code, 0) << arguments[0] << ": " << result.errors;
    EXPECT_NE(result.output, "") << arguments[0];
  }
}

TEST_F(WithoutLibtorch, WhatTrainsSaysHowToGetIt) {
  std::vector<std::string> arguments = test::tiny_run(folder_.path());
  const ProcessResult result = run(arguments);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.errors.find("libvpunas_learn.so"), std::string::npos) << result.errors;
  EXPECT_NE(result.errors.find("run scripts/setup.sh and build again"), std::string::npos)
      << result.errors;
}

}  // namespace
}  // namespace vpunas
