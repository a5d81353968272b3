// Exact work over the chain of slots: the best choices under a budget, and the expected latency of
// a distribution.
#pragma once

#include <vector>

#include "arch/space.h"
#include "latency/table.h"

namespace vpunas {

// Per slot and candidate: a preference u (higher is better), a cost, a probability, a gradient...
using PerCandidate = std::vector<std::vector<double>>;

struct ScoredChoice {
  Choice choice;
  double preference = 0;  // sum of u
  double ms = 0;          // by the table
};

// The k distinct choices of greatest preference with share_floor * budget_ms <= ms <= budget_ms,
// best first, exact for times that are rounded up, block by block, to budget / 20,000: a dynamic
// program over (slot, shape behind it), whose states keep for every time the k best labels that
// nothing faster can stand in for. So no choice exceeds the budget by the table. Where nothing lies
// above the floor, the floor is dropped. Empty where nothing fits. Throws Error where a preference
// is no number.
std::vector<ScoredChoice> best_choices(const SearchSpace& space, const LatencyTable& table,
                                       const PerCandidate& preference, double budget_ms,
                                       double share_floor, int k);

// E[ms] when slot i independently takes candidate j with probability[i][j], exact over the table
// also where widths vary (shapes form a Markov chain), and its gradient with respect to the
// probabilities. A candidate that the device cannot run where the others lead has an infinite
// gradient, and makes E infinite unless its probability is 0.
struct ExpectedLatency {
  double ms = 0;
  PerCandidate gradient;  // dE/dp[i][j]
};
ExpectedLatency expected_latency(const SearchSpace& space, const LatencyTable& table,
                                 const PerCandidate& probability);

// p = softmax(u - mu * cost) with mu >= 0 the least that makes E[ms] <= budget_ms, cost being the
// gradient of E[ms] at p (a candidate's marginal time). mu is 0 where u alone fits. Where widths
// vary, E[ms] may jump with mu, and p is then the side under the budget. Where no mu meets the
// budget, p is all on the cheapest choice. Candidates that the device cannot run at every width
// that the slots before can give have probability 0. Throws Error where that leaves a slot without
// any.
struct PricedChoice {
  PerCandidate probability;
  double mu = 0;  // preference a millisecond
  double expected_ms = 0;
};
PricedChoice price_choice(const SearchSpace& space, const LatencyTable& table,
                          const PerCandidate& preference, double budget_ms);

}  // namespace vpunas
