#include "pipeline/cost_model.h"

#include <gtest/gtest.h>

#include "arch/zoo.h"

namespace vpunas {
namespace {

TEST(CostModel, OfMacsIsACount) {
  const Graph graph = lower(find_network("mobilenet_v2", data_folder()), {});
  EXPECT_NEAR(cost_model("MACS", Mode::latency).estimate(graph)->ms, 300.77, 0.1);
}

TEST(CostModel, ModesAreTheDevicesOwnUnlessAskedFor) {
  EXPECT_EQ(mode_for("auto", "MYRIADX"), Mode::throughput);
  EXPECT_EQ(mode_for("auto", "CPU"), Mode::latency);
  EXPECT_EQ(mode_for("auto", "MYRIAD"), Mode::latency);
  EXPECT_EQ(mode_for("throughput", "CPU"), Mode::throughput);
}

TEST(CostModel, NamesTheDevicesThatThereAre) {
  try {
    cost_model("MYRIADY", Mode::latency);
    FAIL() << "accepted";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("MYRIADX"), std::string::npos) << message;
    EXPECT_NE(message.find("CPU"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace vpunas
