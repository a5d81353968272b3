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
  double preference = 0;   // sum of u
  std::vector<double> ms;  // by each constraint's table
};

// The k distinct choices of greatest preference that keep every budget and use at least
// `share_floor` of one, best first, exact for times that are rounded up, block by block, to
// budget / 20,000: a dynamic program over (slot, shape behind it), whose states keep the k best
// labels that nothing faster on every device can stand in for. So no choice exceeds a budget by its
// table. (Where that leaves millions of labels, the steps are coarser.) Where nothing lies above
// the floor, the floor is dropped. Empty where nothing fits. Throws Error where a preference is no
// number, or where there are more than `most_budgets`.
inline constexpr size_t most_budgets = 4;
std::vector<ScoredChoice> best_choices(const SearchSpace& space,
                                       const std::vector<Constraint>& constraints,
                                       const PerCandidate& preference, double share_floor, int k);

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

// p = softmax(u - sum_d mu_d * cost_d), with cost_d the gradient of E_d[ms] at p (a candidate's
// marginal time on device d) and mu_d >= 0 the least that make every E_d[ms] <= budget_d: mu_d is 0
// where the others alone keep its budget (each to 1e-9 of itself where several bind). Where widths
// vary, E[ms] may jump with mu, and p is then the side under the budget. Where no mu meets the
// budgets, p is all on a choice that does, or that is the cheapest. Candidates that a device cannot
// run at every width that the slots before can give have probability 0. Throws Error where that
// leaves a slot without any.
struct PricedChoice {
  PerCandidate probability;
  std::vector<double> mu;  // by constraint; preference a millisecond
  std::vector<double> expected_ms;
};
PricedChoice price_choice(const SearchSpace& space, const std::vector<Constraint>& constraints,
                          const PerCandidate& preference);

}  // namespace vpunas
