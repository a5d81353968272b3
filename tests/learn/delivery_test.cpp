#include "learn/delivery.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "latency/lattice.h"
#include "tests/learn/support.h"

namespace vpunas {
namespace {

// Networks that cost `factor` of what the table says.
SearchProblem problem_off_by(double factor, double budget_ms) {
  SearchProblem problem = test::small_problem(budget_ms);
  problem.devices[0].price = [factor](const Architecture& a) {
    const double ms = factor * test::macs_price(lower(a, {}))->ms;
    return Latency{ms, ms, ms};
  };
  return problem;
}

// The more a candidate costs, the better it is.
Chosen preferring_the_dearest(const SearchProblem& problem) {
  Chosen chosen;
  const PricedChoice even = price_choice(problem.deploy_space, constraints(problem, {1e6}), [&] {
    PerCandidate zero;
    for (const Slot& slot : problem.deploy_space.slots) zero.emplace_back(slot.candidates.size());
    return zero;
  }());
  chosen.preference =
      expected_latency(problem.deploy_space, problem.devices[0].table, even.probability).gradient;
  return chosen;
}

double delivered_ms(double factor, double budget_ms) {
  const SearchProblem problem = problem_off_by(factor, budget_ms);
  const Delivery delivery =
      deliver(problem, preferring_the_dearest(problem), {}, problem.ladder.front());
  return delivery.delivered().latency.front().ms;
}

// So far from the least to the greatest cost by the table.
double between(double share) {
  const SearchProblem problem = test::small_problem(1);
  const Lattice lattice = make_lattice(problem.deploy_space, {&problem.devices[0].table});
  const double least = sum_latency(lattice, cheapest_choice(lattice)).ms;
  const double greatest =
      sum_latency(
          lattice,
          LeastPaths(lattice, [](size_t, int, const Arc& arc) { return -arc.ms(); }).choice())
          .ms;
  return least + share * (greatest - least);
}

TEST(Deliver, UsesTheBudgetWhateverTheTableIsOffBy) {
  const double exact = delivered_ms(1, between(0.6));
  EXPECT_LE(exact, between(0.6));
  for (const double factor : {0.8, 0.95, 1.1, 1.25})
    EXPECT_NEAR(delivered_ms(factor, factor * between(0.6)), factor * exact, 1e-9) << factor;
}

TEST(Deliver, FailsWithTheBudgetCodeWhereNoWholeNetworkFits) {
  const SearchProblem problem = problem_off_by(100, between(0.6));
  try {
    deliver(problem, preferring_the_dearest(problem), {}, problem.ladder.front());
    FAIL() << "delivered";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::budget);
  }
}

}  // namespace
}  // namespace vpunas
