#include "latency/census.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/text.h"
#include "latency/lattice.h"

namespace vpunas {
namespace {

// Networks by cost in units (a limit is `steps` units), one dimension a device.
class Census {
 public:
  Census(const SearchSpace& space, const Lattice& lattice, std::vector<double> limits, int steps)
      : space_(space), lattice_(lattice), limits_(std::move(limits)), steps_(steps) {
    cells_ = 1;
    for (size_t d = 0; d < limits_.size(); ++d) cells_ *= width();
  }

  // Counts within all limits, by cell; along a run of equal slots nothing may follow a skip.
  std::vector<double> count() const {
    std::vector<Counts> here = {Counts(cells_)}, skipped(1);
    here[0][0] = 1;
    for (size_t step = 0; step < lattice_.steps(); ++step) {
      const size_t states = lattice_.layers[step + 1].size();
      const bool run_goes_on =
          step + 1 < space_.slots.size() && space_.slots[step] == space_.slots[step + 1];
      std::vector<Counts> next(states), next_skipped(states);
      for (size_t s = 0; s < here.size(); ++s) {
        const auto& arcs = lattice_.layers[step][s].arcs;
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
           space_.slots[step].candidates[candidate].kind == BlockKind::skip;
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
  const Lattice& lattice_;
  std::vector<double> limits_;
  int steps_;
  size_t cells_ = 0;
};

double median(const SearchSpace& space, const Lattice& lattice, double greatest) {
  if (greatest <= 0) return 0;
  constexpr int steps = 4000;
  // Rounding may take the dearest over its own cost.
  const double limit = 1.01 * greatest;
  const std::vector<double> counts = Census(space, lattice, {limit}, steps).count();
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

bool fits(const SearchSpace& space, std::vector<Constraint> constraints, double share) {
  PerCandidate zero;
  for (const Slot& slot : space.slots) zero.emplace_back(slot.candidates.size());
  for (Constraint& c : constraints) c.budget_ms *= share;
  return !best_choices(space, constraints, zero, 0, 1).empty();
}

// What all budgets must be raised by for something to fit, to 0.1 %.
double least_share(const SearchSpace& space, const std::vector<Constraint>& constraints) {
  double low = 1, high = 2;
  while (!fits(space, constraints, high) && high < 1e6) low = high, high *= 2;
  while (high > 1.001 * low) {
    const double middle = (low + high) / 2;
    (fits(space, constraints, middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace

LatencyRange latency_range(const SearchSpace& space, const LatencyTable& table) {
  const Lattice lattice = make_lattice(space, {&table});
  const LeastPaths greatest(lattice, [](size_t, int, const Arc& arc) { return -arc.ms(); });
  LatencyRange range{sum_latency(lattice, cheapest_choice(lattice)),
                     sum_latency(lattice, greatest.choice()), 0};
  range.median_ms = median(space, lattice, range.greatest.ms);
  return range;
}

double count_fitting(const SearchSpace& space, const std::vector<Constraint>& constraints) {
  constexpr int steps[] = {20'000, 512, 64, 22};
  const size_t devices = constraints.size();
  if (devices == 0 || devices > most_budgets)
    fail("a search keeps 1 to ", most_budgets, " budgets, not ", devices);
  std::vector<double> limits;
  for (const Constraint& c : constraints) {
    if (!(c.budget_ms > 0)) return 0;
    limits.push_back(c.budget_ms);
  }
  const Lattice lattice = make_lattice(space, constraints);
  const std::vector<double> counts =
      Census(space, lattice, std::move(limits), steps[devices - 1]).count();
  return std::accumulate(counts.begin(), counts.end(), 0.0);
}

Feasibility check_feasible(const SearchSpace& space, const std::vector<Constraint>& constraints) {
  Feasibility feasibility;
  feasibility.networks = count_networks(space);
  for (const Constraint& c : constraints) {
    const LatencyRange range = latency_range(space, c.table);
    feasibility.ranges.push_back(range);
    const std::string& device = c.table.provenance.device;
    const char* unit = unit_of(device);
    if (range.least.ms > c.budget_ms) {
      throw Error(
          cat("budget of ", fixed(c.budget_ms, 3), " ", unit, " on ", device,
              ": cannot be met, the cheapest network of space ", space.name, " takes ",
              fixed(range.least.ms, 3), " ", unit, ", the dearest ", fixed(range.greatest.ms, 3),
              " ", unit, "; raise the budget or take another space"),
          ExitCode::budget);
    }
  }
  if (constraints.size() > 1 && !fits(space, constraints, 1)) {
    throw Error(cat("budgets: each can be met, but not all at once by a network of space ",
                    space.name, "; raise all to ", fixed(least_share(space, constraints), 3),
                    " times what they are, or one of them by more"),
                ExitCode::budget);
  }
  feasibility.fitting = count_fitting(space, constraints);
  return feasibility;
}

std::string to_string(const Feasibility& feasibility, const std::vector<Constraint>& constraints) {
  std::string text;
  for (size_t d = 0; d < constraints.size(); ++d) {
    const std::string& device = constraints[d].table.provenance.device;
    const LatencyRange& range = feasibility.ranges[d];
    text += cat(device, ": budget ", fixed(constraints[d].budget_ms, 3), " ", unit_of(device),
                ", the space reaches from ", fixed(range.least.ms, 3), " over ",
                fixed(range.median_ms, 3), " (median) to ", fixed(range.greatest.ms, 3), " ",
                unit_of(device), "; ");
  }
  return cat(text, constraints.size() > 1 ? "about " : "", grouped(feasibility.fitting), " of ",
             grouped(feasibility.networks), " networks fit");
}

}  // namespace vpunas
