#include "latency/chain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "base/error.h"
#include "tests/latency/small_spaces.h"

namespace vpunas {
namespace {

using testing::all_choices;
using testing::costs;
using testing::drop_some_blocks;
using testing::random_space;
using testing::random_table;

PerCandidate random_values(const SearchSpace& space, Random& random, double scale) {
  PerCandidate values;
  for (const Slot& slot : space.slots) {
    auto& row = values.emplace_back();
    for (size_t j = 0; j < slot.candidates.size(); ++j) row.push_back(scale * random.normal());
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

double preference_of(const PerCandidate& u, const Choice& choice) {
  double sum = 0;
  for (size_t i = 0; i < choice.size(); ++i) sum += u[i][choice[i]];
  return sum;
}

double total(const std::vector<double>& ms) { return std::accumulate(ms.begin(), ms.end(), 0.0); }

double probability_of(const PerCandidate& p, const Choice& choice) {
  double product = 1;
  for (size_t i = 0; i < choice.size(); ++i) product *= p[i][choice[i]];
  return product;
}

// Every choice that the table can price.
std::vector<std::pair<Choice, std::vector<double>>> priced_choices(const SearchSpace& space,
                                                                   const LatencyTable& table) {
  std::vector<std::pair<Choice, std::vector<double>>> priced;
  for (const Choice& choice : all_choices(space)) {
    if (auto ms = costs(space, table, choice); !ms.empty())
      priced.emplace_back(choice, std::move(ms));
  }
  return priced;
}

// The preferences that best_choices promises, by enumeration.
std::vector<double> brute_force(const SearchSpace& space, const LatencyTable& table,
                                const PerCandidate& u, double budget, double floor, size_t k) {
  std::vector<double> found;
  for (const auto& [choice, ms] : priced_choices(space, table)) {
    double units = 0;
    for (const double cost : ms) units += std::ceil(cost * (20'000 / budget));
    if (units <= 20'000 && units >= floor * 20'000) found.push_back(preference_of(u, choice));
  }
  if (found.empty() && floor > 0) return brute_force(space, table, u, budget, 0, k);
  std::sort(found.rbegin(), found.rend());
  if (found.size() > k) found.resize(k);
  return found;
}

void compare_with_brute_force(uint64_t seed, bool drop_blocks) {
  Random random{seed};
  const SearchSpace space = random_space(random);
  LatencyTable table = random_table(space, random);
  if (drop_blocks) drop_some_blocks(table, random);
  const auto priced = priced_choices(space, table);
  const PerCandidate u = random_values(space, random, 1);
  if (priced.empty()) {
    EXPECT_THROW(best_choices(space, table, u, 1, 0, 3), Error);
    return;
  }
  // Around the cost of some network, so that budgets are tight, loose or cannot be met.
  const double budget = total(priced[random.below(static_cast<int64_t>(priced.size()))].second) *
                        (0.7 + 0.6 * random.uniform());
  const double floor = random.below(3) == 0 ? 0 : 0.7 + 0.3 * random.uniform();
  const int k = 1 + static_cast<int>(random.below(12));

  const auto best = best_choices(space, table, u, budget, floor, k);
  const auto expected = brute_force(space, table, u, budget, floor, static_cast<size_t>(k));
  if (expected.empty() && best.size() == 1) {  // the cheapest, which only rounding kept out
    EXPECT_LE(best[0].ms, budget);
    return;
  }
  ASSERT_EQ(best.size(), expected.size());
  std::set<Choice> distinct;
  for (size_t i = 0; i < best.size(); ++i) {
    EXPECT_NEAR(best[i].preference, expected[i], 1e-9);
    EXPECT_NEAR(best[i].preference, preference_of(u, best[i].choice), 1e-9);
    EXPECT_NEAR(best[i].ms, total(costs(space, table, best[i].choice)), 1e-9);
    EXPECT_LE(best[i].ms, budget);
    distinct.insert(best[i].choice);
  }
  EXPECT_EQ(distinct.size(), best.size());
}

TEST(BestChoices, AreThoseOfBruteForceOnRandomSpaces) {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    compare_with_brute_force(seed, false);
  }
}

TEST(BestChoices, AreThoseOfBruteForceWhereTheDeviceCannotRunSomeBlocks) {
  for (uint64_t seed = 1000; seed < 1100; ++seed) {
    SCOPED_TRACE(seed);
    compare_with_brute_force(seed, true);
  }
}

// One slot a decision, a fixed width, costs as given.
struct Ladder {
  SearchSpace space;
  LatencyTable table;
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
  EXPECT_EQ(best_choices(l.space, l.table, cheap_is_better, 10, 0, 1).at(0).choice, (Choice{0, 0}));
  EXPECT_NEAR(best_choices(l.space, l.table, cheap_is_better, 10, 0.45, 1).at(0).ms, 5, 1e-12);
  EXPECT_EQ(best_choices(l.space, l.table, cheap_is_better, 10, 0.75, 5).size(), 1u);
  EXPECT_EQ(best_choices(l.space, l.table, cheap_is_better, 10, 0.9, 5).size(), 4u);
}

TEST(BestChoices, NothingFitsATooSmallBudget) {
  const Ladder l = ladder({{1, 4}, {1, 4}});
  const PerCandidate u = {{0, 1}, {0, 1}};
  EXPECT_TRUE(best_choices(l.space, l.table, u, 1.99, 0.88, 5).empty());
  EXPECT_TRUE(best_choices(l.space, l.table, u, 0, 0.88, 5).empty());
  EXPECT_TRUE(best_choices(l.space, l.table, u, -1, 0.88, 5).empty());
  EXPECT_TRUE(best_choices(l.space, l.table, u, 10, 0.88, 0).empty());
}

TEST(BestChoices, CheapestChoiceFitsABudgetOfExactlyItsCost) {
  const Ladder l = ladder({{1.0 / 3, 4}, {1.0 / 7, 4}});
  const double budget = 1.0 / 3 + 1.0 / 7;
  const auto best = best_choices(l.space, l.table, {{0, 1}, {0, 1}}, budget, 0.88, 5);
  ASSERT_EQ(best.size(), 1u);
  EXPECT_EQ(best[0].choice, (Choice{0, 0}));
}

TEST(BestChoices, PreferenceThatIsNoNumberNamesItsPlace) {
  const Ladder l = ladder({{1, 4}, {1, 4}});
  try {
    best_choices(l.space, l.table, {{0, 1}, {0, NAN}}, 10, 0, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("slot 1, candidate 1"), std::string::npos)
        << error.what();
  }
}

TEST(BestChoices, AreFoundInALargeSpace) {
  Random random{5};
  std::vector<std::vector<double>> ms(22);
  for (auto& row : ms) {
    for (int j = 0; j < 9; ++j) row.push_back(0.1 + random.uniform());
  }
  const Ladder l = ladder(ms);
  const PerCandidate u = random_values(l.space, random, 1);
  EXPECT_EQ(best_choices(l.space, l.table, u, 9, 0.88, 10).size(), 10u);
}

TEST(ExpectedLatency, IsTheMeanOverAllChoices) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random{seed};
    const SearchSpace space = random_space(random);
    const LatencyTable table = random_table(space, random);
    const PerCandidate p = random_probability(space, random);
    double mean = 0;
    for (const Choice& choice : all_choices(space))
      mean += probability_of(p, choice) * total(costs(space, table, choice));
    EXPECT_NEAR(expected_latency(space, table, p).ms, mean, 1e-9) << "seed " << seed;
  }
}

TEST(ExpectedLatency, GradientIsThatOfFiniteDifferences) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random{seed};
    const SearchSpace space = random_space(random);
    const LatencyTable table = random_table(space, random);
    const PerCandidate p = random_probability(space, random);
    const PerCandidate gradient = expected_latency(space, table, p).gradient;
    for (size_t i = 0; i < p.size(); ++i) {
      for (size_t j = 0; j < p[i].size(); ++j) {
        PerCandidate more = p, less = p;
        constexpr double h = 1e-4;
        more[i][j] += h;
        less[i][j] -= h;
        // Exact up to rounding: E is linear in each probability.
        const double slope =
            (expected_latency(space, table, more).ms - expected_latency(space, table, less).ms) /
            (2 * h);
        EXPECT_NEAR(gradient[i][j], slope, 1e-8)
            << "seed " << seed << " slot " << i << " candidate " << j;
      }
    }
  }
}

TEST(ExpectedLatency, CandidateThatCannotRunCostsInfinitelyUnlessNeverTaken) {
  Ladder l = ladder({{1, 4}, {1, 4}});
  l.table.blocks.erase({l.space.slots[1].candidates[1], {8, 16, 16}});
  EXPECT_TRUE(std::isinf(expected_latency(l.space, l.table, {{0.5, 0.5}, {0.5, 0.5}}).ms));
  const ExpectedLatency never = expected_latency(l.space, l.table, {{0.5, 0.5}, {1, 0}});
  EXPECT_NEAR(never.ms, 3.5, 1e-12);
  EXPECT_TRUE(std::isinf(never.gradient[1][1]));
}

TEST(PriceChoice, IsFreeWherePreferenceAloneFits) {
  const Ladder l = ladder({{1, 4}, {1, 4}});
  const PricedChoice priced = price_choice(l.space, l.table, {{0, 0}, {0, 0}}, 5.1);
  EXPECT_EQ(priced.mu, 0);
  EXPECT_NEAR(priced.expected_ms, 5, 1e-12);
  EXPECT_NEAR(priced.probability[0][0], 0.5, 1e-12);
}

// Whether the price was above 0, and how far under the budget the expectation ended. Checks that it
// is not over it, and that p = softmax(u - mu * gradient).
struct Solved {
  bool priced = false;
  double slack = 0;
};
Solved solve_and_check(const SearchSpace& space, Random& random) {
  const LatencyTable table = random_table(space, random);
  const PerCandidate u = random_values(space, random, 1);
  const LatencyRange range = latency_range(space, table);
  const double budget =
      range.least.ms + (range.greatest.ms - range.least.ms) * (0.1 + 0.8 * random.uniform());
  const PricedChoice priced = price_choice(space, table, u, budget);
  const ExpectedLatency expected = expected_latency(space, table, priced.probability);
  EXPECT_NEAR(priced.expected_ms, expected.ms, 1e-9);
  EXPECT_LE(expected.ms, budget + 1e-9);
  for (size_t i = 0; i < u.size(); ++i) {
    double sum = 0;
    std::vector<double> p;
    for (size_t j = 0; j < u[i].size(); ++j) {
      // Relative to the first, so that large constants of the gradient cancel.
      const double cost = expected.gradient[i][j] - expected.gradient[i][0];
      sum += p.emplace_back(std::exp(u[i][j] - priced.mu * cost));
    }
    for (size_t j = 0; j < p.size(); ++j) EXPECT_NEAR(priced.probability[i][j], p[j] / sum, 1e-6);
  }
  return {priced.mu > 0, budget - expected.ms};
}

TEST(PriceChoice, MeetsTheBudgetExactlyWhereWidthsAreFixed) {
  int priced = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random{seed};
    SearchSpace space = random_space(random);
    for (Slot& slot : space.slots) {
      for (BlockSpec& block : slot.candidates) block.out_channels = 8;
    }
    const Solved solved = solve_and_check(space, random);
    if (!solved.priced) continue;
    ++priced;
    EXPECT_NEAR(solved.slack, 0, 1e-9);
  }
  EXPECT_GT(priced, 20);
}

TEST(PriceChoice, IsNeverOverTheBudgetAndMostlyAtItWhereWidthsVary) {
  int priced = 0, exact = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random{seed};
    const Solved solved = solve_and_check(random_space(random), random);
    priced += solved.priced;
    exact += solved.priced && solved.slack < 1e-6;
  }
  EXPECT_GT(priced, 20);
  EXPECT_GE(exact, 0.9 * priced);
}

TEST(PriceChoice, ConcentratesOnTheCheapestWhereNoPriceMeetsTheBudget) {
  const Ladder l = ladder({{1, 4}, {4, 1}});
  const PricedChoice priced = price_choice(l.space, l.table, {{0, 5}, {5, 0}}, 1.5);
  EXPECT_EQ(priced.probability, (PerCandidate{{1, 0}, {0, 1}}));
  EXPECT_NEAR(priced.expected_ms, 2, 1e-12);
  EXPECT_TRUE(std::isfinite(priced.mu));
}

TEST(PriceChoice, MeetsABudgetThatOnlyTheCheapestMeets) {
  const Ladder l = ladder({{1, 4}, {4, 1}});
  const PricedChoice priced = price_choice(l.space, l.table, {{0, 5}, {5, 0}}, 2);
  EXPECT_LE(priced.expected_ms, 2 + 1e-12);
}

TEST(PriceChoice, GivesCandidatesThatCannotRunNoProbability) {
  Ladder l = ladder({{1, 4}, {1, 4}});
  l.table.blocks.erase({l.space.slots[1].candidates[0], {8, 16, 16}});
  const PricedChoice priced = price_choice(l.space, l.table, {{0, 0}, {9, 0}}, 6);
  EXPECT_EQ(priced.probability[1], (std::vector<double>{0, 1}));
  EXPECT_NEAR(priced.expected_ms, 6, 1e-6);
}

}  // namespace
}  // namespace vpunas
