// Signs of whether a search's choice can be trusted.
#pragma once

#include <string>
#include <vector>

#include "search/config.h"
#include "search/pareto.h"

namespace vpunas {

struct TrustIndicators {
  double entropy = 0;                      // mean_entropy() of the probabilities, 1: uniform
  double skip_share = 0;                   // of the chosen slots that could be skipped
  double agreement = 0;                    // StrategyResult::agreement
  double pareto_agreement = 0;             // along the front
  std::vector<std::string> warnings = {};  // of a collapse, and where little was learned
};

// `result` is the search's own; `corrected` where networks trained alone corrected it.
TrustIndicators trust(const SearchSpace& space, const SearchConfig& config, const Choice& choice,
                      const StrategyResult& result, const std::vector<ParetoPoint>& front,
                      bool corrected);

// Share of skips among the slots that can be skipped, 0 where none can.
double skip_share(const SearchSpace& space, const Choice& choice);

}  // namespace vpunas
