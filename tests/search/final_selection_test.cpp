#include "search/final_selection.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "search/distribution.h"
#include "search/feasibility.h"
#include "tests/search/known_answers.h"

namespace vpunas {
namespace {

// The more a candidate costs, the better it is.
StrategyResult preferring_the_dearest(const PricedSpace& priced) {
  const PerCandidate zero = zeros_like(priced.space());
  const PerCandidate even = distribution_within(priced, {1e6}, zero).probability;
  return {.alpha = expected_cost(priced, 0, even).gradient};
}

// Where whole networks cost `factor` of what the table says.
double selected_ms(double factor, double budget) {
  const SearchProblem problem = test::small_problem(budget, test::small_space(), factor);
  const FinalSelection selection =
      select_final(problem, preferring_the_dearest(problem.priced), {}, problem.sweep.front());
  return selection.selected().latency.front().ms;
}

// So far from the least to the greatest cost by the table.
double between(double share) {
  const LatencyRange range = latency_range(test::priced_space(), 0);
  return range.least.ms + share * (range.greatest.ms - range.least.ms);
}

TEST(SelectFinal, UsesTheBudgetWhateverTheTableIsOffBy) {
  const double exact = selected_ms(1, between(0.6));
  EXPECT_LE(exact, between(0.6));
  for (const double factor : {0.8, 0.95, 1.1, 1.25})
    EXPECT_NEAR(selected_ms(factor, factor * between(0.6)), factor * exact, 1e-9) << factor;
}

TEST(SelectFinal, FailsWithTheBudgetCodeWhereNoWholeNetworkFits) {
  const SearchProblem problem = test::small_problem(between(0.6), test::small_space(), 100);
  try {
    select_final(problem, preferring_the_dearest(problem.priced), {}, problem.sweep.front());
    FAIL() << "selected";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::budget);
  }
}

}  // namespace
}  // namespace vpunas
