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

std::string error_of_ladder(const std::string& budgets) {
  try {
    parse_budgets(budgets, "CPU");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Budgets, OfSeveralDevicesAndSeveralRungs) {
  using Rungs = std::vector<std::vector<Budget>>;
  EXPECT_EQ(parse_budgets("3ms", "CPU"), (Rungs{{{"CPU", 3, ""}}}));
  EXPECT_EQ(parse_budgets("MYRIADX=12.5ms,CPU=0.9x:nets/a=b.json", "GPU"),
            (Rungs{{{"MYRIADX", 12.5, ""}, {"CPU", 0.9, "nets/a=b.json"}}}));
  EXPECT_EQ(parse_budgets("3 ms; 0.5x:resnet18", "CPU"),
            (Rungs{{{"CPU", 3, ""}}, {{"CPU", 0.5, "resnet18"}}}));
  EXPECT_EQ(parse_budgets("3ms, MACS = 50MMACs; 2ms, MACS=40MMACs", "CPU"),
            (Rungs{{{"CPU", 3, ""}, {"MACS", 50, ""}}, {{"CPU", 2, ""}, {"MACS", 40, ""}}}));
}

TEST(Budgets, OfDevicesThatDoNotMatchAreRefused) {
  EXPECT_EQ(error_of_ladder("3ms, CPU=4ms"), "budget \"3ms, CPU=4ms\": has CPU twice");
  EXPECT_EQ(error_of_ladder("3ms; GPU=2ms"),
            "budgets \"3ms; GPU=2ms\": give all of them for the same devices in the same order");
  EXPECT_NE(error_of_ladder("3ms; 2ms, GPU=2ms").find("same devices"), std::string::npos);
  EXPECT_NE(error_of_ladder("MACS=3ms").find("MMACs, the unit of MACS"), std::string::npos);
  EXPECT_NE(error_of_ladder("=3ms").find("names no device"), std::string::npos);
  for (const char* bad : {"", ";", ",", "3ms;", "3ms,", "GPU=", "GPU", "3ms;;2ms"})
    EXPECT_NE(error_of_ladder(bad), "") << bad;
}

TEST(Mode, NamesReadBackAndOthersAreRefused) {
  for (const Mode mode : {Mode::throughput, Mode::latency})
    EXPECT_EQ(parse_mode(mode_name(mode)), mode);
  EXPECT_THROW(parse_mode("Latency"), Error);
  EXPECT_THROW(parse_mode(""), Error);
}

}  // namespace
}  // namespace vpunas
