#include "latency/latency.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace vpunas {
namespace {

std::string error_of(const std::string& budget) {
  try {
    parse_budget(budget);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Budget, ReadsTimes) {
  EXPECT_EQ(parse_budget("12.5ms"), (Budget{12.5, ""}));
  EXPECT_EQ(parse_budget("12.5 ms"), (Budget{12.5, ""}));
  EXPECT_EQ(parse_budget(" 3ms "), (Budget{3, ""}));
}

TEST(Budget, ReadsSharesOfNetworks) {
  EXPECT_EQ(parse_budget("0.87x:mobilenet_v2"), (Budget{0.87, "mobilenet_v2"}));
  EXPECT_EQ(parse_budget("1x: nets/mine.json"), (Budget{1, "nets/mine.json"}));
  EXPECT_EQ(parse_budget("2x:items"), (Budget{2, "items"}));
  // Ends in "ms" but is a share.
  EXPECT_EQ(parse_budget("0.5x:nets/algorithms"), (Budget{0.5, "nets/algorithms"}));
}

TEST(Budget, WrittenTextReadsBackExactly) {
  for (const Budget& budget :
       {Budget{12.5, ""}, Budget{1.0 / 3, ""}, Budget{0.87, "mobilenet_v2"}, Budget{1e-7, "a:b"}}) {
    EXPECT_EQ(parse_budget(to_string(budget)), budget) << to_string(budget);
  }
  EXPECT_EQ(to_string(Budget{12.5, ""}), "12.5ms");
  EXPECT_EQ(to_string(Budget{0.87, "mobilenet_v2"}), "0.87x:mobilenet_v2");
}

TEST(Budget, RefusesEverythingElseInOneLineThatShowsBothForms) {
  for (const std::string bad : {"", "ms", "12.5", "fastms", "0ms", "-1ms", "nanms", "infms",
                                "1e999ms", "0.87x", "0.87x:", "0.87:mobilenet_v2", "x:mobilenet_v2",
                                "0x:mobilenet_v2", "-1x:mobilenet_v2", "1 2ms", "12.5 s", "1msx"}) {
    const std::string message = error_of(bad);
    EXPECT_NE(message.find("budget \"" + bad + "\""), std::string::npos)
        << bad << " -> " << message;
    EXPECT_NE(message.find("12.5ms or a share as 0.87x:mobilenet_v2"), std::string::npos) << bad;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
  EXPECT_EQ(
      error_of("12.5"),
      "budget \"12.5\": has no unit; write a time as 12.5ms or a share as 0.87x:mobilenet_v2");
  EXPECT_EQ(error_of("-1 ms"),
            "budget \"-1 ms\": must be greater than 0; write a time as 12.5ms or a share as "
            "0.87x:mobilenet_v2");
}

TEST(Mode, NamesReadBackAndOthersAreRefused) {
  for (const Mode mode : {Mode::throughput, Mode::latency})
    EXPECT_EQ(parse_mode(mode_name(mode)), mode);
  EXPECT_THROW(parse_mode("Latency"), Error);
  EXPECT_THROW(parse_mode(""), Error);
}

}  // namespace
}  // namespace vpunas
