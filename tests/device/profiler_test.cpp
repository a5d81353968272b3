#include "device/profiler.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "onnx/onnx.h"
#include "tests/error_of.h"
#include "tests/latency/noisy_device.h"

namespace vpunas {
namespace {

using test::error_of;
using namespace std::chrono_literals;

SearchSpace small_space() {
  SearchSpace space = with_input(find_space("quick", data_folder()), {1, 28, 28}, 10);
  space.slots.resize(4);
  return space;
}
constexpr ProbeCounts kCounts = {20, 10};

// A runner that takes a millisecond for everything, but does `instead` on one measurement.
class ProfileDevice : public ::testing::Test {
 protected:
  std::shared_ptr<DeviceClient> runner(const std::string& instead, int at) {
    const fs::path path = folder_.path() / "runner.sh", count = folder_.path() / "count";
    write_file(path,
               "while read -r request; do\n"
               "case \"$request\" in *info*) echo '{\"ok\": true, \"runtime\": \"Fake 1\", "
               "\"devices\": [{\"name\": \"PHONE\", \"full_name\": \"a phone\"}]}'; continue;; "
               "esac\n"
               "echo >> '" +
                   count.string() +
                   "'\n"
                   "if [ $(wc -l < '" +
                   count.string() + "') = " + std::to_string(at) + " ]; then " + instead +
                   "; fi\n"
                   "echo '{\"ok\": true, \"samples_us\": [1000], \"fps\": 1000, \"precision\": "
                   "\"f16\", \"runtime\": \"Fake 1\"}'\ndone\n");
    return std::make_shared<DeviceClient>(std::vector<std::string>{"/bin/sh", path.string()}, 1s);
  }
  LatencyTable profile(std::shared_ptr<DeviceClient> client, const Work& work = {}) {
    return profile_device(small_space(), {}, std::move(client), "PHONE", Mode::latency,
                          {.counts = kCounts, .timing = {}}, file_, work);
  }
  int measurements() const {
    const std::string lines = read_file(folder_.path() / "count");
    return static_cast<int>(std::count(lines.begin(), lines.end(), '\n'));
  }
  const TemporaryFolder folder_;
  const fs::path file_ = folder_.path() / "timings.json";
};

TEST_F(ProfileDevice, GoesOnAfterOneFaultOfAnyKind) {
  for (const std::string instead :
       {"exit 3", "sleep 60", "echo rubbish; continue",
        "echo '{\"ok\": false, \"error\": \"thermal throttling\"}'; continue",
        "echo '{\"ok\": true, \"samples_us\": [-5], \"fps\": 1, \"precision\": \"\", "
        "\"runtime\": \"\"}'; continue"}) {
    fs::remove(file_);
    fs::remove(folder_.path() / "count");
    int warnings = 0;
    Work work;
    work.report = [&](const Event& event) {  // not that the device's times rank nothing
      warnings += event.what.find("trying once more") != std::string::npos;
    };
    const LatencyTable table = profile(runner(instead, 100), work);
    EXPECT_EQ(table.check.networks.size(), 10u) << instead;
    EXPECT_EQ(warnings, 1) << instead;
    EXPECT_EQ(table.provenance.device, "PHONE");
    EXPECT_EQ(table.provenance.runtime, "Fake 1");
  }
}

TEST_F(ProfileDevice, ABlockThatCannotBeCompiledIsLeftOut) {
  const auto without =
      profile(runner("echo '{\"ok\": false, \"error\": \"no\", \"unsupported\": "
                     "true}'; continue",
                     3));
  EXPECT_EQ(without.blocks.size() + 1, placed_blocks(small_space()).size());
}

TEST_F(ProfileDevice, ADeviceThatVanishesLosesOneSheetAndIsResumed) {
  const std::string gone_line = "echo '{\"ok\": false, \"error\": \"no device PHONE\"}'";
  const auto gone = runner(gone_line + "; while read -r r; do " + gone_line + "; done", 100);
  const std::string message = error_of([&] { profile(gone); });
  EXPECT_NE(message.find("no device PHONE; "), std::string::npos) << message;
  EXPECT_NE(message.find("run again to go on"), std::string::npos) << message;
  const int before = measurements();
  profile(runner("true", 0));
  const int resumed = measurements() - before;
  fs::remove(file_);
  fs::remove(folder_.path() / "count");
  profile(runner("true", 0));
  EXPECT_LT(resumed, measurements());
}

TEST_F(ProfileDevice, TimingsOfAnotherDeviceAreNotMixedIn) {
  profile(runner("true", 0));
  EXPECT_NE(error_of([&] {
              profile_device(small_space(), {}, runner("true", 0), "TABLET", Mode::latency,
                             {.counts = kCounts, .timing = {}}, file_, {});
            }).find("timings of device PHONE, not TABLET"),
            std::string::npos);
}

// The clock takes 1 ms when the table is made, and this device runs at half its speed now.
TEST_F(ProfileDevice, ANetworkIsPricedOnTheScaleOfItsTable) {
  const LatencyTable table = profile(runner("true", 0));
  EXPECT_DOUBLE_EQ(table.check.reference_ms, 1);
  const fs::path slow = folder_.path() / "slow.sh", log = folder_.path() / "log";
  write_file(slow,
             "while read -r request; do echo \"$request\" >> '" + log.string() +
                 "'\ncase \"$request\" in *reference*) us=2000;; *) us=3000;; esac\n"
                 "echo \"{\\\"ok\\\": true, \\\"samples_us\\\": [$us], \\\"fps\\\": 1, "
                 "\\\"precision\\\": \\\"f16\\\", \\\"runtime\\\": \\\"Fake 1\\\"}\"\ndone\n");
  const auto client =
      std::make_shared<DeviceClient>(std::vector<std::string>{"/bin/sh", slow.string()}, 1s);
  const LatencyFn price =
      network_timer(small_space(), {}, client, {.counts = kCounts, .timing = {}}, table);
  const Graph network = lower(choose(small_space(), {0, 0, 0, 0}, "any"), {});
  EXPECT_DOUBLE_EQ(price(network)->ms, 1.5);
  const std::string requests = read_file(log);
  EXPECT_DOUBLE_EQ(price(network)->ms, 1.5);
  EXPECT_EQ(read_file(log), requests);  // not timed again
}

// --- By hand ---

class ByHand : public ::testing::Test {
 protected:
  void SetUp() override { emit_probes(space_, {}, kCounts, folder_.path()); }
  LatencyTable import(const std::string& csv) {
    write_file(folder_.path() / "filled.csv", csv);
    return import_timings(space_, {}, kCounts, folder_.path() / "filled.csv", "PHONE",
                          Mode::latency);
  }
  // The list with every time that `ms_of` gives.
  std::string filled(const std::function<std::string(const Probe&)>& ms_of) const {
    std::string csv = "# plan " + plan_hash(plan_) + "\nprobe,ms,ms_again\n";
    for (const Probe& probe : plan_.probes) csv += probe.name + "," + ms_of(probe) + "\n";
    return csv;
  }
  std::string exact(const Probe& probe) const {
    const std::string ms = std::to_string(device_.true_ms(probe));
    return ms + (probe.kind == ProbeKind::checked ? "," + ms : ",");
  }
  const SearchSpace space_ = small_space();
  const ProbePlan plan_ = plan_probes(space_, {}, kCounts);
  const test::NoisyDevice device_;
  const TemporaryFolder folder_;
};

TEST_F(ByHand, EveryProbeIsAModelAndALineToFillIn) {
  std::istringstream csv(read_file(folder_.path() / "timings.csv"));
  std::string line;
  std::getline(csv, line);
  EXPECT_EQ(line, "# plan " + plan_hash(plan_));
  std::getline(csv, line);
  EXPECT_EQ(line, "probe,ms,ms_again");
  for (const Probe& probe : plan_.probes) {
    ASSERT_TRUE(std::getline(csv, line));
    EXPECT_EQ(line, probe.name + ",,");
    EXPECT_EQ(read_onnx(folder_.path() / (probe.name + ".onnx")).graph.input_shape(),
              probe.graph.input_shape());
  }
}

TEST_F(ByHand, FilledInItIsTheDevicesTable) {
  const LatencyTable table = import(filled([&](const Probe& probe) { return exact(probe); }));
  EXPECT_LT(table.check.mean_abs_error(), 0.01);
  EXPECT_EQ(table.check.networks.size(), 10u);
  EXPECT_EQ(table.check.repeat_mean_abs_difference(), 0);
  EXPECT_EQ(table.provenance.runtime, "timed by hand");
}

TEST_F(ByHand, SecondTimesAndSomeNetworksMayBeMissing) {
  int networks = 0;
  const LatencyTable table = import(filled([&](const Probe& probe) -> std::string {
    if (probe.kind == ProbeKind::fitted && ++networks % 2 == 0) return ",";
    return std::to_string(device_.true_ms(probe)) + ",";
  }));
  EXPECT_EQ(table.check.networks.size(), 10u);
  EXPECT_EQ(table.check.repeat_rank_correlation(), 0);
}

TEST_F(ByHand, ASpreadsheetMaySaveTheList) {
  const std::string plain = filled([&](const Probe& probe) { return exact(probe); });
  const LatencyTable table = import(plain);
  const auto replaced = [](std::string text, char from, char to) {
    std::ranges::replace(text, from, to);
    return text;
  };
  const std::string semicolons = replaced(replaced(plain, ',', ';'), '.', ',');
  std::string padded = plain;
  padded.insert(padded.find('\n'), ",,\r");
  for (const std::string& saved :
       {"\xef\xbb\xbf" + plain, semicolons, padded, replaced(plain, ',', '\t')})
    EXPECT_EQ(import(saved).blocks, table.blocks);
}

TEST_F(ByHand, TimesThatRankNothingAreRefused) {
  int line = 0;
  const std::string shuffled = filled([&](const Probe& probe) -> std::string {
    if (probe.kind != ProbeKind::checked) return exact(probe);
    return std::to_string(20 + (7 * ++line) % 11) + ",";
  });
  EXPECT_NE(error_of([&] { import(shuffled); }).find("have a rank correlation of"),
            std::string::npos);
}

TEST_F(ByHand, MistakesAreNamedWithTheirLine) {
  const std::string good = filled([&](const Probe& probe) { return exact(probe); });
  const auto error_with = [&](const std::string& from, const std::string& to) {
    std::string csv = good;
    csv.replace(csv.find(from), from.size(), to);
    return error_of([&] { import(csv); });
  };
  EXPECT_NE(error_with("probe,ms", "name,ms").find("filled.csv:2: the second line must be"),
            std::string::npos);
  EXPECT_NE(error_with("block_0,", "block_99,").find("no probe of this space"), std::string::npos);
  EXPECT_NE(error_with("block_0,", "block_0,-").find("filled.csv:4: \"-"), std::string::npos);
  EXPECT_NE(error_with("block_0,", "block_0,fast").find("filled.csv:4: \"fast"), std::string::npos);
  EXPECT_NE(error_with("block_0,", "block_0,1,1,1,").find("filled.csv:4"), std::string::npos);
  EXPECT_NE(error_with("block_0,", "block_1,").find("a second line of block_1"), std::string::npos);
  EXPECT_NE(error_of([&] {
              import("# plan " + plan_hash(plan_) + "\nprobe,ms,ms_again\n");
            }).find("has no time"),
            std::string::npos);
  EXPECT_NE(error_with("# plan ", "# plan 0").find("no list of this space"), std::string::npos);
  EXPECT_NE(error_of([&] { import(""); }).find("reference has no time"), std::string::npos);
}

}  // namespace
}  // namespace vpunas
