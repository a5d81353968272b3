// Distributions over the networks of a space that draw every slot on its own: what they cost on
// average, and the one that architecture parameters mean under budgets.
#pragma once

#include <vector>

#include "search/per_candidate.h"
#include "search/priced_space.h"

namespace vpunas {

// E[cost] on device `d` when slot i independently takes candidate j with probability[i][j], exact
// over the table also where widths vary (shapes form a Markov chain), and its gradient with respect
// to the probabilities. A candidate that the device cannot run where the others lead has an
// infinite gradient, and makes E infinite unless its probability is 0.
struct ExpectedCost {
  double value = 0;
  PerCandidate gradient;  // dE/dp[i][j]
};
ExpectedCost expected_cost(const PricedSpace& priced, size_t d, const PerCandidate& probability);

// p = softmax(alpha - sum_d mu_d * cost_d), with cost_d the gradient of E_d[cost] at p (a
// candidate's marginal cost on device d) and mu_d >= 0 the least that make every E_d[cost] <=
// budget_d: mu_d is 0 where the others alone keep its budget (each to 1e-9 of itself where several
// bind). These are the Lagrange multipliers of the budgets in
//   maximise  sum_ij p_ij alpha_ij + entropy(p)  subject to  E_d[cost] <= budget_d.
// Where widths vary, E[cost] may jump with mu, and p is then the side under the budget. Where no mu
// meets the budgets, p is all on a choice that does, or that is the cheapest. Candidates that a
// device cannot run at every width that the slots before can give have probability 0. Throws Error
// where that leaves a slot without any.
struct BudgetedDistribution {
  PerCandidate probability;
  std::vector<double> mu;             // by device; alpha a unit of cost
  std::vector<double> expected_cost;  // by device
};
BudgetedDistribution distribution_within(const PricedSpace& priced, const Budgets& budgets,
                                         const PerCandidate& alpha);

}  // namespace vpunas
