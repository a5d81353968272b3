#include "search/feasibility.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/text.h"
#include "search/optimizer.h"

namespace vpunas {
namespace {

// Networks by cost in units (a limit is `steps` units), one dimension a device.
class Census {
 public:
  Census(const SearchSpace& space, const Trellis& trellis, std::vector<double> limits, int steps)
      : space_(space), trellis_(trellis), limits_(std::move(limits)), steps_(steps) {
    cells_ = 1;
    for (size_t d = 0; d < limits_.size(); ++d) cells_ *= width();
  }

  // Counts within all limits, by cell; along a run of equal slots nothing may follow a skip.
  std::vector<double> count() const {
    std::vector<Counts> here = {Counts(cells_)}, skipped(1);
    here[0][0] = 1;
    for (size_t step = 0; step < trellis_.steps(); ++step) {
      const size_t states = trellis_.layers[step + 1].size();
      const bool run_goes_on =
          step + 1 < space_.slots.size() && space_.slots[step] == space_.slots[step + 1];
      std::vector<Counts> next(states), next_skipped(states);
      for (size_t s = 0; s < here.size(); ++s) {
        const auto& arcs = trellis_.layers[step][s].arcs;
        for (size_t j = 0; j < arcs.size(); ++j) {
          if (!arcs[j].open()) continue;
          const bool skip = is_skip(step, j);
          Counts& to = (skip && run_goes_on ? next_skipped : next)[arcs[j].to];
          add(here[s], arcs[j], to);
          if (skip) add(skipped[s], arcs[j], to);
        }
      }
      here = std::move(next);
      skipped = std::move(next_skipped);
    }
    here.front().resize(cells_);
    return std::move(here.front());
  }

 private:
  using Counts = std::vector<double>;  // empty: all 0

  size_t width() const { return static_cast<size_t>(steps_) + 1; }

  bool is_skip(size_t step, size_t candidate) const {
    return step < space_.slots.size() &&
           vpunas::is_skip(space_.slots[step], static_cast<int>(candidate));
  }

  void add(const Counts& from, const Arc& arc, Counts& to) const {
    if (from.empty()) return;
    std::vector<size_t> shift;
    for (size_t d = 0; d < limits_.size(); ++d) {
      const double units = std::round(arc.ms(d) * (steps_ / limits_[d]));
      if (units > steps_) return;
      shift.push_back(static_cast<size_t>(units));
    }
    to.resize(cells_);
    add_shifted(from.data(), to.data(), cells_, shift, 0);
  }

  // to[i + shift] += from[i] from dimension d on, where i + shift is within the limits.
  void add_shifted(const double* from, double* to, size_t cells, const std::vector<size_t>& shift,
                   size_t d) const {
    const size_t inner = cells / width();
    to += shift[d] * inner;
    if (d + 1 == shift.size()) {
      for (size_t i = 0; i + shift[d] < width(); ++i) to[i] += from[i];
      return;
    }
    for (size_t i = 0; i + shift[d] < width(); ++i)
      add_shifted(from + i * inner, to + i * inner, inner, shift, d + 1);
  }

  const SearchSpace& space_;
  const Trellis& trellis_;
  std::vector<double> limits_;
  int steps_;
  size_t cells_ = 0;
};

double median_cost(const SearchSpace& space, const Trellis& trellis, double greatest) {
  if (greatest <= 0) return 0;
  constexpr int steps = 4000;
  // Rounding may take the dearest over its own cost.
  const double limit = 1.01 * greatest;
  const std::vector<double> counts = Census(space, trellis, {limit}, steps).count();
  const double half = std::accumulate(counts.begin(), counts.end(), 0.0) / 2;
  double sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    sum += counts[i];
    if (sum >= half) return static_cast<double>(i) * limit / steps;
  }
  return greatest;
}

// 1234567 -> "1,234,567", from a million million on "1.2e+13".
std::string grouped(double count) {
  if (count >= 1e12) return cat(count);
  std::string digits = fixed(count, 0);
  for (auto at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

bool fits(const PricedSpace& priced, Budgets budgets, double share) {
  for (double& budget : budgets) budget *= share;
  return !best_choices(priced, budgets, zeros_like(priced.space()), 0, 1).empty();
}

// What all budgets must be raised by for something to fit, to 0.1 %.
double least_share(const PricedSpace& priced, const Budgets& budgets) {
  double low = 1, high = 2;
  while (!fits(priced, budgets, high) && high < 1e6) low = high, high *= 2;
  while (high > 1.001 * low) {
    const double middle = (low + high) / 2;
    (fits(priced, budgets, middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace

LatencyRange latency_range(const PricedSpace& priced, size_t d) {
  return latency_range(priced.space(), priced.tables()[d]);
}

LatencyRange latency_range(const SearchSpace& space, const LatencyTable& table) {
  const Trellis trellis = make_trellis(space, {&table});
  const LeastPaths greatest(trellis, [](size_t, int, const Arc& arc) { return -arc.ms(); });
  LatencyRange range{sum_latency(trellis, cheapest_choice(trellis)),
                     sum_latency(trellis, greatest.choice()), 0};
  range.median_ms = median_cost(space, trellis, range.greatest.ms);
  return range;
}

double count_fitting(const PricedSpace& priced, const Budgets& budgets) {
  constexpr int steps[] = {20'000, 512, 64, 22};
  const size_t devices = budgets.size();
  if (devices == 0 || devices > most_budgets)
    fail("a search keeps 1 to ", most_budgets, " budgets, not ", devices);
  if (std::ranges::any_of(budgets, [](double budget) { return !(budget > 0); })) return 0;
  const std::vector<double> counts =
      Census(priced.space(), priced.trellis(), budgets, steps[devices - 1]).count();
  return std::accumulate(counts.begin(), counts.end(), 0.0);
}

Feasibility check_feasible(const PricedSpace& priced, const Budgets& budgets) {
  const std::string& space = priced.space().name;
  Feasibility feasibility;
  feasibility.networks = count_networks(priced.space());
  for (size_t d = 0; d < budgets.size(); ++d) {
    const LatencyRange range = latency_range(priced, d);
    feasibility.ranges.push_back(range);
    const char* unit = unit_of(priced.device(d));
    if (range.least.ms > budgets[d]) {
      throw Error(
          cat("budget of ", fixed(budgets[d], 3), " ", unit, " on ", priced.device(d),
              ": cannot be met, the cheapest network of space ", space, " takes ",
              fixed(range.least.ms, 3), " ", unit, ", the dearest ", fixed(range.greatest.ms, 3),
              " ", unit, "; raise the budget or take another space"),
          ExitCode::budget);
    }
  }
  if (budgets.size() > 1 && !fits(priced, budgets, 1)) {
    throw Error(cat("budgets: each can be met, but not all at once by a network of space ", space,
                    "; raise all to ", fixed(least_share(priced, budgets), 3),
                    " times what they are, or one of them by more"),
                ExitCode::budget);
  }
  feasibility.fitting = count_fitting(priced, budgets);
  return feasibility;
}

std::string to_string(const Feasibility& feasibility, const PricedSpace& priced,
                      const Budgets& budgets) {
  std::string text;
  for (size_t d = 0; d < budgets.size(); ++d) {
    const char* unit = unit_of(priced.device(d));
    const LatencyRange& range = feasibility.ranges[d];
    text += cat(priced.device(d), ": budget ", fixed(budgets[d], 3), " ", unit,
                ", the space reaches from ", fixed(range.least.ms, 3), " over ",
                fixed(range.median_ms, 3), " (median) to ", fixed(range.greatest.ms, 3), " ", unit,
                "; ");
  }
  return cat(text, budgets.size() > 1 ? "about " : "", grouped(feasibility.fitting), " of ",
             grouped(feasibility.networks), " networks fit");
}

}  // namespace vpunas
