// From what a search prefers to a network that keeps the budget as a whole.
#pragma once

#include <vector>

#include "learn/problem.h"
#include "learn/search_config.h"

namespace vpunas {

struct CandidateNetwork {
  ScoredChoice scored;
  std::vector<Latency> latency;   // as a whole, by device; empty: one cannot run it
  double loss = 0, accuracy = 0;  // with inherited weights on held-out images
};

struct Delivery {
  Budgets budgets = {};
  size_t best = 0;  // the delivered one of `candidates`: the first that fits
  std::vector<CandidateNetwork> candidates = {};  // best first
  const CandidateNetwork& delivered() const { return candidates[best]; }
};

// Prices the best canonical choices as whole networks: those of best_choices() on u alone (mu has
// already acted through the gradient), or the best ranked networks. Where the tables are off by
// more than 2 % for these networks, or none fits, the tables are corrected by what the networks
// take as a whole and the choice made again. Throws Error with ExitCode::budget, saying by how
// much, where nothing fits.
Delivery deliver(const SearchProblem& problem, const Chosen& chosen, const ChoosingConfig& config,
                 const Budgets& budgets);

// Share of skips among the slots that can be skipped, 0 where none can.
double skip_share(const SearchSpace& space, const Choice& choice);

}  // namespace vpunas
