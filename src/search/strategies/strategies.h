// The algorithms that search.algorithm names, one file each.
#pragma once

#include <functional>

#include "search/strategy.h"

namespace vpunas::strategies {

// What those that score whole networks share: `pause` is called between evaluations and may throw.
using ByEvaluation = StrategyResult(const SearchProblem& problem, const Budgets& budgets,
                                    const StrategyConfig& config, uint64_t seed,
                                    SupernetEvaluator& evaluator,
                                    const std::function<void()>& pause);

// Networks of 0.5 to 1.3 times the budget are scored, and alpha is what their losses say of each
// candidate, in units of its standard error. This is the natural gradient of the expected loss at
// the distribution that the networks are drawn from, without gradients through the weights.
ByEvaluation linear;

// Networks whose costs as a whole keep the budgets, and by the tables use at least the floor's
// share of one where such are found: the best of them.
ByEvaluation random;

// As SPOS (arXiv:1904.00420, section 3.3 and algorithm 1): four generations; the children of the
// ten best so far, half by mutation (each slot with probability 0.1), half by crossing two.
ByEvaluation evolution;

// The best first: of least loss, of equal loss by their choices.
void sort_by_loss(std::vector<Choice>& networks, const SupernetEvaluator& evaluator);

// What `networks`, which are scored, say without architecture parameters: their order, and the
// shares of candidates among the ten best.
StrategyResult ranking(const SearchProblem& problem, const Budgets& budgets,
                       std::vector<Choice> networks, const SupernetEvaluator& evaluator);

// gates, gumbel: gradient descent on the architecture parameters through a supernet whose weights
// are frozen. Steps on distribution_within() the budgets; two paths a step and a batch of held-out
// images. All architecture parameters share one rate, arch_lr over the root mean square of all
// gradients: a rate for each, as Adam's, would level the differences that the choice weighs against
// cost. Returns alpha averaged over the second half of the steps. `pause` is called before each
// step and may throw; `state` then continues.
StrategyResult gradient(const SearchProblem& problem, const Budgets& budgets,
                        TrainedSupernet& supernet, const StrategyConfig& config, uint64_t seed,
                        GradientState& state, const std::function<void()>& pause, const Work& work);

}  // namespace vpunas::strategies
