#include "learn/search.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/text.h"
#include "latency/census.h"
#include "tests/learn/support.h"

namespace vpunas {
namespace {

SearchConfig quick_search(const std::string& algorithm) {
  SearchConfig config;
  config.algorithm = algorithm;
  config.epochs = 4;
  config.recipe.batch_size = 32;
  config.arch_steps = 30;
  config.arch_batch_size = 64;
  return config;
}

SearchResult run(const SearchProblem& problem, const SearchConfig& config,
                 const fs::path& checkpoint, const Work& work = {}) {
  return search(problem, test::small_data(), {}, config, 5, 1, checkpoint, work);
}

class SearchByAlgorithm : public testing::TestWithParam<const char*> {};

TEST_P(SearchByAlgorithm, DeliversANetworkWithinItsBudget) {
  const LatencyRange range = latency_range(test::small_space(), test::small_problem(1).table);
  for (const double share : {0.15, 0.5, 0.9}) {
    const TemporaryFolder folder;
    const double budget = range.least.ms + share * (range.greatest.ms - range.least.ms);
    const SearchProblem problem = test::small_problem(budget);
    const SearchResult result =
        run(problem, quick_search(GetParam()), folder.path() / "checkpoint");
    const Latency whole = *problem.price(choose(problem.deploy_space, result.choice, "found"));
    EXPECT_LE(whole.ms, budget);
    EXPECT_DOUBLE_EQ(whole.ms, result.predicted.ms);
    EXPECT_LE(result.expected_ms, budget * 1.001);
  }
}

TEST_P(SearchByAlgorithm, ResumedEqualsUnbroken) {
  const SearchProblem problem = test::small_problem(8);
  const SearchConfig config = quick_search(GetParam());
  const TemporaryFolder folder;
  const SearchResult unbroken = run(problem, config, folder.path() / "unbroken");
  for (const int steps : {3, 70, 80}) {  // 64 steps of weights, then 30 of preferences
    const fs::path checkpoint = folder.path() / cat("broken", steps);
    test::StopAfter stop(steps);
    EXPECT_THROW(run(problem, config, checkpoint, stop.work), Interrupted);
    const SearchResult resumed = run(problem, config, checkpoint);
    EXPECT_EQ(resumed.choice, unbroken.choice);
    EXPECT_EQ(resumed.preference, unbroken.preference) << "stopped after step " << steps;
  }
}

INSTANTIATE_TEST_SUITE_P(Algorithms, SearchByAlgorithm, testing::Values("gates", "gumbel"));

TEST(Search, RefusesAnImpossibleBudgetBeforeAnyTraining) {
  const TemporaryFolder folder;
  int steps = 0;
  Work work;
  work.report = [&](const Event&) { ++steps; };
  try {
    run(test::small_problem(0.001), quick_search("gates"), folder.path() / "checkpoint", work);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::budget);
    EXPECT_NE(std::string(error.what()).find("cannot be met"), std::string::npos) << error.what();
  }
  EXPECT_EQ(steps, 0);
}

// The table is half of what whole networks cost: the search must notice and still deliver within
// the budget.
TEST(Search, MeetsTheBudgetAlsoWhereTheTableIsTooLow) {
  const TemporaryFolder folder;
  SearchProblem problem = test::small_problem(12);
  problem.price = [](const Architecture& a) {
    const double ms = 2 * test::macs_price(lower(a, {}))->ms;
    return Latency{ms, ms, ms};
  };
  const SearchResult result = run(problem, quick_search("gates"), folder.path() / "checkpoint");
  EXPECT_LE(problem.price(choose(problem.deploy_space, result.choice, "found"))->ms, 12);
}

TEST(Search, EndsWithTheBudgetCodeWhereOnlyTheTableFits) {
  const TemporaryFolder folder;
  SearchProblem problem = test::small_problem(8);
  problem.price = [](const Architecture&) { return Latency{1000, 1000, 1000}; };
  try {
    run(problem, quick_search("gates"), folder.path() / "checkpoint");
    FAIL() << "delivered";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::budget);
  }
}

// A slot offers a block that destroys the image (its weights cannot help: 1x1 stride 4 sees one
// pixel in 16) and one that keeps it, at equal cost: the search must prefer the latter.
TEST(Search, FindsTheAccurateBlockWherePriceDoesNotMatter) {
  SearchProblem problem = test::small_problem(1000);
  BlockSpec blind = test::block(BlockKind::conv, 16, 4);
  blind.kernel = 1;
  BlockSpec sighted = test::block(BlockKind::fused_mbconv, 16, 4, 2);
  sighted.kernel = 5;
  problem.train_space.slots = {{{blind, sighted}}, {{test::block(BlockKind::conv, 24, 2)}}};
  problem.deploy_space = problem.train_space;
  problem.table = build_table(problem.deploy_space, {}, test::macs_price, problem.table.provenance);
  const TemporaryFolder folder;
  SearchConfig config = quick_search("gates");
  config.epochs = 12;
  config.arch_steps = 60;
  config.budget_floor = 0;
  const SearchResult result = run(problem, config, folder.path() / "checkpoint");
  EXPECT_EQ(result.choice.front(), 1);
  EXPECT_GT(result.preference[0][1], result.preference[0][0]);
}

}  // namespace
}  // namespace vpunas
