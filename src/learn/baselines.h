// Searches without preferences: networks within the budget, each judged with inherited weights.
#pragma once

#include <functional>
#include <vector>

#include "learn/held_out.h"
#include "learn/problem.h"

namespace vpunas {

// How a baseline may spend its evaluations, and which networks count: those whose whole latencies
// keep the budgets, and by the tables use at least `floor` of one where such are found.
struct BaselineRecipe {
  Budgets budgets = {};
  double floor = 0;
  int networks = 0;
  uint64_t seed = 0;
};

// Both return the networks evaluated, of least loss first. Throw what `pause` throws.
std::vector<Choice> random_search(const SearchProblem& problem, const BaselineRecipe& recipe,
                                  HeldOut& held_out, const std::function<void()>& pause);

// As SPOS (arXiv:1904.00420, section 3.3 and algorithm 1): four generations; the children of the
// ten best so far, half by mutation (each slot with probability 0.1), half by crossing two.
std::vector<Choice> evolution(const SearchProblem& problem, const BaselineRecipe& recipe,
                              HeldOut& held_out, const std::function<void()>& pause);

}  // namespace vpunas
