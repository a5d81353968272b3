// Timing the probes of a plan on a device whose speed drifts.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "latency/probes.h"
#include "latency/table.h"

namespace vpunas {

// The median ms of a short burst of inferences; nullopt: the device cannot compile the network.
// Throws Error where the device fails.
using BurstFn = std::function<std::optional<double>(const Probe&)>;

struct TimingOptions {
  int least_rounds = 5, most_rounds = 20;
  double tolerance = 0.01;  // relative standard error at which a sheet is done
  double minutes = 30;      // then sheets of networks to fit to are left out
};

// What a sheet gave. In every round each probe has one burst, in an order of its own, and
//   log ms = probe + round + noise,
// fitted by median polish (Tukey, Exploratory Data Analysis, 1977), so that neither drift nor a
// burst gone wrong shifts one probe against another.
struct SheetTiming {
  std::map<std::string, std::optional<double>> ms;  // by probe name; nullopt: cannot be compiled
  int rounds = 0;
  double spread = 0;  // robust standard deviation of the noise
  int outliers = 0;   // bursts beyond 1.3 times or under 1 / 1.3 of what probe and round explain
};

struct Timings {
  std::string device, runtime, precision;
  Mode mode = Mode::latency;
  std::string plan;                      // plan_hash()
  std::map<size_t, SheetTiming> sheets;  // by place in the plan; those left out are missing
};

std::string plan_hash(const ProbePlan& plan);

// The sheet's `probes`, by plan. A burst that fails is tried a second time; then the sheet is lost
// and the Error thrown.
SheetTiming time_sheet(const std::vector<const Probe*>& probes, const BurstFn& burst,
                       const TimingOptions& options, const Work& work = {});

// Times what is not yet in `timings` and writes it to `file` after every sheet, so that a kill, a
// device that goes away or Interrupted loses one sheet. Reports stage "profile".
void time_plan(const ProbePlan& plan, const BurstFn& burst, const TimingOptions& options,
               Timings& timings, const std::filesystem::path& file, const Work& work = {});

// schema vpunas.timings/1. Throws Error where the file is of another plan.
Timings read_timings(const std::filesystem::path& file, const ProbePlan& plan);
void write_timings(const std::filesystem::path& file, const Timings& timings);

}  // namespace vpunas
