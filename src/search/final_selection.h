// From what a strategy found to a network that keeps the budget as a whole.
#pragma once

#include <vector>

#include "search/strategy.h"

namespace vpunas {

struct SelectedNetwork {
  ScoredChoice scored;
  std::vector<Latency> latency;  // as a whole, by device; empty: one cannot run it
  Score score = {};              // by the supernet's weights
};

struct FinalSelection {
  Budgets budgets = {};
  size_t best = 0;                              // the selected one: the first that fits
  std::vector<SelectedNetwork> shortlist = {};  // best first
  const SelectedNetwork& selected() const { return shortlist[best]; }
};

// Estimates the latency of the best canonical choices as whole networks: of best_choices() on alpha
// alone (mu has already acted through the distribution), or of the best ranked networks. Where the
// tables are off by more than 2 % for these networks, or none fits, the tables are corrected by
// what the networks take as a whole and the choice made again. Throws Error with ExitCode::budget,
// saying by how much, where nothing fits.
FinalSelection select_final(const SearchProblem& problem, const StrategyResult& result,
                            const StrategyConfig& config, const Budgets& budgets);

}  // namespace vpunas
