#include "latency/timing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "tests/error_of.h"
#include "tests/latency/noisy_device.h"
#include "tests/latency/small_spaces.h"

namespace vpunas {
namespace {

using test::error_of;
using test::NoisyDevice;

SearchSpace space_of(uint64_t seed) {
  Random random{seed};
  return test::random_space(random);
}

std::vector<const Probe*> on_sheet(const ProbePlan& plan, size_t place) {
  std::vector<const Probe*> probes;
  for (const size_t p : plan.sheets[place]) probes.push_back(&plan.probes[p]);
  return probes;
}

TEST(TimeSheet, RatiosOfProbesAreRightInSpiteOfDriftAndOutliers) {
  const ProbePlan plan = plan_probes(space_of(3), {}, {20, 10});
  NoisyDevice device;
  const auto probes = on_sheet(plan, 0);
  const SheetTiming timing = time_sheet(probes, std::ref(device), {});
  for (const Probe* probe : probes) {
    const double ratio = *timing.ms.at(probe->name) / *timing.ms.at(probes[0]->name);
    EXPECT_NEAR(ratio / (device.true_ms(*probe) / device.true_ms(*probes[0])), 1, 0.03)
        << probe->name;
  }
  EXPECT_NEAR(timing.spread, device.noise, 0.01);
  EXPECT_GT(timing.outliers, 0);
}

TEST(TimeSheet, RepeatsMoreWhereTheDeviceIsNoisier) {
  const ProbePlan plan = plan_probes(space_of(3), {}, {20, 10});
  const auto rounds = [&](double noise) {
    NoisyDevice device{.noise = noise};
    return time_sheet(on_sheet(plan, 0), std::ref(device), {}).rounds;
  };
  EXPECT_EQ(rounds(0.001), 5);
  EXPECT_GT(rounds(0.02), 5);
  EXPECT_EQ(rounds(0.3), 20);
}

TEST(TimeSheet, WhatCannotBeCompiledHasNoTime) {
  const ProbePlan plan = plan_probes(space_of(3), {}, {20, 10});
  const auto probes = on_sheet(plan, 0);
  NoisyDevice device;
  const SheetTiming timing = time_sheet(probes,
                                        [&](const Probe& probe) -> std::optional<double> {
                                          if (&probe == probes[2]) return std::nullopt;
                                          return device(probe);
                                        },
                                        {});
  EXPECT_EQ(timing.ms.at(probes[2]->name), std::nullopt);
  EXPECT_NE(timing.ms.at(probes[1]->name), std::nullopt);
}

TEST(TimeSheet, OneFailureIsTriedAgainTwoAreAnError) {
  const ProbePlan plan = plan_probes(space_of(3), {}, {20, 10});
  NoisyDevice device;
  int failures = 0;
  std::vector<std::string> warnings;
  Work work;
  work.report = [&](const Event& event) {
    if (event.kind == Event::Kind::warning) warnings.push_back(event.what);
  };
  const auto failing = [&](int times) {
    failures = times;
    return time_sheet(
        on_sheet(plan, 0),
        [&](const Probe& probe) -> std::optional<double> {
          if (failures-- > 0) throw Error("the stick is gone");
          return device(probe);
        },
        {}, work);
  };
  EXPECT_NO_THROW(failing(1));
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("the stick is gone"), std::string::npos);
  EXPECT_EQ(error_of([&] { failing(2); }), "the stick is gone");
}

TEST(TimeSheet, RefusesTimesThatCannotBe) {
  const ProbePlan plan = plan_probes(space_of(3), {}, {20, 10});
  for (const double ms : {0.0, -1.0, std::nan("")}) {
    EXPECT_NE(error_of([&] {
                time_sheet(on_sheet(plan, 0), [&](const Probe&) { return ms; }, {});
              }).find("cannot be"),
              std::string::npos);
  }
}

class TimePlan : public ::testing::Test {
 protected:
  Timings empty() const { return {"TEST", "1", "f32", Mode::latency, plan_hash(plan_), {}}; }
  const SearchSpace space_ = space_of(3);
  const ProbePlan plan_ = plan_probes(space_, {}, {20, 10});
  const TemporaryFolder folder_;
  const fs::path file_ = folder_.path() / "timings.json";
};

TEST_F(TimePlan, GoesOnWhereADeviceFailed) {
  NoisyDevice device;
  int left = 300;
  const auto dying = [&](const Probe& probe) -> std::optional<double> {
    if (left-- <= 0) throw Error("no device");
    return device(probe);
  };
  Timings timings = empty();
  const std::string message = error_of([&] { time_plan(plan_, dying, {}, timings, file_); });
  EXPECT_NE(message.find("no device; "), std::string::npos) << message;
  EXPECT_NE(message.find("run again to go on"), std::string::npos) << message;
  Timings resumed = read_timings(file_, plan_);
  ASSERT_GT(resumed.sheets.size(), 0u);
  ASSERT_LT(resumed.sheets.size(), plan_.sheets.size());
  const SheetTiming first = resumed.sheets.at(0);
  time_plan(plan_, std::ref(device), {}, resumed, file_);
  EXPECT_EQ(resumed.sheets.size(), plan_.sheets.size());
  EXPECT_EQ(resumed.sheets.at(0).ms, first.ms);  // not timed again
  EXPECT_EQ(read_timings(file_, plan_).sheets.size(), plan_.sheets.size());
}

TEST_F(TimePlan, StopsWhenAskedAndKeepsWhatItHas) {
  NoisyDevice device;
  std::stop_source stop;
  int left = 300;
  Timings timings = empty();
  Work work;
  work.stop = stop.get_token();
  EXPECT_THROW(time_plan(
                   plan_,
                   [&](const Probe& probe) {
                     if (--left == 0) stop.request_stop();
                     return device(probe);
                   },
                   {}, timings, file_, work),
               Interrupted);
  EXPECT_GT(read_timings(file_, plan_).sheets.size(), 0u);
}

TEST_F(TimePlan, OutOfTimeLeavesOutNetworksToFitToButNoBlocksAndNoChecks) {
  NoisyDevice device;
  Timings timings = empty();
  std::vector<std::string> warnings;
  Work work;
  work.report = [&](const Event& event) {
    if (event.kind == Event::Kind::warning) warnings.push_back(event.what);
  };
  time_plan(plan_, std::ref(device), {.minutes = 0}, timings, file_, work);
  for (size_t place = 0; place < plan_.sheets.size(); ++place) {
    const bool fitted = plan_.probes[plan_.sheets[place].back()].kind == ProbeKind::fitted;
    EXPECT_EQ(timings.sheets.contains(place), !fitted) << place;
  }
  EXPECT_EQ(warnings.size(), 1u);
}

TEST_F(TimePlan, SaysThatADeviceIsTooNoisy) {
  NoisyDevice device{.noise = 0.4};
  Timings timings = empty();
  std::string warning;
  Work work;
  work.report = [&](const Event& event) {
    if (event.kind == Event::Kind::warning) warning = event.what;
  };
  time_plan(plan_, std::ref(device), {}, timings, file_, work);
  EXPECT_NE(warning.find("too noisy"), std::string::npos) << warning;
}

TEST_F(TimePlan, TimingsOfAnotherPlanOrDamagedAreRefused) {
  NoisyDevice device;
  Timings timings = empty();
  time_plan(plan_, std::ref(device), {}, timings, file_);
  EXPECT_NE(error_of([&] {
              read_timings(file_, plan_probes(space_, {}, {10, 10}));
            }).find("another space"),
            std::string::npos);
  const std::string bytes = read_file(file_);
  for (size_t length = 0; length + 1 < bytes.size(); length += 97) {
    write_file(file_, bytes.substr(0, length));
    EXPECT_THROW(read_timings(file_, plan_), Error) << length;
  }
  for (const auto& [from, to] : {std::pair{"\"rounds\": ", "\"rounds\": \"x"},
                                 std::pair{"\"reference\": ", "\"reference\": -"},
                                 std::pair{"\"place\": ", "\"place\": 99"}}) {
    std::string damaged = bytes;
    damaged.replace(damaged.find(from), std::string(from).size(), to);
    write_file(file_, damaged);
    EXPECT_THROW(read_timings(file_, plan_), Error) << to;
  }
}

}  // namespace
}  // namespace vpunas
