#include "search/final_selection.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/statistics.h"
#include "base/text.h"

namespace vpunas {
namespace {

// The k best by the tables. A network with several names counts by its canonical one, which is the
// one whose architecture parameters were learned; so some more names are asked for.
std::vector<ScoredChoice> best_by_table(const PricedSpace& priced, const StrategyResult& result,
                                        const StrategyConfig& config, const Budgets& budgets) {
  const auto k = static_cast<size_t>(config.shortlist);
  std::vector<ScoredChoice> best;
  if (result.alpha.empty()) {
    for (const ScoredChoice& ranked : result.ranked) {
      if (best.size() < k && used_share(ranked.costs, budgets) <= 1) best.push_back(ranked);
    }
    return best;
  }
  for (ScoredChoice& scored :
       best_choices(priced, budgets, result.alpha, config.budget_floor, 3 * config.shortlist)) {
    scored.choice = canonical(priced.space(), scored.choice);
    scored.value = sum_of(result.alpha, scored.choice);
    if (std::none_of(best.begin(), best.end(),
                     [&](const ScoredChoice& other) { return other.choice == scored.choice; }))
      best.push_back(std::move(scored));
  }
  std::stable_sort(best.begin(), best.end(),
                   [](const ScoredChoice& a, const ScoredChoice& b) { return a.value > b.value; });
  if (best.size() > k) best.resize(k);
  return best;
}

[[noreturn]] void fail_budget(const PricedSpace& priced, const Budgets& budgets,
                              const std::vector<Latency>& nearest) {
  std::string misses;
  for (size_t d = 0; d < nearest.size(); ++d) {
    const std::string& device = priced.device(d);
    misses += cat(d == 0 ? "" : ", ", device, " ", fixed(nearest[d].ms, 3), " of ",
                  fixed(budgets[d], 3), " ", unit_of(device));
  }
  throw Error(
      cat("search: no network of space ", priced.space().name,
          " keeps the budget as a whole, though the table says so (",
          misses.empty() ? "the device runs none of those chosen" : "the nearest takes " + misses,
          "); raise the budget or make the table again"),
      ExitCode::budget);
}

// By how much networks take longer as a whole than the table says, on each device: the median.
std::vector<double> table_errors(const std::vector<SelectedNetwork>& shortlist, size_t devices) {
  std::vector<double> errors;
  for (size_t d = 0; d < devices; ++d) {
    std::vector<double> ratios;
    for (const SelectedNetwork& network : shortlist) {
      if (!network.latency.empty() && network.scored.costs[d] > 0)
        ratios.push_back(network.latency[d].ms / network.scored.costs[d]);
    }
    errors.push_back(ratios.empty() ? 1 : median(std::move(ratios)));
  }
  return errors;
}

}  // namespace

FinalSelection select_final(const SearchProblem& problem, const StrategyResult& result,
                            const StrategyConfig& config, const Budgets& budgets) {
  constexpr int kRounds = 8;
  constexpr double kNear = 0.02;  // a correction that is not worth another round
  Budgets by_table = budgets;
  std::vector<Latency> nearest;
  std::optional<FinalSelection> fitting;
  for (int round = 0; round < kRounds; ++round) {
    FinalSelection selection{.budgets = budgets};
    nearest.clear();
    for (ScoredChoice& scored : best_by_table(problem.priced, result, config, by_table)) {
      const auto whole = whole_costs(problem, scored.choice);
      selection.shortlist.push_back({std::move(scored), whole.value_or(std::vector<Latency>{})});
      if (!whole) continue;
      if (nearest.empty() || used_share(*whole, budgets) < used_share(nearest, budgets))
        nearest = *whole;
    }
    const auto fits = std::find_if(
        selection.shortlist.begin(), selection.shortlist.end(), [&](const SelectedNetwork& n) {
          return !n.latency.empty() && used_share(n.latency, budgets) <= 1;
        });
    const bool fit = fits != selection.shortlist.end();
    if (fit) {
      selection.best = static_cast<size_t>(fits - selection.shortlist.begin());
      if (!fitting || selection.selected().scored.value >= fitting->selected().scored.value)
        fitting = selection;
    }
    if (nearest.empty()) break;
    // What the table allows follows the whole networks, both ways.
    const std::vector<double> errors = table_errors(selection.shortlist, budgets.size());
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
  fail_budget(problem.priced, budgets, nearest);
}

}  // namespace vpunas
