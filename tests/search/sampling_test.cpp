#include "search/sampling.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "search/feasibility.h"
#include "tests/search/known_answers.h"

namespace vpunas {
namespace {

// Two slots with the same blocks and a skip.
SearchSpace two_skippable() {
  SearchSpace space = test::small_space();
  space.slots = {space.slots[0], space.slots[1], space.slots[2], space.slots[2]};
  return space;
}

TEST(DrawNetworks, AreDistinctCanonicalAndInTheirWindow) {
  const PricedSpace priced = test::priced_space(two_skippable());
  const double budget = priced.costs({0, 1, 2, 0})->front();
  const auto networks = draw_networks(priced, {budget}, 0.8, 1.2, 12, 1);
  EXPECT_EQ(std::set<Choice>(networks.begin(), networks.end()).size(), networks.size());
  EXPECT_GE(networks.size(), 3);
  for (const Choice& network : networks) {
    EXPECT_EQ(network, canonical(priced.space(), network));
    EXPECT_GE(priced.costs(network)->front(), 0.8 * budget);
    EXPECT_LE(priced.costs(network)->front(), 1.2 * budget);
  }
}

TEST(DrawNetworks, AreAsManyOfEveryInputThatFits) {
  const PricedSpace priced = test::priced_space(test::space_of_inputs());
  const LatencyRange range = latency_range(priced, 0);
  const auto of_each = [&](double budget) {
    std::array<int, 2> count{};
    for (const Choice& choice : draw_networks(priced, {budget}, 0, 1.3, 12, 1))
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
  EXPECT_TRUE(draw_networks(test::priced_space(two_skippable()), {1e6}, 0.5, 1, 10, 1).empty());
}

TEST(DrawFitting, KeepsTheBudgetAsAWhole) {
  const SearchProblem problem = test::small_problem(12, test::small_space(), 1.1);
  const auto networks = draw_fitting(problem, {12}, 0, 6, 1);
  EXPECT_GE(networks.size(), 3);
  for (const Choice& network : networks) EXPECT_LE(whole_costs(problem, network)->front().ms, 12);
}

TEST(PricedSpace, CostsAreThoseOfItsTable) {
  const SearchSpace space = test::space_of_widths();
  const PricedSpace priced = test::priced_space(space);
  for (const Choice& choice : {Choice{0, 0, 0}, Choice{1, 3, 2}, Choice{0, 1, 1}}) {
    EXPECT_NEAR(priced.costs(choice)->front(),
                priced.tables()[0].predict(choose(space, choice, "")).ms, 1e-9);
  }
}

TEST(PricedSpace, HasNoCostWhereADeviceCannotRunABlock) {
  const PricedSpace whole = test::priced_space();
  LatencyTable table = whole.tables()[0];
  std::erase_if(table.blocks, [&](const auto& entry) {
    return entry.first.block == whole.space().slots[0].candidates[1];
  });
  const PricedSpace priced(whole.space(), {table});
  EXPECT_FALSE(priced.costs({1, 0, 0}));
  EXPECT_TRUE(priced.costs({0, 0, 0}));
}

}  // namespace
}  // namespace vpunas
