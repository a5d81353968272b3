#include "latency/latency.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace vpunas {
namespace {

std::string error_of(const std::string& budget) {
  try {
    parse_budget(budget, "CPU");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Budget, ReadsCostsInTheUnitOfTheDevice) {
  EXPECT_EQ(parse_budget("12.5ms", "CPU"), (Budget{"CPU", 12.5, ""}));
  EXPECT_EQ(parse_budget("12.5 ms", "CPU"), (Budget{"CPU", 12.5, ""}));
  EXPECT_EQ(parse_budget(" 3ms ", "CPU"), (Budget{"CPU", 3, ""}));
  EXPECT_EQ(parse_budget("50MMACs", "MACS"), (Budget{"MACS", 50, ""}));
  EXPECT_THROW(parse_budget("50ms", "MACS"), Error);
  EXPECT_THROW(parse_budget("50MMACs", "CPU"), Error);
}

TEST(Budget, ReadsSharesOfNetworks) {
  const auto share = [](const char* text) { return parse_budget(text, "CPU"); };
  EXPECT_EQ(share("0.87x:mobilenet_v2"), (Budget{"CPU", 0.87, "mobilenet_v2"}));
  EXPECT_EQ(share("1x: nets/mine.json"), (Budget{"CPU", 1, "nets/mine.json"}));
  EXPECT_EQ(share("2x:items"), (Budget{"CPU", 2, "items"}));
  // Ends in "ms" but is a share.
  EXPECT_EQ(share("0.5x:nets/algorithms"), (Budget{"CPU", 0.5, "nets/algorithms"}));
}

TEST(Budget, WrittenTextReadsBackExactly) {
  for (const Budget& budget :
       {Budget{"CPU", 12.5, ""}, Budget{"CPU", 1.0 / 3, ""}, Budget{"MACS", 50, ""},
        Budget{"CPU", 0.87, "mobilenet_v2"}, Budget{"MACS", 1e-7, "a:b"}}) {
    EXPECT_EQ(parse_budget(to_string(budget), budget.device), budget) << to_string(budget);
  }
  EXPECT_EQ(to_string(Budget{"CPU", 12.5, ""}), "12.5ms");
  EXPECT_EQ(to_string(Budget{"MACS", 50, ""}), "50MMACs");
  EXPECT_EQ(to_string(Budget{"CPU", 0.87, "mobilenet_v2"}), "0.87x:mobilenet_v2");
}

TEST(Budget, RefusesEverythingElseInOneLineThatShowsBothForms) {
  for (const std::string bad : {"", "ms", "12.5", "fastms", "0ms", "-1ms", "nanms", "infms",
                                "1e999ms", "0.87x", "0.87x:", "0.87:mobilenet_v2", "x:mobilenet_v2",
                                "0x:mobilenet_v2", "-1x:mobilenet_v2", "1 2ms", "12.5 s", "1msx"}) {
    const std::string message = error_of(bad);
    EXPECT_NE(message.find("budget \"" + bad + "\""), std::string::npos)
        << bad << " -> " << message;
    EXPECT_NE(message.find("12.5ms or as a share, 0.87x:mobilenet_v2"), std::string::npos) << bad;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
  EXPECT_EQ(error_of("12.5"),
            "budget \"12.5\": is not in ms, the unit of CPU; write it as 12.5ms or as a share, "
            "0.87x:mobilenet_v2");
  EXPECT_EQ(error_of("-1 ms"),
            "budget \"-1 ms\": must be greater than 0; write it as 12.5ms or as a share, "
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
