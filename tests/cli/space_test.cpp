// `vpunas space` as a user runs it.
#include <gtest/gtest.h>

#include <algorithm>

#include "arch/space.h"
#include "base/error.h"
#include "tests/cli/program.h"

namespace vpunas {
namespace {

TEST(Space, SaysSizeRangesAndTheDearestBlocks) {
  const ProcessResult result = test::vpunas({"space", "nasbench_macro", "--rows", "2"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  const auto says = [&](const char* text) {
    EXPECT_NE(result.output.find(text), std::string::npos) << text << " in\n" << result.output;
  };
  says("8 slots, 3969 distinct networks, 15 distinct blocks");
  says("MYRIADX (throughput): ");
  says("MACS: 7.713 to 105.661 MMACs, median ");
  says("mbconv k5 e6 c256 s1 relu  256x4x4");
  EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 8);
}

TEST(Space, DrawsRandomNetworksWithinABudget) {
  const TemporaryFolder folder;
  const auto draw = [&](const std::string& seed, const std::string& to) {
    const ProcessResult result =
        test::vpunas({"space", "nasbench_macro", "-d", "MACS", "--draw", "5", "--budget", "50MMACs",
                      "--seed", seed, "-o", (folder.path() / to).string()});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
  };
  draw("1", "a"), draw("1", "again"), draw("2", "b");
  const auto file = [&](const char* of, int i) {
    return read_file(folder.path() / of / cat("random_", i, ".json"));
  };
  bool all_equal = true;
  for (int i = 1; i <= 5; ++i) {
    const Architecture network =
        read_architecture(folder.path() / "a" / cat("random_", i, ".json"));
    const auto macs = static_cast<double>(count_macs(lower(network, {}))) / 1e6;
    EXPECT_LE(macs, 50);
    EXPECT_GE(macs, 0.88 * 50);
    EXPECT_EQ(file("a", i), file("again", i));
    all_equal &= file("a", i) == file("b", i);
  }
  EXPECT_FALSE(all_equal);
  const ProcessResult impossible =
      test::vpunas({"space", "nasbench_macro", "-d", "MACS", "--draw", "5", "--budget", "5MMACs"});
  EXPECT_EQ(impossible.exit_code, 3) << impossible.errors;
}

}  // namespace
}  // namespace vpunas
