#include "learn/delivery.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/statistics.h"
#include "base/text.h"
#include "learn/paths.h"

namespace vpunas {
namespace {

// The k best by the tables. A network with several names counts by its canonical one, which is the
// one whose preferences were learned; so some more names are asked for.
std::vector<ScoredChoice> best_by_table(const SearchProblem& problem, const Chosen& chosen,
                                        const ChoosingConfig& config, const Budgets& budgets) {
  const auto k = static_cast<size_t>(config.candidates);
  std::vector<ScoredChoice> best;
  if (chosen.preference.empty()) {
    for (const ScoredChoice& ranked : chosen.ranked) {
      if (best.size() < k && used_share(ranked.ms, budgets) <= 1) best.push_back(ranked);
    }
    return best;
  }
  for (ScoredChoice& scored :
       best_choices(problem.deploy_space, constraints(problem, budgets), chosen.preference,
                    config.budget_floor, 3 * config.candidates)) {
    scored.choice = canonical(problem.deploy_space, scored.choice);
    scored.preference = sum_of(chosen.preference, scored.choice);
    if (std::none_of(best.begin(), best.end(),
                     [&](const ScoredChoice& other) { return other.choice == scored.choice; }))
      best.push_back(std::move(scored));
  }
  std::stable_sort(best.begin(), best.end(), [](const ScoredChoice& a, const ScoredChoice& b) {
    return a.preference > b.preference;
  });
  if (best.size() > k) best.resize(k);
  return best;
}

[[noreturn]] void fail_budget(const SearchProblem& problem, const Budgets& budgets,
                              const std::vector<Latency>& nearest) {
  std::string misses;
  for (size_t d = 0; d < nearest.size(); ++d) {
    const std::string& device = problem.devices[d].table.provenance.device;
    misses += cat(d == 0 ? "" : ", ", device, " ", fixed(nearest[d].ms, 3), " of ",
                  fixed(budgets[d], 3), " ", unit_of(device));
  }
  throw Error(
      cat("search: no network of space ", problem.deploy_space.name,
          " keeps the budget as a whole, though the table says so (",
          misses.empty() ? "the device runs none of the candidates" : "the nearest takes " + misses,
          "); raise the budget or make the table again"),
      ExitCode::budget);
}

// By how much candidates take longer as a whole than the table says, on each device: the median.
std::vector<double> table_errors(const std::vector<CandidateNetwork>& candidates, size_t devices) {
  std::vector<double> errors;
  for (size_t d = 0; d < devices; ++d) {
    std::vector<double> ratios;
    for (const CandidateNetwork& candidate : candidates) {
      if (!candidate.latency.empty() && candidate.scored.ms[d] > 0)
        ratios.push_back(candidate.latency[d].ms / candidate.scored.ms[d]);
    }
    errors.push_back(ratios.empty() ? 1 : median(std::move(ratios)));
  }
  return errors;
}

}  // namespace

Delivery deliver(const SearchProblem& problem, const Chosen& chosen, const ChoosingConfig& config,
                 const Budgets& budgets) {
  constexpr int kRounds = 8;
  constexpr double kNear = 0.02;  // a correction that is not worth another round
  Budgets by_table = budgets;
  std::vector<Latency> nearest;
  std::optional<Delivery> fitting;
  for (int round = 0; round < kRounds; ++round) {
    Delivery delivery{.budgets = budgets};
    nearest.clear();
    for (ScoredChoice& scored : best_by_table(problem, chosen, config, by_table)) {
      const auto whole = whole_latency(problem, scored.choice);
      delivery.candidates.push_back({std::move(scored), whole.value_or(std::vector<Latency>{})});
      if (!whole) continue;
      if (nearest.empty() || used_share(*whole, budgets) < used_share(nearest, budgets))
        nearest = *whole;
    }
    const auto fits = std::find_if(
        delivery.candidates.begin(), delivery.candidates.end(), [&](const CandidateNetwork& c) {
          return !c.latency.empty() && used_share(c.latency, budgets) <= 1;
        });
    const bool fit = fits != delivery.candidates.end();
    if (fit) {
      delivery.best = static_cast<size_t>(fits - delivery.candidates.begin());
      if (!fitting ||
          delivery.delivered().scored.preference >= fitting->delivered().scored.preference)
        fitting = delivery;
    }
    if (nearest.empty()) break;
    // What the table allows follows the whole networks, both ways.
    const std::vector<double> errors = table_errors(delivery.candidates, budgets.size());
    double change = 0;
    for (size_t d = 0; d < budgets.size(); ++d) {
      double corrected = budgets[d] / errors[d];
      if (!fit && nearest[d].ms > budgets[d])
        corrected = std::min(corrected, by_table[d] * std::min(0.99, budgets[d] / nearest[d].ms));
      change = std::max(change, std::abs(corrected / by_table[d] - 1));
      by_table[d] = corrected;
    }
    if (fitting && (change <= kNear || round > 0)) break;
  }
  if (fitting) return *std::move(fitting);
  fail_budget(problem, budgets, nearest);
}

double skip_share(const SearchSpace& space, const Choice& choice) {
  int skippable = 0, skipped = 0;
  const auto is_skip = [](const BlockSpec& block) { return block.kind == BlockKind::skip; };
  for (size_t slot = 0; slot < choice.size(); ++slot) {
    const auto& candidates = space.slots[slot].candidates;
    if (std::none_of(candidates.begin(), candidates.end(), is_skip)) continue;
    ++skippable;
    skipped += is_skip(candidates[static_cast<size_t>(choice[slot])]);
  }
  return skippable > 0 ? static_cast<double>(skipped) / skippable : 0;
}

}  // namespace vpunas
