// Random networks of a space, within budgets.
#pragma once

#include <cstdint>
#include <vector>

#include "search/per_candidate.h"
#include "search/problem.h"

namespace vpunas {

// At most n distinct canonical networks whose greatest share of a budget is from `low` to `high` by
// the tables, slots drawn independently from the distribution of greatest entropy whose mean costs
// keep the budgets; where the space offers inputs, about as many of each that the budgets allow.
std::vector<Choice> draw_networks(const PricedSpace& priced, const Budgets& budgets, double low,
                                  double high, int n, uint64_t seed);

// Networks of 0.5 to 1.3 times the budgets by the tables, of all that cost less where there are not
// three of these. A budget above the dearest network counts as that network's cost.
std::vector<Choice> draw_near(const PricedSpace& priced, const Budgets& budgets, int n,
                              uint64_t seed);

// Distinct networks that keep the budgets as a whole, up to n: drawn above `floor` of one, else
// below it, else what the optimizer finds.
std::vector<Choice> draw_fitting(const SearchProblem& problem, const Budgets& budgets, double floor,
                                 int n, uint64_t seed);

}  // namespace vpunas
