#include "search/feasibility.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "tests/latency/small_spaces.h"
#include "tests/search/constraints.h"

namespace vpunas {
namespace {

using test::all_choices;
using test::budgets_of;
using test::Constraint;
using test::Constraints;
using test::costs;
using test::priced_by;
using test::random_space_of_inputs;
using test::random_table;
using test::total;

// Random spaces have few equal slots by chance.
SearchSpace space_with_runs(Random& random) {
  SearchSpace space = random_space_of_inputs(random);
  for (size_t i = offers_inputs(space) ? 2 : 1; i < space.slots.size(); ++i) {
    if (space.slots[i - 1].candidates.front().stride == 1 && random.below(2))
      space.slots[i] = space.slots[i - 1];
  }
  return space;
}

// One name a network.
std::vector<Choice> networks(const SearchSpace& space) {
  std::vector<Choice> all = all_choices(space);
  std::erase_if(all, [&](const Choice& choice) { return canonical(space, choice) != choice; });
  return all;
}

TEST(LatencyRange, IsThatOfBruteForce) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    Random random{seed};
    const SearchSpace space = space_with_runs(random);
    const LatencyTable table = random_table(space, random);
    std::vector<double> all;
    for (const Choice& choice : networks(space)) all.push_back(total(costs(space, table, choice)));
    std::sort(all.begin(), all.end());
    const LatencyRange range = latency_range(space, table);
    EXPECT_NEAR(range.least.ms, all.front(), 1e-9);
    EXPECT_NEAR(range.greatest.ms, all.back(), 1e-9);
    EXPECT_NEAR(range.greatest.low_ms, 0.9 * range.greatest.ms, 1e-9);
    EXPECT_NEAR(range.greatest.high_ms, 1.2 * range.greatest.ms, 1e-9);
    EXPECT_NEAR(range.median_ms, all[(all.size() - 1) / 2], 0.002 * range.greatest.ms);
  }
}

TEST(CountFitting, IsThatOfBruteForceWithRoundedCosts) {
  const int steps[] = {20'000, 512, 64, 22};
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random{seed};
    const SearchSpace space = space_with_runs(random);
    Constraints constraints;
    for (size_t d = 0; d <= seed % 4; ++d) {
      Constraint& c = constraints.emplace_back(Constraint{random_table(space, random), 0.0});
      const LatencyRange range = latency_range(space, c.table);
      c.budget = range.least.ms + random.uniform() * (range.greatest.ms - range.least.ms);
    }
    int expected = 0;
    for (const Choice& choice : networks(space)) {
      expected += std::all_of(constraints.begin(), constraints.end(), [&](const Constraint& c) {
        double units = 0;
        const double scale = steps[constraints.size() - 1] / c.budget;
        for (const double ms : costs(space, c.table, choice)) units += std::round(ms * scale);
        return units <= steps[constraints.size() - 1];
      });
    }
    EXPECT_EQ(count_fitting(priced_by(space, constraints), budgets_of(constraints)), expected);
  }
}

// Two slots of an A and a B; the device of `swapped` finds dear what the other finds cheap.
SearchSpace two_ways() {
  SearchSpace space;
  space.name = "two";
  space.input = {3, 32, 32};
  space.stem.channels = 8;
  space.slots = {{{{.expansion = 2, .out_channels = 8}, {.expansion = 3, .out_channels = 8}}},
                 {{{.expansion = 4, .out_channels = 8}, {.expansion = 5, .out_channels = 8}}}};
  return space;
}
Constraint constraint(const char* device, double budget, bool swapped) {
  Constraint c{{}, budget};
  const SearchSpace space = two_ways();
  c.table.provenance.device = device;
  const Shape shape = stem_shape(space.stem, space.input);
  for (const Slot& slot : space.slots) {
    for (size_t j = 0; j < 2; ++j) {
      const double ms = (j == 1) != swapped ? 3 : 1;
      c.table.blocks[{slot.candidates[j], shape}] = {ms, ms, ms};
    }
  }
  c.table.ends[shape] = {};
  return c;
}

std::string refusal(const Constraints& constraints) {
  try {
    check_feasible(priced_by(two_ways(), constraints), budgets_of(constraints));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::budget);
    return error.what();
  }
  return "";
}

TEST(CheckFeasible, SaysWhatThereIs) {
  const Constraints constraints = {constraint("CPU", 4, false), constraint("MACS", 5, true)};
  const Feasibility feasibility =
      check_feasible(priced_by(two_ways(), constraints), budgets_of(constraints));
  EXPECT_EQ(feasibility.networks, 4);
  EXPECT_EQ(feasibility.fitting, 2);
  EXPECT_EQ(to_string(feasibility, priced_by(two_ways(), constraints), budgets_of(constraints)),
            "CPU: budget 4.000 ms, the space reaches from 2.000 over 4.000 (median) to 6.000 ms; "
            "MACS: budget 5.000 MMACs, the space reaches from 2.000 over 4.000 (median) to 6.000 "
            "MMACs; about 2 of 4 networks fit");
}

TEST(CheckFeasible, RefusesABudgetUnderTheCheapest) {
  EXPECT_EQ(refusal({constraint("CPU", 1.9, false)}),
            "budget of 1.900 ms on CPU: cannot be met, the cheapest network of space two takes "
            "2.000 ms, the dearest 6.000 ms; raise the budget or take another space");
}

TEST(CheckFeasible, RefusesBudgetsThatOnlyTogetherCannotBeMet) {
  const std::string message = refusal({constraint("CPU", 2, false), constraint("NPU", 3.2, true)});
  // The cheapest on CPU takes 2 and 6.
  EXPECT_NE(message.find("raise all to 1.87"), std::string::npos) << message;
}

}  // namespace
}  // namespace vpunas
