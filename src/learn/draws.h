// Random networks of a space, within budgets. Without torch.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/random.h"
#include "latency/chain.h"
#include "learn/problem.h"

namespace vpunas {

PerCandidate zeros_like(const SearchSpace& space);

// Sum over the slots of the chosen candidates' values.
double sum_of(const PerCandidate& values, const Choice& choice);

// Every value times `factor`.
PerCandidate scaled(PerCandidate values, double factor);

// An index drawn with `weights`, which need not sum to 1; -1 where all are 0.
int draw_index(const std::vector<double>& weights, Random& random);

// By each table; nullopt where one lacks a block.
std::optional<std::vector<double>> table_ms(const SearchSpace& space,
                                            const std::vector<Constraint>& constraints,
                                            const Choice& choice);

// At most n distinct canonical networks whose greatest share of a budget is from low to high by the
// tables, slots drawn independently from the distribution of greatest entropy whose mean times keep
// the budgets; where the space offers inputs, about as many of each that the budgets allow.
std::vector<Choice> draw_networks(const SearchSpace& space,
                                  const std::vector<Constraint>& constraints, double low,
                                  double high, int n, uint64_t seed);

// Networks of 0.5 to 1.3 times the budgets by the tables, of all that cost less where there are not
// three of these. A budget above the dearest network counts as that network's price.
std::vector<Choice> draw_near(const SearchProblem& problem, const Budgets& budgets, int n,
                              uint64_t seed);

// By the prices of the whole network: is it within every budget?
bool keeps(const SearchProblem& problem, const Budgets& budgets, const Choice& choice);

// Distinct networks that keep the budgets, up to n: drawn above `floor` of one, else below it, else
// what the exact choice finds.
std::vector<Choice> draw_fitting(const SearchProblem& problem, const Budgets& budgets, double floor,
                                 int n, uint64_t seed);

}  // namespace vpunas
