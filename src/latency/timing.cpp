#include "latency/timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "base/statistics.h"
#include "base/text.h"

namespace vpunas {
namespace {

constexpr const char* kSchema = "vpunas.timings/1";
constexpr double kOutlier = 1.3;
constexpr double kTooNoisy = 0.15;

// log ms by probe and round, and what explains them.
struct Polish {
  std::vector<double> probe, round;
  std::vector<std::vector<double>> noise;  // by probe and round
};

Polish polish(const std::vector<std::vector<double>>& log_ms) {
  const size_t probes = log_ms.size(), rounds = log_ms.front().size();
  Polish p{std::vector<double>(probes), std::vector<double>(rounds), log_ms};
  for (int pass = 0; pass < 5; ++pass) {
    for (size_t i = 0; i < probes; ++i) {
      const double shift = median(p.noise[i]);
      p.probe[i] += shift;
      for (double& value : p.noise[i]) value -= shift;
    }
    for (size_t r = 0; r < rounds; ++r) {
      std::vector<double> column;
      for (const auto& row : p.noise) column.push_back(row[r]);
      const double shift = median(std::move(column));
      p.round[r] += shift;
      for (auto& row : p.noise) row[r] -= shift;
    }
  }
  const double typical = median(p.round);
  for (double& value : p.round) value -= typical;
  for (double& value : p.probe) value += typical;
  return p;
}

// The greatest relative standard error of a probe: of a median, 1.25 times that of a mean.
double greatest_error(const Polish& p) {
  double greatest = 0;
  for (const auto& row : p.noise) {
    greatest = std::max(greatest,
                        1.25 * robust_deviation(row) / std::sqrt(static_cast<double>(row.size())));
  }
  return greatest;
}

std::optional<double> burst_or_again(const Probe& probe, const BurstFn& burst, const Work& work) {
  try {
    return burst(probe);
  } catch (const Error& error) {
    work.warn("profile", cat(probe.name, ": ", error.what(), "; trying once more"));
  }
  return burst(probe);
}

// Relative spread of the bursts of all sheets.
double typical_spread(const Timings& timings) {
  std::vector<double> spreads;
  for (const auto& [place, sheet] : timings.sheets) spreads.push_back(sheet.spread);
  return spreads.empty() ? 0 : median(std::move(spreads));
}

bool may_be_left_out(const ProbePlan& plan, const Sheet& sheet) {
  return sheet.size() > 1 && plan.probes[sheet.back()].kind == ProbeKind::fitted;
}

}  // namespace

std::string plan_hash(const ProbePlan& plan) {
  std::string text;
  for (const Probe& probe : plan.probes) {
    text += probe.name;
    for (const Node& node : probe.graph.nodes) text += cat(' ', node.name, ' ', node.shape);
    if (probe.kind == ProbeKind::block) text += describe(probe.place.block);
    for (const int candidate : probe.choice) text += cat(' ', candidate);
  }
  for (const Sheet& sheet : plan.sheets) {
    text += '/';
    for (const size_t probe : sheet) text += cat(' ', probe);
  }
  return content_hash(text);
}

SheetTiming time_sheet(const std::vector<const Probe*>& probes, const BurstFn& burst,
                       const TimingOptions& options, const Work& work) {
  SheetTiming timing;
  std::vector<const Probe*> running;
  std::vector<std::vector<double>> log_ms;
  for (const Probe* probe : probes) {  // the first burst finds what cannot be compiled, and warms
    if (work.stop.stop_requested()) throw Interrupted("interrupted");
    if (burst_or_again(*probe, burst, work))
      running.push_back(probe);
    else
      timing.ms[probe->name] = std::nullopt;
  }
  log_ms.resize(running.size());
  if (running.empty()) return timing;

  std::vector<size_t> order(running.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Polish p;
  while (timing.rounds < options.most_rounds) {
    Random random{static_cast<uint64_t>(timing.rounds)};
    random.shuffle(order);
    for (const size_t i : order) {
      if (work.stop.stop_requested()) throw Interrupted("interrupted");
      const auto ms = burst_or_again(*running[i], burst, work);
      if (!ms || !(*ms > 0 && std::isfinite(*ms))) {
        fail(running[i]->name, ": the device reported ", ms ? cat(*ms, " ms") : "no time",
             ", which cannot be");
      }
      log_ms[i].push_back(std::log(*ms));
    }
    ++timing.rounds;
    if (timing.rounds < options.least_rounds) continue;
    p = polish(log_ms);
    if (greatest_error(p) <= options.tolerance) break;
  }
  if (p.probe.empty()) p = polish(log_ms);
  std::vector<double> noise;
  for (size_t i = 0; i < running.size(); ++i) {
    timing.ms[running[i]->name] = std::exp(p.probe[i]);
    for (const double value : p.noise[i]) {
      noise.push_back(value);
      timing.outliers += std::abs(value) > std::log(kOutlier);
    }
  }
  timing.spread = robust_deviation(noise);
  return timing;
}

void time_plan(const ProbePlan& plan, const BurstFn& burst, const TimingOptions& options,
               Timings& timings, const std::filesystem::path& file, const Work& work) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const auto minutes = [&] {
    return std::chrono::duration<double, std::ratio<60>>(Clock::now() - start).count();
  };
  const auto report = [&](Event::Kind kind) {
    work.report({kind,
                 "profile",
                 timings.device,
                 static_cast<int64_t>(timings.sheets.size()),
                 static_cast<int64_t>(plan.sheets.size()),
                 {}});
  };
  report(Event::Kind::begin);
  size_t left_out = 0;
  int outliers = 0;
  for (size_t place = 0; place < plan.sheets.size(); ++place) {
    if (timings.sheets.contains(place)) continue;
    const Sheet& sheet = plan.sheets[place];
    if (minutes() > options.minutes && may_be_left_out(plan, sheet)) {
      ++left_out;
      continue;
    }
    std::vector<const Probe*> probes;
    for (const size_t probe : sheet) probes.push_back(&plan.probes[probe]);
    const auto kept = [&] {
      return cat(timings.sheets.size(), " of ", plan.sheets.size(),
                 " sheets of timings are kept in ", file.string());
    };
    try {
      timings.sheets[place] = time_sheet(probes, burst, options, work);
    } catch (const Interrupted&) {
      timings.sheets.erase(place);
      throw Interrupted("interrupted; " + kept());
    } catch (const Error& error) {
      timings.sheets.erase(place);
      fail(error.what(), "; ", kept(), "; run again to go on");
    }
    outliers += timings.sheets[place].outliers;
    write_timings(file, timings);
    report(Event::Kind::step);
  }
  report(Event::Kind::end);
  if (left_out > 0) {
    work.warn("profile", cat("left out ", left_out, " sheets of networks to fit to after ",
                             fixed(options.minutes, 0), " minutes (profile.minutes)"));
  }
  if (outliers > 0)
    work.note("profile", cat(outliers, " bursts were outliers by over 30 %, and did not count"));
  const double spread = typical_spread(timings);
  if (spread > kTooNoisy) {
    work.warn("profile", cat(timings.device, " is too noisy to be trusted: bursts spread by ",
                             fixed(100 * spread, 0), " %; stop what else runs there"));
  }
}

Timings read_timings(const std::filesystem::path& file, const ProbePlan& plan) {
  const Json json = read_json(file, kSchema);
  const std::string where = file.string();
  Timings timings;
  timings.device = json_get<std::string>(json, "device", where);
  timings.runtime = json_get<std::string>(json, "runtime", where);
  timings.precision = json_get<std::string>(json, "precision", where);
  timings.mode = parse_mode(json_get<std::string>(json, "mode", where));
  timings.plan = json_get<std::string>(json, "plan", where);
  if (timings.plan != plan_hash(plan)) {
    fail(where,
         ": timings of another space, size or number of networks; remove it, or choose "
         "another -o folder");
  }
  const Json sheets = json_get<Json>(json, "sheets", where);
  if (!sheets.is_array()) fail(where, ": sheets: must be a list");
  for (size_t i = 0; i < sheets.size(); ++i) {
    const std::string at = cat(where, ": sheets[", i, "]");
    const auto place = json_get<uint64_t>(sheets[i], "place", at);
    if (place >= plan.sheets.size()) fail(at, ": place: the plan has ", plan.sheets.size());
    SheetTiming& sheet = timings.sheets[place];
    sheet.rounds = json_get<int>(sheets[i], "rounds", at);
    sheet.spread = json_get<double>(sheets[i], "spread", at);
    sheet.outliers = json_get<int>(sheets[i], "outliers", at);
    const Json ms = json_get<Json>(sheets[i], "ms", at);
    for (const size_t probe : plan.sheets[place]) {
      const std::string& name = plan.probes[probe].name;
      auto& value = sheet.ms[name];
      if (ms.is_object() && ms.contains(name) && ms[name].is_null()) continue;
      value = json_get<double>(ms, name.c_str(), at + ": ms");
      if (!(*value > 0)) fail(at, ": ms: ", name, " must be greater than 0");
    }
  }
  return timings;
}

void write_timings(const std::filesystem::path& file, const Timings& timings) {
  Json sheets = Json::array();
  for (const auto& [place, sheet] : timings.sheets) {
    Json ms = Json::object();
    for (const auto& [name, value] : sheet.ms) ms[name] = value ? Json(*value) : Json();
    sheets.push_back({{"place", place},
                      {"rounds", sheet.rounds},
                      {"spread", sheet.spread},
                      {"outliers", sheet.outliers},
                      {"ms", ms}});
  }
  write_json(file, kSchema,
             {{"device", timings.device},
              {"runtime", timings.runtime},
              {"precision", timings.precision},
              {"mode", mode_name(timings.mode)},
              {"plan", timings.plan},
              {"sheets", sheets}});
}

}  // namespace vpunas
