#include "learn/baselines.h"

#include <algorithm>
#include <set>

#include "learn/paths.h"

namespace vpunas {
namespace {

void sort_by_loss(std::vector<Choice>& networks, const HeldOut& held_out) {
  std::sort(networks.begin(), networks.end(), [&](const Choice& a, const Choice& b) {
    const double of_a = held_out[a].loss, of_b = held_out[b].loss;
    return of_a != of_b ? of_a < of_b : a < b;
  });
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
      child[slot] =
          static_cast<int>(random.below(static_cast<int64_t>(space.slots[slot].candidates.size())));
    }
  }
  return canonical(space, child);
}

}  // namespace

std::vector<Choice> random_search(const SearchProblem& problem, const BaselineRecipe& recipe,
                                  HeldOut& held_out, const std::function<void()>& pause) {
  std::vector<Choice> networks =
      draw_fitting(problem, recipe.budgets, recipe.floor, recipe.networks, recipe.seed);
  held_out.evaluate(networks, pause);
  sort_by_loss(networks, held_out);
  return networks;
}

std::vector<Choice> evolution(const SearchProblem& problem, const BaselineRecipe& recipe,
                              HeldOut& held_out, const std::function<void()>& pause) {
  constexpr int generations = 4;
  constexpr size_t parents = 10;
  const int children = std::max(1, recipe.networks / generations);
  std::vector<Choice> networks =
      draw_fitting(problem, recipe.budgets, recipe.floor, children, recipe.seed);
  held_out.evaluate(networks, pause);
  sort_by_loss(networks, held_out);
  const auto tables = constraints(problem, recipe.budgets);
  const auto above_floor = [&](const Choice& choice) {
    const auto ms = table_ms(problem.deploy_space, tables, choice);
    return ms && used_share(*ms, recipe.budgets) >= recipe.floor;
  };
  const bool has_floor = std::ranges::all_of(networks, above_floor);
  std::set<Choice> seen(networks.begin(), networks.end());
  for (uint64_t generation = 1; generation < generations && !networks.empty(); ++generation) {
    const std::vector<Choice> best(
        networks.begin(),
        networks.begin() + static_cast<ptrdiff_t>(std::min(parents, networks.size())));
    std::vector<Choice> born;
    for (uint64_t attempt = 0;
         static_cast<int>(born.size()) < children && attempt < 200ULL * children; ++attempt) {
      Random random({recipe.seed, 0xE701, generation, attempt});
      Choice child = child_of(best, problem.deploy_space, attempt % 2 == 1, random);
      if (seen.contains(child) || (has_floor && !above_floor(child)) ||
          !keeps(problem, recipe.budgets, child))
        continue;
      seen.insert(child);
      born.push_back(std::move(child));
    }
    held_out.evaluate(born, pause);
    networks.insert(networks.end(), born.begin(), born.end());
    sort_by_loss(networks, held_out);
  }
  return networks;
}

}  // namespace vpunas
