#include "learn/draws.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/error.h"
#include "latency/census.h"

namespace vpunas {

PerCandidate zeros_like(const SearchSpace& space) {
  PerCandidate values;
  for (const Slot& slot : space.slots) values.emplace_back(slot.candidates.size(), 0.0);
  return values;
}

double sum_of(const PerCandidate& values, const Choice& choice) {
  double sum = 0;
  for (size_t slot = 0; slot < choice.size(); ++slot)
    sum += values[slot][static_cast<size_t>(choice[slot])];
  return sum;
}

PerCandidate scaled(PerCandidate values, double factor) {
  for (auto& slot : values) {
    for (double& value : slot) value *= factor;
  }
  return values;
}

int draw_index(const std::vector<double>& weights, Random& random) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (total <= 0) return -1;
  double left = random.uniform() * total;
  int last = -1;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last = static_cast<int>(i);
    left -= weights[i];
    if (left < 0) break;
  }
  return last;
}

std::optional<std::vector<double>> table_ms(const SearchSpace& space,
                                            const std::vector<Constraint>& constraints,
                                            const Choice& choice) {
  const Architecture architecture = choose(space, choice, "");
  std::vector<double> ms;
  try {
    for (const Constraint& constraint : constraints)
      ms.push_back(constraint.table.predict(architecture).ms);
  } catch (const Error&) {
    return std::nullopt;
  }
  return ms;
}

namespace {

// What the slots of networks are drawn from, in turns: the distribution of greatest entropy whose
// mean times keep the budgets; one for each input that the space offers and the budgets allow,
// because the input scales every cost, so that most networks that fit are of the smallest.
std::vector<PerCandidate> distributions(const SearchSpace& space,
                                        const std::vector<Constraint>& constraints) {
  const auto of = [&](const SearchSpace& s) { return price_choice(s, constraints, zeros_like(s)); };
  std::vector<PerCandidate> all;
  const size_t inputs = offers_inputs(space) ? space.slots.front().candidates.size() : 0;
  for (size_t i = 0; i < inputs; ++i) {
    SearchSpace one = space;
    one.slots.front().candidates = {space.slots.front().candidates[i]};
    PricedChoice priced;
    try {
      priced = of(one);
    } catch (const Error&) {
      continue;  // the device cannot run it
    }
    bool fits = true;
    for (size_t d = 0; d < constraints.size(); ++d)
      fits = fits && priced.expected_ms[d] <= constraints[d].budget_ms;
    if (!fits) continue;
    priced.probability.front().assign(inputs, 0);
    priced.probability.front()[i] = 1;
    all.push_back(std::move(priced.probability));
  }
  if (all.empty()) all.push_back(of(space).probability);
  return all;
}

}  // namespace

std::vector<Choice> draw_networks(const SearchSpace& space,
                                  const std::vector<Constraint>& constraints, double low,
                                  double high, int n, uint64_t seed) {
  const std::vector<PerCandidate> probabilities = distributions(space, constraints);
  std::vector<Choice> networks;
  std::set<Choice> seen;
  for (uint64_t attempt = 0; attempt < 1000 * static_cast<uint64_t>(n); ++attempt) {
    Random random({seed, 0xD7A3, attempt});
    Choice choice;
    for (const auto& p : probabilities[attempt % probabilities.size()])
      choice.push_back(draw_index(p, random));
    choice = canonical(space, choice);
    if (!seen.insert(choice).second) continue;
    const auto ms = table_ms(space, constraints, choice);
    if (!ms) continue;
    double share = 0;
    for (size_t d = 0; d < constraints.size(); ++d)
      share = std::max(share, (*ms)[d] / constraints[d].budget_ms);
    if (share < low || share > high) continue;
    networks.push_back(std::move(choice));
    if (static_cast<int>(networks.size()) == n) break;
  }
  return networks;
}

std::vector<Choice> draw_near(const SearchProblem& problem, const Budgets& budgets, int n,
                              uint64_t seed) {
  const SearchSpace& space = problem.deploy_space;
  auto bounds = constraints(problem, budgets);
  for (Constraint& bound : bounds)
    bound.budget_ms = std::min(bound.budget_ms, latency_range(space, bound.table).greatest.ms);
  std::vector<Choice> networks = draw_networks(space, bounds, 0.5, 1.3, n, seed);
  return networks.size() >= 3 ? networks : draw_networks(space, bounds, 0, 1.3, n, seed);
}

bool keeps(const SearchProblem& problem, const Budgets& budgets, const Choice& choice) {
  const auto whole = whole_latency(problem, choice);
  return whole && used_share(*whole, budgets) <= 1;
}

std::vector<Choice> draw_fitting(const SearchProblem& problem, const Budgets& budgets, double floor,
                                 int n, uint64_t seed) {
  const auto tables = constraints(problem, budgets);
  std::vector<Choice> networks;
  const auto add = [&](Choice choice) {
    if (static_cast<int>(networks.size()) < n && keeps(problem, budgets, choice))
      networks.push_back(std::move(choice));
  };
  for (const double least : {floor, 0.0}) {
    for (Choice& choice : draw_networks(problem.deploy_space, tables, least, 1.0, 2 * n, seed))
      add(std::move(choice));
    if (!networks.empty()) return networks;
  }
  const PerCandidate indifferent = zeros_like(problem.deploy_space);
  for (const ScoredChoice& scored :
       best_choices(problem.deploy_space, tables, indifferent, 0, std::min(n, 100)))
    add(canonical(problem.deploy_space, scored.choice));
  return networks;
}

}  // namespace vpunas
