#include <algorithm>
#include <set>

#include "search/sampling.h"
#include "search/strategies/strategies.h"

namespace vpunas::strategies {
namespace {

constexpr int kGenerations = 4;
constexpr size_t kParents = 10;

std::vector<Choice> best_of(std::vector<Choice> networks, const SupernetEvaluator& evaluator) {
  sort_by_loss(networks, evaluator);
  networks.resize(std::min(kParents, networks.size()));
  return networks;
}

Choice child_of(const std::vector<Choice>& parents, const SearchSpace& space, bool cross,
                Random& random) {
  const auto pick = [&] {
    return parents[static_cast<size_t>(random.below(static_cast<int64_t>(parents.size())))];
  };
  Choice child = pick();
  const Choice mate = cross ? pick() : Choice{};
  for (size_t slot = 0; slot < child.size(); ++slot) {
    if (cross) {
      if (random.uniform() < 0.5) child[slot] = mate[slot];
    } else if (random.uniform() < 0.1) {
      child[slot] = static_cast<int>(random.below(static_cast<int64_t>(space.slots[slot].size())));
    }
  }
  return canonical(space, child);
}

}  // namespace

StrategyResult evolution(const SearchProblem& problem, const Budgets& budgets,
                         const StrategyConfig& config, uint64_t seed, SupernetEvaluator& evaluator,
                         const std::function<void()>& pause) {
  const PricedSpace& priced = problem.priced;
  const int children = std::max(1, config.networks / kGenerations);
  std::vector<Choice> networks =
      draw_fitting(problem, budgets, config.budget_floor, children, seed);
  evaluator.evaluate(networks, pause);
  const auto above_floor = [&](const Choice& choice) {
    const auto costs = priced.costs(choice);
    return costs && used_share(*costs, budgets) >= config.budget_floor;
  };
  const bool has_floor = std::ranges::all_of(networks, above_floor);
  std::set<Choice> seen(networks.begin(), networks.end());
  for (uint64_t generation = 1; generation < kGenerations && !networks.empty(); ++generation) {
    const std::vector<Choice> parents = best_of(networks, evaluator);
    std::vector<Choice> born;
    for (uint64_t attempt = 0;
         static_cast<int>(born.size()) < children && attempt < 200ULL * children; ++attempt) {
      Random random({seed, 0xE701, generation, attempt});
      Choice child = child_of(parents, priced.space(), attempt % 2 == 1, random);
      if (seen.contains(child) || (has_floor && !above_floor(child)) ||
          !keeps(problem, budgets, child))
        continue;
      seen.insert(child);
      born.push_back(std::move(child));
    }
    evaluator.evaluate(born, pause);
    networks.insert(networks.end(), born.begin(), born.end());
  }
  return ranking(problem, budgets, std::move(networks), evaluator);
}

}  // namespace vpunas::strategies
