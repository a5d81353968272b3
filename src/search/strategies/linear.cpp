#include <algorithm>

#include "search/linear_predictor.h"
#include "search/sampling.h"
#include "search/strategies/strategies.h"

namespace vpunas::strategies {

// Draws for several budgets come from the same random numbers, so that they have many networks in
// common.
StrategyResult linear(const SearchProblem& problem, const Budgets& budgets,
                      const StrategyConfig& config, uint64_t seed, SupernetEvaluator& evaluator,
                      const std::function<void()>& pause) {
  const std::vector<Choice> networks = draw_near(problem.priced, budgets, config.networks, seed);
  evaluator.evaluate(networks, pause);
  std::vector<double> losses;
  std::vector<int64_t> groups;
  for (const Choice& network : networks) {
    losses.push_back(evaluator[network].loss);
    groups.push_back(evaluator.group_of(network));
  }
  LinearPredictor predictor =
      fit_linear_predictor(problem.priced.space(), networks, losses, groups);
  StrategyResult result{
      .alpha = scaled(std::move(predictor.effect), -1 / std::max(predictor.deviation, 1e-12)),
      .agreement = predictor.agreement};
  distribute(problem.priced, budgets, result);
  return result;
}

}  // namespace vpunas::strategies
