#include "device/profiler.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include "arch/weights.h"
#include "base/statistics.h"
#include "base/text.h"
#include "onnx/onnx.h"

namespace vpunas {
namespace {

constexpr const char* kHeader = "probe,ms,ms_again";

// The list's first line: times of another space must not be taken for this one's.
std::string plan_line(const ProbePlan& plan) { return "# plan " + plan_hash(plan); }

constexpr const char* kUnsupported = "unsupported";

void write_probe(const fs::path& path, const Probe& probe) {
  const FoldedNetwork network = fold(probe.graph, random_weights(probe.graph, 1));
  write_onnx(path, network.graph, network.weights);
}

// Bursts by a client; every probe's ONNX file is written once.
class Bursts {
 public:
  Bursts(std::shared_ptr<DeviceClient> client, std::string device, Mode mode)
      : client_(std::move(client)), device_(std::move(device)), mode_(mode) {}

  std::optional<double> operator()(const Probe& probe) {
    const fs::path model = folder_->path() / (probe.name + ".onnx");
    if (!fs::exists(model)) write_probe(model, probe);
    try {
      return client_
          ->measure(model, device_, {.mode = mode_, .seconds = 0.05, .iterations = 5, .warmup = 2})
          .median_ms;
    } catch (const CannotRun&) {
      return std::nullopt;
    }
  }

 private:
  std::shared_ptr<DeviceClient> client_;
  std::string device_;
  Mode mode_;
  std::shared_ptr<TemporaryFolder> folder_ = std::make_shared<TemporaryFolder>();
};

Provenance provenance_of(const Timings& timings) {
  std::vector<double> rounds;
  for (const auto& [place, sheet] : timings.sheets) rounds.push_back(sheet.rounds);
  return {.device = timings.device,
          .runtime = timings.runtime,
          .mode = timings.mode,
          .precision = timings.precision,
          .repeats = rounds.empty() ? 0 : static_cast<int>(median(std::move(rounds))),
          .date = timestamp()};
}

Timings resumed(const ProbePlan& plan, const Timings& fresh, const fs::path& file) {
  if (!fs::exists(file)) return fresh;
  Timings timings = read_timings(file, plan);
  const auto check = [&](const char* what, const std::string& there, const std::string& here) {
    if (there == here) return;
    fail(file.string(), ": timings of ", what, " ", there, ", not ", here,
         "; remove it, or choose another -o folder");
  };
  check("device", timings.device, fresh.device);
  check("runtime", timings.runtime, fresh.runtime);
  check("mode", mode_name(timings.mode), mode_name(fresh.mode));
  return timings;
}

// The two numbers of a line; none where empty.
struct HandTiming {
  std::optional<double> ms, again;
  bool unsupported = false;
};

std::optional<double> ms_from(const std::string& text, const std::string& where) {
  const std::string_view plain = trim(text);
  if (plain.empty()) return std::nullopt;
  const auto value = parse_number(plain);
  if (!value || !(*value > 0 && *value < 1e9)) {
    fail(where, ": \"", excerpt(plain), "\" must be a time in ms, greater than 0, or ",
         kUnsupported);
  }
  return value;
}

// The file as a spreadsheet found it: without a byte-order mark, with commas between cells, points
// in numbers, and no empty cells behind the last one of a line.
std::string as_written(std::string text) {
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  const size_t header = text.find('\n');
  const std::string second =
      header == std::string::npos
          ? ""
          : text.substr(header + 1, text.find('\n', header + 1) - header - 1);
  const char separator = second.find(';') != std::string::npos    ? ';'
                         : second.find('\t') != std::string::npos ? '\t'
                                                                  : ',';
  std::string plain;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::erase(line, '"');
    if (separator != ',') {
      std::ranges::replace(line, ',', '.');
      std::ranges::replace(line, separator, ',');
    }
    if (plain.empty() || line.starts_with("probe"))  // the two lines at the top
      while (line.ends_with(',') || line.ends_with('\r')) line.pop_back();
    plain += line + '\n';
  }
  return plain;
}

std::map<std::string, HandTiming> read_csv(const fs::path& csv, const ProbePlan& plan) {
  std::map<std::string, HandTiming> result;
  std::istringstream lines(as_written(read_file(csv)));
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::string where = cat(csv.string(), ":", number);
    if (number == 1) {
      if (trim(line) != plan_line(plan)) {
        fail(where, ": the first line must be \"", plan_line(plan),
             "\"; this is no list of this space, size, classes and number of networks");
      }
      continue;
    }
    if (number == 2) {
      if (trim(line) != kHeader) fail(where, ": the second line must be \"", kHeader, "\"");
      continue;
    }
    if (trim(line).empty()) continue;
    std::vector<std::string> cells = split(line, ',');
    if (cells.size() < 2 || cells.size() > 3) fail(where, ": must have the columns ", kHeader);
    cells.resize(3);
    const std::string name(trim(cells[0]));
    if (std::none_of(plan.probes.begin(), plan.probes.end(),
                     [&](const Probe& probe) { return probe.name == name; })) {
      fail(where, ": \"", excerpt(name),
           "\" is no probe of this space; write the list anew with "
           "vpunas profile --emit");
    }
    HandTiming timing;
    if (trim(cells[1]) == kUnsupported)
      timing.unsupported = true;
    else
      timing = {ms_from(cells[1], where), ms_from(cells[2], where)};
    if (!result.emplace(name, timing).second) fail(where, ": a second line of ", name);
  }
  return result;
}

// The least rank correlation with networks that a table was not fitted to; what says less than that
// prices nothing.
constexpr double kLeastRank = 0.5;
constexpr size_t kEnoughToRank = 8;

bool ranks_nothing(const LatencyTable& table) {
  return table.check.networks.size() >= kEnoughToRank &&
         table.check.rank_correlation() < kLeastRank;
}

}  // namespace

LatencyTable profile_device(const SearchSpace& space, const Preprocess& preprocess,
                            std::shared_ptr<DeviceClient> client, const std::string& device,
                            Mode mode, const ProfileOptions& options, const fs::path& file,
                            const Work& work) {
  const ProbePlan plan = plan_probes(space, preprocess, options.counts);
  Timings timings = resumed(plan,
                            {.device = device,
                             .runtime = client->runtime(),
                             .precision = "device default",
                             .mode = mode,
                             .plan = plan_hash(plan),
                             .sheets = {}},
                            file);
  time_plan(plan, Bursts(std::move(client), device, mode), options.timing, timings, file, work);
  LatencyTable table = calibrated_table(space, plan, timings, provenance_of(timings));
  if (ranks_nothing(table))
    work.warn("profile", cat("the table's rank correlation with ", table.check.networks.size(),
                             " networks that it was not fitted to is ",
                             fixed(table.check.rank_correlation(), 2),
                             ": do not search with it; measure again on a quiet machine"));
  return table;
}

LatencyFn network_timer(const SearchSpace& space, const Preprocess& preprocess,
                        std::shared_ptr<DeviceClient> client, const ProfileOptions& options,
                        const LatencyTable& table) {
  struct State {
    Probe reference;
    double reference_ms;
    Bursts bursts;
    std::vector<std::pair<Graph, std::optional<Latency>>> priced = {};
  };
  const auto state = std::make_shared<State>(
      State{plan_probes(space, preprocess, options.counts).probes.front(), table.check.reference_ms,
            Bursts(std::move(client), table.provenance.device, table.provenance.mode)});
  return [state, timing = options.timing](const Graph& graph) -> std::optional<Latency> {
    for (const auto& [known, latency] : state->priced) {
      if (known == graph) return latency;
    }
    const Probe probe{.name = cat("priced_", state->priced.size()), .graph = graph};
    const SheetTiming sheet =
        time_sheet({&state->reference, &probe}, std::ref(state->bursts), timing);
    const auto &clock = sheet.ms.at(state->reference.name), &own = sheet.ms.at(probe.name);
    if (!clock) fail(state->reference.name, ": ran when the table was made, and does no longer");
    std::optional<Latency> latency;
    if (own) {
      const double ms = *own / *clock * state->reference_ms;
      // Of a difference of two medians, each with 1.25 times the error of a mean.
      const double error = 1.64 * 1.25 * std::sqrt(2.0 / std::max(1, sheet.rounds)) * sheet.spread;
      latency = Latency{ms, ms * std::max(0.0, 1 - error), ms * (1 + error)};
    }
    state->priced.emplace_back(graph, latency);
    return latency;
  };
}

void emit_probes(const SearchSpace& space, const Preprocess& preprocess, const ProbeCounts& counts,
                 const fs::path& folder, const Work& work) {
  const ProbePlan plan = plan_probes(space, preprocess, counts);
  const auto total = static_cast<int64_t>(plan.probes.size());
  std::string csv = plan_line(plan) + "\n" + kHeader + "\n";
  work.report({Event::Kind::begin, "profile", "writing models", 0, total, {}});
  for (const Probe& probe : plan.probes) {
    if (work.stop.stop_requested()) throw Interrupted("interrupted; run again to write them anew");
    write_probe(folder / (probe.name + ".onnx"), probe);
    csv += probe.name + ",,\n";
    work.report({Event::Kind::step,
                 "profile",
                 "writing models",
                 static_cast<int64_t>(&probe - plan.probes.data()) + 1,
                 total,
                 {}});
  }
  write_file(folder / "timings.csv", csv);
  work.report({Event::Kind::end, "profile", "writing models", total, total, {}});
}

LatencyTable import_timings(const SearchSpace& space, const Preprocess& preprocess,
                            const ProbeCounts& counts, const fs::path& csv,
                            const std::string& device, Mode mode) {
  const ProbePlan plan = plan_probes(space, preprocess, counts);
  const auto by_name = read_csv(csv, plan);
  Timings timings{.device = device,
                  .runtime = "timed by hand",
                  .precision = "unknown",
                  .mode = mode,
                  .plan = plan_hash(plan),
                  .sheets = {}};
  std::set<std::string> checked;  // once already: this sheet is the second
  for (size_t place = 0; place < plan.sheets.size(); ++place) {
    SheetTiming& sheet = timings.sheets[place];
    sheet.rounds = 1;
    for (const size_t p : plan.sheets[place]) {
      const Probe& probe = plan.probes[p];
      const auto found = by_name.find(probe.name);
      const HandTiming timing = found == by_name.end() ? HandTiming{} : found->second;
      const bool whole = probe.kind == ProbeKind::fitted || probe.kind == ProbeKind::checked;
      if (!timing.ms && !timing.unsupported && !whole)
        fail(csv.string(), ": ", probe.name, " has no time");
      const bool second = probe.kind == ProbeKind::checked && !checked.insert(probe.name).second;
      sheet.ms[probe.name] = second ? timing.again : timing.ms;
    }
  }
  LatencyTable table = calibrated_table(space, plan, timings, provenance_of(timings));
  if (ranks_nothing(table))
    fail(csv.string(), ": the times of ", table.check.networks.size(),
         " networks have a rank correlation of ", fixed(table.check.rank_correlation(), 2),
         " with what the blocks' times say; are the lines in their own rows, and all in ms?");
  return table;
}

}  // namespace vpunas
