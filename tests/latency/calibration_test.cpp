#include "latency/calibration.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "base/files.h"
#include "tests/latency/noisy_device.h"

namespace vpunas {
namespace {

using test::NoisyDevice;

class Calibration : public ::testing::Test {
 protected:
  Timings timed(const BurstFn& burst, const TimingOptions& options = {}) const {
    Timings timings{"TEST", "1", "f32", Mode::latency, plan_hash(plan_), {}};
    const TemporaryFolder folder;
    time_plan(plan_, burst, options, timings, folder.path() / "timings.json");
    return timings;
  }
  LatencyTable table(const BurstFn& burst) const {
    return calibrated_table(space_, plan_, timed(burst), {});
  }

  const SearchSpace space_ = with_input(find_space("quick", data_folder()), {1, 28, 28}, 10);
  const ProbePlan plan_ = plan_probes(space_, {}, {60, 30});
};

TEST_F(Calibration, PredictsUnseenNetworksOfADeviceWhereBlocksAloneMislead) {
  NoisyDevice device;  // inside a network layers take 80 to 96 % of what they take in a probe
  const LatencyTable measured = table(std::ref(device));
  EXPECT_EQ(measured.check.networks.size(), 30u);
  EXPECT_EQ(measured.check.fitted, 61);  // with the reference
  EXPECT_LT(measured.check.mean_abs_error(), 0.02);
  EXPECT_GT(measured.check.rank_correlation(), 0.99);
  EXPECT_LT(measured.check.repeat_mean_abs_difference(), 0.05);
  EXPECT_GT(measured.check.repeat_rank_correlation(), 0.98);
  // Against the truth, up to the one factor of the typical speed.
  double worst = 0;
  for (const Probe& probe : plan_.probes) {
    if (probe.kind != ProbeKind::checked) continue;
    const double scale = device.true_ms(plan_.probes[0]) /
                         measured.predict(choose(space_, plan_.probes[0].choice, "")).ms;
    worst = std::max(worst, std::abs(scale * measured.predict(choose(space_, probe.choice, "")).ms /
                                         device.true_ms(probe) -
                                     1));
  }
  EXPECT_LT(worst, 0.05);
}

TEST_F(Calibration, ItsIntervalHoldsMostUnseenNetworks) {
  NoisyDevice device;
  const LatencyTable measured = table(std::ref(device));
  int within = 0;
  for (const Probe& probe : plan_.probes) {
    if (probe.kind != ProbeKind::checked) continue;
    const Latency predicted = measured.predict(choose(space_, probe.choice, ""));
    const double scale = measured.predict(choose(space_, plan_.probes[0].choice, "")).ms /
                         device.true_ms(plan_.probes[0]);
    const double truth = scale * device.true_ms(probe);
    within += truth >= predicted.low_ms && truth <= predicted.high_ms;
  }
  EXPECT_GE(within, 24);  // of 30
}

TEST_F(Calibration, NoEntryIsBelowNothing) {
  NoisyDevice device{.noise = 0.3};
  for (const auto& [place, latency] : table(std::ref(device)).blocks) {
    EXPECT_GE(latency.low_ms, 0);
    EXPECT_LE(latency.low_ms, latency.ms);
    EXPECT_LE(latency.ms, latency.high_ms);
  }
}

TEST_F(Calibration, BlocksThatTheDeviceCannotRunAreLeftOut) {
  NoisyDevice device;
  const auto is_5x5 = [](const Node& node) {
    const auto* conv = std::get_if<Conv>(&node.layer);
    return conv && conv->groups > 1 && conv->kh == 5;
  };
  const LatencyTable measured = table([&](const Probe& probe) -> std::optional<double> {
    if (std::any_of(probe.graph.nodes.begin(), probe.graph.nodes.end(), is_5x5) &&
        &probe != &plan_.probes[0])
      return std::nullopt;
    return device(probe);
  });
  EXPECT_GT(measured.blocks.size(), 0u);
  for (const auto& [place, latency] : measured.blocks)
    EXPECT_FALSE(place.block.kind == BlockKind::mbconv && place.block.kernel == 5);
}

TEST_F(Calibration, TooFewNetworksAreAnError) {
  NoisyDevice device;
  const Timings timings = timed(std::ref(device), {.minutes = 0});
  try {
    calibrated_table(space_, plan_, timings, {});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("profile.minutes"), std::string::npos);
  }
}

TEST_F(Calibration, TheCheckOutlivesItsFile) {
  NoisyDevice device;
  const LatencyTable measured = calibrated_table(space_, plan_, timed(std::ref(device)),
                                                 {"TEST", "1", Mode::latency, "f32", 5, "now"});
  const TemporaryFolder folder;
  write_table(folder.path() / "latency.json", measured);
  EXPECT_EQ(read_table(folder.path() / "latency.json", space_).check, measured.check);
}

}  // namespace
}  // namespace vpunas
