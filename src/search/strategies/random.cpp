#include <algorithm>

#include "search/sampling.h"
#include "search/strategies/strategies.h"

namespace vpunas::strategies {

void sort_by_loss(std::vector<Choice>& networks, const SupernetEvaluator& evaluator) {
  std::ranges::sort(networks, {}, [&](const Choice& network) {
    return std::pair(evaluator[network].loss, network);
  });
}

StrategyResult ranking(const SearchProblem& problem, const Budgets& budgets,
                       std::vector<Choice> networks, const SupernetEvaluator& evaluator) {
  sort_by_loss(networks, evaluator);
  StrategyResult result{.probability = zeros_like(problem.priced.space()),
                        .mu = Budgets(budgets.size(), 0.0),
                        .expected_cost = Budgets(budgets.size(), 0.0)};
  for (const Choice& network : networks)
    result.ranked.push_back({network, -evaluator[network].loss, *problem.priced.costs(network)});
  const size_t best = std::min<size_t>(10, networks.size());
  const double share = 1.0 / static_cast<double>(best);
  for (size_t i = 0; i < best; ++i) {
    for (size_t slot = 0; slot < networks[i].size(); ++slot)
      result.probability[slot][static_cast<size_t>(networks[i][slot])] += share;
    for (size_t d = 0; d < budgets.size(); ++d)
      result.expected_cost[d] += share * result.ranked[i].costs[d];
  }
  return result;
}

StrategyResult random(const SearchProblem& problem, const Budgets& budgets,
                      const StrategyConfig& config, uint64_t seed, SupernetEvaluator& evaluator,
                      const std::function<void()>& pause) {
  std::vector<Choice> networks =
      draw_fitting(problem, budgets, config.budget_floor, config.networks, seed);
  evaluator.evaluate(networks, pause);
  return ranking(problem, budgets, std::move(networks), evaluator);
}

}  // namespace vpunas::strategies
