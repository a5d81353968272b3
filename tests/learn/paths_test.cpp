#include "learn/paths.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "latency/census.h"
#include "tests/learn/support.h"

namespace vpunas {
namespace {

TEST(FairChoice, DrawsEveryCandidateEquallyOften) {
  SearchSpace space = test::small_space();
  std::vector<std::vector<int>> counts;
  for (const Slot& slot : space.slots) counts.emplace_back(slot.candidates.size(), 0);
  for (int64_t step = 0; step < 60; ++step) {
    const Choice choice = fair_choice(space, 1, step);
    for (size_t slot = 0; slot < choice.size(); ++slot)
      ++counts[slot][static_cast<size_t>(choice[slot])];
  }
  for (const auto& slot : counts) {
    for (const int count : slot) EXPECT_EQ(count, 60 / static_cast<int>(slot.size()));
  }
}

TEST(FairChoice, DependsOnSeedAndStepAlone) {
  EXPECT_EQ(fair_choice(test::small_space(), 4, 17), fair_choice(test::small_space(), 4, 17));
}

// One slot with three blocks.
SearchSpace one_slot() {
  SearchSpace space = test::small_space();
  space.slots = {space.slots[1]};
  return space;
}

// Two slots with the same blocks and a skip.
SearchSpace two_skippable() {
  SearchSpace space = test::small_space();
  space.slots = {space.slots[0], space.slots[1], space.slots[2], space.slots[2]};
  return space;
}

TEST(DrawNetworks, AreDistinctCanonicalAndInTheirWindow) {
  const SearchSpace space = two_skippable();
  LatencyTable table = build_table(space, {}, test::macs_price, {});
  const double budget = table.predict(choose(space, {0, 1, 2, 0}, "")).ms;
  const std::vector<Constraint> constraints{{std::move(table), budget}};
  const auto networks = draw_networks(space, constraints, 0.8, 1.2, 12, 1);
  EXPECT_EQ(std::set<Choice>(networks.begin(), networks.end()).size(), networks.size());
  EXPECT_GE(networks.size(), 3);
  for (const Choice& network : networks) {
    EXPECT_EQ(network, canonical(space, network));
    EXPECT_GE(table_ms(space, constraints, network)->front(), 0.8 * budget);
    EXPECT_LE(table_ms(space, constraints, network)->front(), 1.2 * budget);
  }
}

TEST(DrawNetworks, AreAsManyOfEveryInputThatFits) {
  const SearchSpace space = test::space_of_inputs();
  const SearchProblem problem = test::small_problem(1, space);
  const LatencyRange range = latency_range(space, problem.devices[0].table);
  const auto of_each = [&](double budget) {
    std::array<int, 2> count{};
    for (const Choice& choice : draw_networks(space, constraints(problem, {budget}), 0, 1.3, 12, 1))
      ++count[static_cast<size_t>(choice[0])];
    return count;
  };
  // A network drawn twice counts once, so the shares are not exactly even.
  const auto [smaller, larger] = of_each(range.greatest.ms);
  EXPECT_EQ(smaller + larger, 12);
  EXPECT_GE(std::min(smaller, larger), 4);
  EXPECT_EQ(of_each(1.05 * range.least.ms)[1], 0) << "too small a budget for the larger input";
}

TEST(DrawNetworks, EndsWhereTheWindowIsEmpty) {
  const SearchSpace space = two_skippable();
  const LatencyTable table = build_table(space, {}, test::macs_price, {});
  EXPECT_TRUE(draw_networks(space, {{table, 1e6}}, 0.5, 1, 10, 1).empty());
}

TEST(SampleGates, ActivePathsAreCanonical) {
  const SearchSpace space = two_skippable();
  const PerCandidate probability{{0.5, 0.5}, {1, 0, 0}, {0.5, 0.3, 0.2}, {0.1, 0.4, 0.5}};
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random({seed});
    const PathSample sample = seed % 2 == 0 ? sample_gates(space, probability, random)
                                            : sample_gumbel(space, probability, 1, random);
    Choice active;
    for (const TwoPaths& two : sample.paths) active.push_back(two.active);
    EXPECT_EQ(active, canonical(space, active));
  }
}

TEST(SampleGates, DrawsPathsByTheirProbability) {
  const PerCandidate probability{{0.7, 0.2, 0.1}};
  Random random({1});
  std::vector<int> active(3, 0);
  for (int i = 0; i < 4000; ++i)
    ++active[static_cast<size_t>(sample_gates(one_slot(), probability, random).paths[0].active)];
  EXPECT_GT(active[0], active[1]);
  EXPECT_GT(active[1], active[2]);
  EXPECT_GT(active[2], 0);
}

TEST(SampleGates, TakesOnePathWhereTheOthersHaveNoProbability) {
  const PerCandidate probability{{0, 1, 0}};
  Random random({1});
  const PathSample sample = sample_gates(one_slot(), probability, random);
  EXPECT_EQ(sample.paths[0].active, 1);
  EXPECT_EQ(sample.paths[0].other, 1);
}

// With the two gates g and a loss a*g0 + b*g1, dL/du must be that of the softmax: p0*p1*(a - b) for
// the active one.
TEST(Gates, GradientIsThatOfTheSoftmaxOfTwo) {
  const PerCandidate probability{{0.6, 0.4, 0}};
  Random random({2});
  const PathSample sample = sample_gates(one_slot(), probability, random);
  const TwoPaths& two = sample.paths[0];
  EXPECT_FLOAT_EQ(two.gates[0].item<float>(), 1);
  EXPECT_FLOAT_EQ(two.gates[1].item<float>(), 0);
  const double a = 3, b = 1;
  (two.gates[0] * a + two.gates[1] * b).backward();
  const auto gradient = sample.logits[0].grad();
  EXPECT_NEAR(gradient[two.active].item<double>(), 0.6 * 0.4 * (a - b), 1e-6);
  EXPECT_NEAR(gradient[two.other].item<double>(), -0.6 * 0.4 * (a - b), 1e-6);
}

TEST(SampleGumbel, AnnealsToHardGates) {
  const PerCandidate probability{{0.5, 0.3, 0.2}};
  Random random({3});
  for (int i = 0; i < 50; ++i) {
    const PathSample sample = sample_gumbel(one_slot(), probability, 0.5, random);
    EXPECT_NE(sample.paths[0].active, sample.paths[0].other);
    EXPECT_FLOAT_EQ(sample.paths[0].gates[0].item<float>(), 1);
  }
}

}  // namespace
}  // namespace vpunas
