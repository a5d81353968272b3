#include "search/optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "base/error.h"
#include "search/distribution.h"
#include "search/feasibility.h"
#include "tests/latency/small_spaces.h"
#include "tests/search/constraints.h"

namespace vpunas {
namespace {

using test::all_choices;
using test::budgets_of;
using test::Constraint;
using test::Constraints;
using test::costs;
using test::drop_some_blocks;
using test::priced_by;
using test::random_space;
using test::random_space_of_inputs;
using test::random_table;
using test::total;

PerCandidate random_values(const SearchSpace& space, Random& random, double scale) {
  PerCandidate values;
  for (const Slot& slot : space.slots) {
    auto& row = values.emplace_back();
    for (size_t j = 0; j < slot.size(); ++j) row.push_back(scale * random.normal());
  }
  return values;
}

PerCandidate random_probability(const SearchSpace& space, Random& random) {
  PerCandidate p = random_values(space, random, 1);
  for (auto& row : p) {
    double sum = 0;
    for (double& x : row) sum += x = std::exp(x);
    for (double& x : row) x /= sum;
  }
  return p;
}

double probability_of(const PerCandidate& p, const Choice& choice) {
  double product = 1;
  for (size_t i = 0; i < choice.size(); ++i) product *= p[i][choice[i]];
  return product;
}

// Every choice that all tables can price, with the costs of its parts by table.
struct Priced {
  Choice choice;
  std::vector<std::vector<double>> ms;
};
std::vector<Priced> priced_choices(const SearchSpace& space, const Constraints& constraints) {
  std::vector<Priced> all;
  for (const Choice& choice : all_choices(space)) {
    Priced priced{choice, {}};
    for (const Constraint& c : constraints) priced.ms.push_back(costs(space, c.table, choice));
    if (std::none_of(priced.ms.begin(), priced.ms.end(), [](const auto& ms) { return ms.empty(); }))
      all.push_back(std::move(priced));
  }
  return all;
}

// The values that best_choices promises, by enumeration.
std::vector<double> brute_force(const std::vector<Priced>& priced, const Constraints& constraints,
                                const PerCandidate& u, double floor, size_t k) {
  std::vector<double> found;
  for (const auto& [choice, ms] : priced) {
    double most = 0;
    for (size_t d = 0; d < ms.size(); ++d) {
      double units = 0;
      for (const double cost : ms[d]) units += std::ceil(cost * (20'000 / constraints[d].budget));
      most = std::max(most, units);
    }
    if (most <= 20'000 && most >= floor * 20'000) found.push_back(sum_of(u, choice));
  }
  if (found.empty() && floor > 0) return brute_force(priced, constraints, u, 0, k);
  std::sort(found.rbegin(), found.rend());
  if (found.size() > k) found.resize(k);
  return found;
}

Constraints random_constraints(const SearchSpace& space, Random& random, size_t devices) {
  Constraints constraints;
  for (size_t d = 0; d < devices; ++d) constraints.push_back({random_table(space, random), 0});
  return constraints;
}

// Around the costs of some network, so that budgets are tight, loose or cannot be met.
void set_budgets(Constraints& constraints, const Priced& around, Random& random) {
  for (size_t d = 0; d < constraints.size(); ++d)
    constraints[d].budget = total(around.ms[d]) * (0.7 + 0.6 * random.uniform());
}

void compare_with_brute_force(uint64_t seed, size_t devices, bool drop_blocks) {
  Random random{seed};
  const SearchSpace space = random_space_of_inputs(random);
  Constraints constraints = random_constraints(space, random, devices);
  if (drop_blocks) {
    for (Constraint& c : constraints) drop_some_blocks(c.table, random);
  }
  for (Constraint& c : constraints) c.budget = 1;
  const auto priced = priced_choices(space, constraints);
  const PerCandidate u = random_values(space, random, 1);
  if (priced.empty()) {
    EXPECT_THROW(priced_by(space, constraints), Error);
    return;
  }
  set_budgets(constraints, priced[random.below(static_cast<int64_t>(priced.size()))], random);
  const double floor = random.below(3) == 0 ? 0 : 0.7 + 0.3 * random.uniform();
  const int k = 1 + static_cast<int>(random.below(12));

  const auto best =
      best_choices(priced_by(space, constraints), budgets_of(constraints), u, floor, k);
  const auto expected = brute_force(priced, constraints, u, floor, static_cast<size_t>(k));
  if (!(expected.empty() && best.size() == 1)) {  // the cheapest, which only rounding kept out
    ASSERT_EQ(best.size(), expected.size());
  }
  std::set<Choice> distinct;
  for (size_t i = 0; i < best.size(); ++i) {
    if (!expected.empty()) {
      EXPECT_NEAR(best[i].value, expected[i], 1e-9);
    }
    EXPECT_NEAR(best[i].value, sum_of(u, best[i].choice), 1e-9);
    for (size_t d = 0; d < devices; ++d) {
      EXPECT_NEAR(best[i].costs[d], total(costs(space, constraints[d].table, best[i].choice)),
                  1e-9);
      EXPECT_LE(best[i].costs[d], constraints[d].budget);
    }
    distinct.insert(best[i].choice);
  }
  EXPECT_EQ(distinct.size(), best.size());
}

TEST(BestChoices, AreThoseOfBruteForceOnRandomSpaces) {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    compare_with_brute_force(seed, 1, false);
  }
}

TEST(BestChoices, AreThoseOfBruteForceUnderSeveralBudgets) {
  for (uint64_t seed = 2000; seed < 2150; ++seed) {
    SCOPED_TRACE(seed);
    compare_with_brute_force(seed, 2 + seed % 3, false);
  }
}

TEST(BestChoices, AreThoseOfBruteForceWhereADeviceCannotRunSomeBlocks) {
  for (uint64_t seed = 1000; seed < 1100; ++seed) {
    SCOPED_TRACE(seed);
    compare_with_brute_force(seed, 1 + seed % 2, true);
  }
}

// One slot a decision, a fixed width, costs as given.
struct Ladder {
  SearchSpace space;
  LatencyTable table;
  PricedSpace priced() const { return {space, {table}}; }
};
Ladder ladder(const std::vector<std::vector<double>>& ms) {
  Ladder made;
  made.space.name = "ladder";
  made.space.input = {3, 32, 32};
  made.space.stem.channels = 8;
  const Shape shape = stem_shape(made.space.stem, made.space.input);
  for (size_t i = 0; i < ms.size(); ++i) {
    Slot& slot = made.space.slots.emplace_back();
    for (size_t j = 0; j < ms[i].size(); ++j) {
      // Distinct blocks, told apart by their expansion.
      slot.candidates.push_back(
          {.expansion = static_cast<double>(1 + 10 * i + j), .out_channels = 8});
      made.table.blocks[{slot.candidates.back(), shape}] = {ms[i][j], ms[i][j], ms[i][j]};
    }
  }
  made.table.ends[shape] = {};
  return made;
}

TEST(BestChoices, KeepToTheFloorAndDropItOnlyWhereNothingLiesAbove) {
  const Ladder l = ladder({{1, 4}, {1, 4}});
  const PerCandidate cheap_is_better = {{1, 0}, {1, 0}};
  EXPECT_EQ(best_choices(l.priced(), {10}, cheap_is_better, 0, 1).at(0).choice, (Choice{0, 0}));
  EXPECT_NEAR(best_choices(l.priced(), {10}, cheap_is_better, 0.45, 1).at(0).costs[0], 5, 1e-12);
  EXPECT_EQ(best_choices(l.priced(), {10}, cheap_is_better, 0.75, 5).size(), 1u);
  EXPECT_EQ(best_choices(l.priced(), {10}, cheap_is_better, 0.9, 5).size(), 4u);
}

TEST(BestChoices, NothingFitsATooSmallBudget) {
  const Ladder l = ladder({{1, 4}, {1, 4}});
  const PerCandidate u = {{0, 1}, {0, 1}};
  EXPECT_TRUE(best_choices(l.priced(), {1.99}, u, 0.88, 5).empty());
  EXPECT_TRUE(best_choices(l.priced(), {0}, u, 0.88, 5).empty());
  EXPECT_TRUE(best_choices(l.priced(), {-1}, u, 0.88, 5).empty());
  EXPECT_TRUE(best_choices(l.priced(), {10}, u, 0.88, 0).empty());
}

TEST(BestChoices, CheapestChoiceFitsABudgetOfExactlyItsCost) {
  const Ladder l = ladder({{1.0 / 3, 4}, {1.0 / 7, 4}});
  const double budget = 1.0 / 3 + 1.0 / 7;
  const auto best = best_choices(l.priced(), {budget}, {{0, 1}, {0, 1}}, 0.88, 5);
  ASSERT_EQ(best.size(), 1u);
  EXPECT_EQ(best[0].choice, (Choice{0, 0}));
}

TEST(BestChoices, AValueThatIsNoNumberNamesItsPlace) {
  const Ladder l = ladder({{1, 4}, {1, 4}});
  try {
    best_choices(l.priced(), {10}, {{0, 1}, {0, NAN}}, 0, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("slot 1, candidate 1"), std::string::npos)
        << error.what();
  }
}

std::vector<std::vector<double>> random_costs(Random& random, size_t slots) {
  std::vector<std::vector<double>> ms(slots);
  for (auto& row : ms) {
    for (int j = 0; j < 9; ++j) row.push_back(0.1 + random.uniform());
  }
  return ms;
}

TEST(BestChoices, AreFoundInALargeSpace) {
  Random random{5};
  const Ladder l = ladder(random_costs(random, 22));
  const PerCandidate u = random_values(l.space, random, 1);
  EXPECT_EQ(best_choices(l.priced(), {9}, u, 0.88, 10).size(), 10u);
}

TEST(BestChoices, AreFoundInALargeSpaceUnderTwoBudgets) {
  Random random{6};
  const Ladder l = ladder(random_costs(random, 16));
  const PerCandidate u = random_values(l.space, random, 1);
  const Constraints constraints = {{l.table, 7}, {ladder(random_costs(random, 16)).table, 7}};
  EXPECT_EQ(
      best_choices(priced_by(l.space, constraints), budgets_of(constraints), u, 0.88, 10).size(),
      10u);
}

TEST(ExpectedCost, IsTheMeanOverAllChoices) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random{seed};
    const SearchSpace space = random_space_of_inputs(random);
    const LatencyTable table = random_table(space, random);
    const PerCandidate p = random_probability(space, random);
    double mean = 0;
    for (const Choice& choice : all_choices(space))
      mean += probability_of(p, choice) * total(costs(space, table, choice));
    EXPECT_NEAR(expected_cost(PricedSpace(space, {table}), 0, p).value, mean, 1e-9)
        << "seed " << seed;
  }
}

TEST(ExpectedCost, GradientIsThatOfFiniteDifferences) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random{seed};
    const SearchSpace space = random_space_of_inputs(random);
    const LatencyTable table = random_table(space, random);
    const PerCandidate p = random_probability(space, random);
    const PerCandidate gradient = expected_cost(PricedSpace(space, {table}), 0, p).gradient;
    for (size_t i = 0; i < p.size(); ++i) {
      for (size_t j = 0; j < p[i].size(); ++j) {
        PerCandidate more = p, less = p;
        constexpr double h = 1e-4;
        more[i][j] += h;
        less[i][j] -= h;
        // Exact up to rounding: E is linear in each probability.
        const double slope = (expected_cost(PricedSpace(space, {table}), 0, more).value -
                              expected_cost(PricedSpace(space, {table}), 0, less).value) /
                             (2 * h);
        EXPECT_NEAR(gradient[i][j], slope, 1e-8)
            << "seed " << seed << " slot " << i << " candidate " << j;
      }
    }
  }
}

TEST(ExpectedCost, CandidateThatCannotRunCostsInfinitelyUnlessNeverTaken) {
  Ladder l = ladder({{1, 4}, {1, 4}});
  l.table.blocks.erase({l.space.slots[1].candidates[1], {8, 16, 16}});
  EXPECT_TRUE(std::isinf(expected_cost(l.priced(), 0, {{0.5, 0.5}, {0.5, 0.5}}).value));
  const ExpectedCost never = expected_cost(l.priced(), 0, {{0.5, 0.5}, {1, 0}});
  EXPECT_NEAR(never.value, 3.5, 1e-12);
  EXPECT_TRUE(std::isinf(never.gradient[1][1]));
}

TEST(DistributionWithin, IsFreeWherePreferenceAloneFits) {
  const Ladder l = ladder({{1, 4}, {1, 4}});
  const BudgetedDistribution priced = distribution_within(l.priced(), {5.1}, {{0, 0}, {0, 0}});
  EXPECT_EQ(priced.mu, (std::vector<double>{0}));
  EXPECT_NEAR(priced.expected_cost[0], 5, 1e-12);
  EXPECT_NEAR(priced.probability[0][0], 0.5, 1e-12);
}

// How many prices were above 0, and how far under such a budget the expectation ended at most.
// Checks that no budget is exceeded, and that p = softmax(u - sum mu * gradient).
struct Solved {
  int priced = 0;
  double slack = 0;
};
Solved solve_and_check(const SearchSpace& space, Random& random, size_t devices = 1) {
  Constraints constraints = random_constraints(space, random, devices);
  // Around some network, so that all budgets together can be met.
  const auto all = priced_choices(space, constraints);
  const size_t some = devices > 1 ? random.below(static_cast<int64_t>(all.size())) : 0;
  for (size_t d = 0; d < devices; ++d) {
    const LatencyRange range = latency_range(space, constraints[d].table);
    const double reach = range.greatest.ms - range.least.ms;
    constraints[d].budget = devices > 1 ? total(all[some].ms[d]) + 0.02 * reach
                                        : range.least.ms + reach * (0.1 + 0.8 * random.uniform());
  }
  const PerCandidate u = random_values(space, random, 1);
  const PricedSpace priced_space = priced_by(space, constraints);
  const BudgetedDistribution priced = distribution_within(priced_space, budgets_of(constraints), u);
  std::vector<ExpectedCost> expected;
  Solved solved;
  for (size_t d = 0; d < devices; ++d) {
    expected.push_back(expected_cost(priced_space, d, priced.probability));
    EXPECT_NEAR(priced.expected_cost[d], expected[d].value, 1e-9);
    const double slack = constraints[d].budget - expected[d].value;
    EXPECT_GE(slack, -1e-6);
    EXPECT_GE(priced.mu[d], 0);
    if (priced.mu[d] == 0) continue;
    ++solved.priced;
    solved.slack = std::max(solved.slack, slack);
  }
  for (size_t i = 0; i < u.size(); ++i) {
    double sum = 0;
    std::vector<double> p;
    for (size_t j = 0; j < u[i].size(); ++j) {
      double price = 0;  // relative to the first, so that large constants of the gradient cancel
      for (size_t d = 0; d < devices; ++d)
        price += priced.mu[d] * (expected[d].gradient[i][j] - expected[d].gradient[i][0]);
      sum += p.emplace_back(std::exp(u[i][j] - price));
    }
    for (size_t j = 0; j < p.size(); ++j) EXPECT_NEAR(priced.probability[i][j], p[j] / sum, 1e-6);
  }
  return solved;
}

// The same width everywhere.
SearchSpace random_narrow_space(Random& random) {
  SearchSpace space = random_space(random);
  for (Slot& slot : space.slots) {
    for (BlockSpec& block : slot.candidates) block.out_channels = 8;
  }
  return space;
}

TEST(DistributionWithin, MeetsTheBudgetExactlyWhereWidthsAreFixed) {
  int priced = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random{seed};
    const Solved solved = solve_and_check(random_narrow_space(random), random);
    priced += solved.priced;
    EXPECT_NEAR(solved.slack, 0, 1e-9);
  }
  EXPECT_GT(priced, 20);
}

TEST(DistributionWithin, MeetsSeveralBudgetsAndPaysOnlyForThoseThatBind) {
  int both = 0, one_of_them = 0;
  for (uint64_t seed = 100; seed < 160; ++seed) {
    SCOPED_TRACE(seed);
    Random random{seed};
    const Solved solved = solve_and_check(random_narrow_space(random), random, 2);
    both += solved.priced == 2;
    one_of_them += solved.priced == 1;
    EXPECT_NEAR(solved.slack, 0, 1e-6);
  }
  EXPECT_GT(both, 5);
  EXPECT_GT(one_of_them, 5);
}

TEST(DistributionWithin, IsNeverOverTheBudgetAndMostlyAtItWhereWidthsVary) {
  int priced = 0, exact = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random{seed};
    const Solved solved = solve_and_check(random_space(random), random);
    priced += solved.priced;
    exact += solved.priced > 0 && solved.slack < 1e-6;
  }
  EXPECT_GT(priced, 20);
  EXPECT_GE(exact, 0.9 * priced);
}

TEST(DistributionWithin, ConcentratesOnTheCheapestWhereNoPriceMeetsTheBudget) {
  const Ladder l = ladder({{1, 4}, {4, 1}});
  const BudgetedDistribution priced = distribution_within(l.priced(), {1.5}, {{0, 5}, {5, 0}});
  EXPECT_EQ(priced.probability, (PerCandidate{{1, 0}, {0, 1}}));
  EXPECT_NEAR(priced.expected_cost[0], 2, 1e-12);
  EXPECT_TRUE(std::isfinite(priced.mu[0]));
}

TEST(DistributionWithin, MeetsABudgetThatOnlyTheCheapestMeets) {
  const Ladder l = ladder({{1, 4}, {4, 1}});
  const BudgetedDistribution priced = distribution_within(l.priced(), {2}, {{0, 5}, {5, 0}});
  EXPECT_LE(priced.expected_cost[0], 2 + 1e-12);
}

TEST(DistributionWithin, GivesCandidatesThatCannotRunNoProbability) {
  Ladder l = ladder({{1, 4}, {1, 4}});
  l.table.blocks.erase({l.space.slots[1].candidates[0], {8, 16, 16}});
  const BudgetedDistribution priced = distribution_within(l.priced(), {6}, {{0, 0}, {9, 0}});
  EXPECT_EQ(priced.probability[1], (std::vector<double>{0, 1}));
  EXPECT_NEAR(priced.expected_cost[0], 6, 1e-6);
}

}  // namespace
}  // namespace vpunas
