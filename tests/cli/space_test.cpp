// `vpunas space` as a user runs it.
#include <gtest/gtest.h>

#include <algorithm>

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

}  // namespace
}  // namespace vpunas
