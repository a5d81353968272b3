#include "search/sampling.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "search/distribution.h"
#include "search/feasibility.h"
#include "search/optimizer.h"

namespace vpunas {
namespace {

// What the slots of networks are drawn from, in turns: the distribution of greatest entropy whose
// mean costs keep the budgets; one for each input that the space offers and the budgets allow,
// because the input scales every cost, so that most networks that fit are of the smallest.
std::vector<PerCandidate> distributions(const PricedSpace& priced, const Budgets& budgets) {
  const SearchSpace& space = priced.space();
  std::vector<PerCandidate> all;
  const size_t inputs = offers_inputs(space) ? space.slots.front().size() : 0;
  for (size_t i = 0; i < inputs; ++i) {
    SearchSpace one = space;
    one.slots.front().input_sizes = {space.slots.front().input_sizes[i]};
    BudgetedDistribution of_input;
    try {
      const PricedSpace with_one(one, priced.tables());
      of_input = distribution_within(with_one, budgets, zeros_like(one));
    } catch (const Error&) {
      continue;  // a device cannot run it
    }
    bool fits = true;
    for (size_t d = 0; d < budgets.size(); ++d)
      fits = fits && of_input.expected_cost[d] <= budgets[d];
    if (!fits) continue;
    of_input.probability.front().assign(inputs, 0);
    of_input.probability.front()[i] = 1;
    all.push_back(std::move(of_input.probability));
  }
  if (all.empty())
    all.push_back(distribution_within(priced, budgets, zeros_like(space)).probability);
  return all;
}

}  // namespace

std::vector<Choice> draw_networks(const PricedSpace& priced, const Budgets& budgets, double low,
                                  double high, int n, uint64_t seed) {
  const std::vector<PerCandidate> probabilities = distributions(priced, budgets);
  std::vector<Choice> networks;
  std::set<Choice> seen;
  for (uint64_t attempt = 0; attempt < 1000 * static_cast<uint64_t>(n); ++attempt) {
    Random random({seed, 0xD7A3, attempt});
    Choice choice;
    for (const auto& p : probabilities[attempt % probabilities.size()])
      choice.push_back(draw_index(p, random));
    choice = canonical(priced.space(), choice);
    if (!seen.insert(choice).second) continue;
    const auto costs = priced.costs(choice);
    if (!costs) continue;
    const double share = used_share(*costs, budgets);
    if (share < low || share > high) continue;
    networks.push_back(std::move(choice));
    if (static_cast<int>(networks.size()) == n) break;
  }
  return networks;
}

std::vector<Choice> draw_near(const PricedSpace& priced, const Budgets& budgets, int n,
                              uint64_t seed) {
  Budgets bounds = budgets;
  for (size_t d = 0; d < bounds.size(); ++d)
    bounds[d] = std::min(bounds[d], latency_range(priced, d).greatest.ms);
  std::vector<Choice> networks = draw_networks(priced, bounds, 0.5, 1.3, n, seed);
  return networks.size() >= 3 ? networks : draw_networks(priced, bounds, 0, 1.3, n, seed);
}

std::vector<Choice> draw_fitting(const SearchProblem& problem, const Budgets& budgets, double floor,
                                 int n, uint64_t seed) {
  std::vector<Choice> networks;
  const auto add = [&](Choice choice) {
    if (static_cast<int>(networks.size()) < n && keeps(problem, budgets, choice))
      networks.push_back(std::move(choice));
  };
  for (const double least : {floor, 0.0}) {
    for (Choice& choice : draw_networks(problem.priced, budgets, least, 1.0, 2 * n, seed))
      add(std::move(choice));
    if (!networks.empty()) return networks;
  }
  const SearchSpace& space = problem.priced.space();
  const PerCandidate indifferent = zeros_like(space);
  for (const ScoredChoice& scored :
       best_choices(problem.priced, budgets, indifferent, 0, std::min(n, 100)))
    add(canonical(space, scored.choice));
  return networks;
}

}  // namespace vpunas
