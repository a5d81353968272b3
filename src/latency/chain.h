// Exact work over the chain of slots: the best choices under a budget, and the expected latency of a distribution.
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

// The k choices of greatest preference with share_floor * budget_ms <= ms <= budget_ms, best first, by a dynamic program over
// (slot, shape behind it) whose states keep non-dominated (ms, preference) labels; times are rounded up to
// budget / 20,000, so no returned choice exceeds the budget by the table. Where nothing lies above the floor, the floor is
// dropped. Empty where nothing fits.
std::vector<ScoredChoice> best_choices(const SearchSpace& space, const LatencyTable& table, const PerCandidate& preference,
                                       double budget_ms, double share_floor, int k);

// E[ms] when slot i independently takes candidate j with probability[i][j], exact over the table also where widths vary
// (shapes form a Markov chain), and its gradient with respect to the probabilities.
struct ExpectedLatency {
  double ms = 0;
  PerCandidate gradient;  // dE/dp[i][j]
};
ExpectedLatency expected_latency(const SearchSpace& space, const LatencyTable& table, const PerCandidate& probability);

// p = softmax(u - mu * cost) with mu >= 0 the least that makes E[ms] <= budget_ms, cost being the gradient of E[ms] at p
// (a candidate's marginal time). mu is 0 where u alone fits.
struct PricedChoice {
  PerCandidate probability;
  double mu = 0;  // preference a millisecond
  double expected_ms = 0;
};
PricedChoice price_choice(const SearchSpace& space, const LatencyTable& table, const PerCandidate& preference,
                          double budget_ms);

}  // namespace vpunas
