// Architecture search under a latency budget: shared weights, a strategy for a sweep of budgets,
// and the networks that keep them.
#pragma once

#include <filesystem>
#include <vector>

#include "search/trained_alone.h"
#include "search/trust.h"

namespace vpunas {

// What the phases of a search cost to compute.
struct SearchCosts {
  ComputeCost supernet, strategy, trained_alone, ranking;
  ComputeCost total() const { return supernet + strategy + trained_alone + ranking; }
};

struct SearchResult {
  FinalSelection selection;        // of the search's own budget; its best network is delivered
  StrategyResult strategy;         // of the same, corrected by networks trained alone
  std::vector<ParetoPoint> front;  // by rising budget; the delivered network is one of them
  std::vector<AloneRound> trained_alone;
  TrustIndicators trust;

  SearchCosts cost;

  const Choice& choice() const { return selection.selected().scored.choice; }
};

// Trains the supernet, runs the strategy for every budget of the sweep (to which the shares of
// config.sweep add where the problem has one budget), delivers a network for each, and ranks them
// by supernet weights on held-out images that no score has seen (as far as there are enough; the
// steps of gates and gumbel draw from all). Test images are not touched. Keeps strategy.json and
// trained_alone*.json in `folder` and continues from them; a resumed search equals an unbroken one.
// Throws Error with ExitCode::budget where nothing in the space fits, before any training where the
// table tells.
SearchResult search(const SearchProblem& problem, Trainer& trainer, const SearchConfig& config,
                    uint64_t seed, const std::filesystem::path& folder, const Work& work);

}  // namespace vpunas
