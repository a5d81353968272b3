#include "search/search.h"

#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "search/feasibility.h"
#include "tests/search/known_answers.h"

namespace vpunas {
namespace {

SearchConfig quick_search(const std::string& algorithm) {
  SearchConfig config;
  config.strategy.algorithm = algorithm;
  config.strategy.networks = 12;
  config.strategy.held_out_images = 100;
  config.strategy.arch_steps = 30;
  config.sweep = {0.8, 1.2};
  return config;
}

// Shared weights and trainings alone agree about everything.
SearchResult run(const SearchProblem& problem, const SearchConfig& config, const fs::path& folder,
                 const Work& work = {}) {
  test::KnownTrainer trainer(test::known_effects(problem.priced.space()));
  return search(problem, trainer, config, 5, folder, work);
}

// The same, stopped after so many steps and begun again.
SearchResult resume_after(int steps, const SearchProblem& problem, const SearchConfig& config,
                          const fs::path& folder) {
  test::StopAfter stop(steps);
  EXPECT_THROW(run(problem, config, folder, stop.work), Interrupted);
  return run(problem, config, folder);
}

// The best network within the budget, by enumeration.
double least_loss(const SearchProblem& problem, const PerCandidate& effects, double budget) {
  double least = 1e9;
  for (const Choice& choice : test::all_choices()) {
    if (problem.priced.costs(choice)->front() <= budget)
      least = std::min(least, 2 + sum_of(effects, choice));
  }
  return least;
}

class SearchByAlgorithm : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Algorithms, SearchByAlgorithm,
                         testing::Values("linear", "gates", "gumbel", "random", "evolution"));

TEST_P(SearchByAlgorithm, DeliversANetworkWithinItsBudget) {
  const LatencyRange range = latency_range(test::priced_space(), 0);
  for (const double share : {0.15, 0.5, 0.9}) {
    const TemporaryFolder folder;
    const double budget = range.least.ms + share * (range.greatest.ms - range.least.ms);
    const SearchProblem problem = test::small_problem(budget);
    const SearchResult result = run(problem, quick_search(GetParam()), folder.path());
    const Latency whole = whole_costs(problem, result.choice())->front();
    EXPECT_LE(whole.ms, budget);
    EXPECT_DOUBLE_EQ(whole.ms, result.selection.selected().latency[0].ms);
    EXPECT_LE(result.strategy.expected_cost[0], budget * 1.001);
  }
}

TEST_P(SearchByAlgorithm, FindsTheKnownBestNetworkWithEverySeed) {
  SearchConfig config = quick_search(GetParam());
  config.strategy.networks = 40;
  config.strategy.arch_steps = 300;
  config.strategy.budget_floor = 0;
  config.sweep = {};
  const LatencyRange range = latency_range(test::priced_space(), 0);
  for (const double share : {0.2, 0.6}) {
    const double budget = range.least.ms + share * (range.greatest.ms - range.least.ms);
    const SearchProblem problem = test::small_problem(budget);
    const PerCandidate effects = test::known_effects(problem.priced.space());
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      const TemporaryFolder folder;
      test::KnownTrainer trainer(effects);
      const SearchResult result = search(problem, trainer, config, seed, folder.path(), {});
      EXPECT_NEAR(result.selection.selected().score.loss, least_loss(problem, effects, budget),
                  1e-9)
          << "seed " << seed << ", budget " << budget;
    }
  }
}

TEST_P(SearchByAlgorithm, ResumedEqualsUnbroken) {
  const SearchProblem problem = test::small_problem(8);
  const SearchConfig config = quick_search(GetParam());
  const TemporaryFolder folder;
  const SearchResult unbroken = run(problem, config, folder.path() / "unbroken");
  const bool by_steps = !unbroken.strategy.history.empty();
  for (const int steps : by_steps ? std::vector{3, 16, 36, 80} : std::vector{1}) {
    const SearchResult resumed =
        resume_after(steps, problem, config, folder.path() / cat("broken", steps));
    EXPECT_EQ(resumed.choice(), unbroken.choice());
    EXPECT_EQ(resumed.strategy.alpha, unbroken.strategy.alpha) << "stopped after step " << steps;
    ASSERT_EQ(resumed.front.size(), unbroken.front.size());
    for (size_t i = 0; i < resumed.front.size(); ++i) {
      EXPECT_EQ(resumed.front[i].network.scored.choice, unbroken.front[i].network.scored.choice);
      EXPECT_EQ(resumed.front[i].network.score.loss, unbroken.front[i].network.score.loss);
    }
    EXPECT_EQ(resumed.cost.total().images, unbroken.cost.total().images);
  }
}

TEST_P(SearchByAlgorithm, GivesANetworkForEveryBudgetOfTheSweep) {
  const SearchProblem problem = test::small_problem(8);
  const TemporaryFolder folder;
  const SearchResult result = run(problem, quick_search(GetParam()), folder.path());
  ASSERT_EQ(result.front.size(), 3);
  for (size_t i = 0; i < 3; ++i) {
    const ParetoPoint& point = result.front[i];
    EXPECT_DOUBLE_EQ(point.budgets[0], 8 * (0.8 + 0.2 * static_cast<double>(i)));
    EXPECT_LE(point.network.latency[0].ms, point.budgets[0]);
    EXPECT_GT(point.network.score.loss, 0);
  }
  EXPECT_EQ(result.front[1].network.scored.choice, result.choice());
}

TEST_P(SearchByAlgorithm, ChoosesTheWidthsOfStages) {
  const SearchSpace space = test::space_of_widths();
  const double wide = test::macs_latency(lower(choose(space, {0, 0, 1}, ""), {}))->ms;
  const double narrow = test::macs_latency(lower(choose(space, {0, 1, 1}, ""), {}))->ms;
  const SearchProblem problem = test::small_problem(0.5 * (wide + narrow), space);
  const TemporaryFolder folder;
  const SearchResult result = run(problem, quick_search(GetParam()), folder.path());
  const Architecture found = choose(space, result.choice(), "found");
  EXPECT_LE(result.selection.selected().latency.front().ms, problem.sweep.front().front());
  if (found.blocks[2].kind != BlockKind::skip) {
    EXPECT_EQ(found.blocks[2].out_channels, found.blocks[1].out_channels);
  }
}

TEST_P(SearchByAlgorithm, ChoosesTheSizeOfTheInput) {
  const SearchSpace space = test::space_of_inputs();
  const auto cost = [&](const Choice& choice) {
    return test::macs_latency(lower(choose(space, choice, ""), {}))->ms;
  };
  double least_of_whole = std::numeric_limits<double>::infinity();
  for (const Choice& rest : test::all_choices())
    least_of_whole = std::min(least_of_whole, cost({1, rest[0], rest[1], rest[2]}));
  for (const double budget : {0.99 * least_of_whole, 1.5 * least_of_whole}) {
    const TemporaryFolder folder;
    const SearchResult result =
        run(test::small_problem(budget, space), quick_search(GetParam()), folder.path());
    EXPECT_LE(cost(result.choice()), budget);
    if (budget < least_of_whole) {
      EXPECT_EQ(choose(space, result.choice(), "found").input.h, 12);
    }
  }
}

// The table is half of what whole networks cost: the search must notice and still deliver within
// the budget.
TEST_P(SearchByAlgorithm, MeetsTheBudgetAlsoWhereTheTableIsTooLow) {
  const std::string algorithm = GetParam();
  const TemporaryFolder folder;
  const SearchProblem problem = test::small_problem(12, test::small_space(), 2);
  const SearchResult result = run(problem, quick_search(algorithm), folder.path());
  EXPECT_LE(whole_costs(problem, result.choice())->front().ms, 12);
}

TEST(Search, RefusesAnImpossibleBudgetBeforeAnyTraining) {
  const TemporaryFolder folder;
  const SearchProblem problem = test::small_problem(0.001);
  test::KnownTrainer trainer(zeros_like(problem.priced.space()));
  try {
    search(problem, trainer, quick_search("gates"), 5, folder.path(), {});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::budget);
    EXPECT_NE(std::string(error.what()).find("cannot be met"), std::string::npos) << error.what();
  }
  EXPECT_EQ(trainer.supernets, 0);
}

TEST(Search, EndsWithTheBudgetCodeWhereOnlyTheTableFits) {
  const TemporaryFolder folder;
  try {
    run(test::small_problem(8, test::small_space(), 1000), quick_search("gates"), folder.path());
    FAIL() << "delivered";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::budget);
  }
}

TEST(Search, RefusesTheStateOfAnotherSearch) {
  const TemporaryFolder folder;
  const SearchProblem problem = test::small_problem(8);
  run(problem, quick_search("linear"), folder.path());
  EXPECT_THROW(run(problem, quick_search("random"), folder.path()), Error);
}

// Networks of half of such a budget are not to be had.
TEST(Search, ABudgetAboveAllNetworksStillTellsThemApart) {
  SearchConfig config = quick_search("linear");
  config.sweep = {};
  const TemporaryFolder folder;
  const SearchResult result = run(test::small_problem(1e6), config, folder.path());
  double strongest = 0;
  for (const auto& slot : result.strategy.alpha) {
    for (const double alpha : slot) strongest = std::max(strongest, std::abs(alpha));
  }
  EXPECT_GT(strongest, 0);
}

TEST(Search, EvolutionHasChildrenWhereNothingReachesTheFloor) {
  SearchConfig config = quick_search("evolution");
  config.sweep = {};
  const TemporaryFolder folder;
  const SearchResult result = run(test::small_problem(1e6), config, folder.path());
  EXPECT_GT(result.cost.strategy.images, config.strategy.held_out_images * 12 / 4);
}

TEST(Search, WarnsOfALinearPredictorThatExplainsNothing) {
  SearchConfig config = quick_search("linear");
  config.sweep = {};
  const TemporaryFolder folder;
  const SearchProblem problem = test::small_problem(8);
  test::KnownTrainer trainer(zeros_like(problem.priced.space()));
  const SearchResult result = search(problem, trainer, config, 5, folder.path(), {});
  EXPECT_LT(result.trust.agreement, 0.4);
  EXPECT_FALSE(result.trust.warnings.empty());
}

TEST(Search, RefusesASweepThatIsNoShare) {
  SearchConfig config = quick_search("linear");
  for (const double share : {0.0, -1.0, 101.0}) {
    config.sweep = {share};
    EXPECT_THROW(check(config), Error) << share;
  }
}

TEST(ImageGroups, AreAsManyAsImagesAndNetworksAllow) {
  const test::KnownSupernet supernet(zeros_like(test::small_space()));  // of 1,000 images
  StrategyConfig config;
  config.networks = 1000;
  config.held_out_images = 125;
  EXPECT_EQ(image_groups(config, supernet), 7);  // as many again are for the ranking
  config.networks = 60;
  EXPECT_EQ(image_groups(config, supernet), 3);
  config.held_out_images = 1000;
  EXPECT_EQ(image_groups(config, supernet), 1);
  config.held_out_images = 125;
  config.algorithm = "evolution";  // compares single networks
  EXPECT_EQ(image_groups(config, supernet), 1);
}

// --- Networks trained alone ---

SearchConfig with_trained_alone() {
  SearchConfig config = quick_search("linear");
  config.sweep = {1.5};
  config.trained_alone = 3;
  config.fidelities = {0.25};
  return config;
}

TEST(SearchTrainedAlone, TrainsSomeForEachBudgetWithinIt) {
  const SearchProblem problem = test::small_problem(8);
  const TemporaryFolder folder;
  const SearchResult result = run(problem, with_trained_alone(), folder.path());
  const auto& networks = result.trained_alone.at(0).networks;
  ASSERT_EQ(networks.size(), 6);
  std::set<Choice> distinct;
  for (size_t i = 0; i < networks.size(); ++i) {
    const NetworkAlone& network = networks[i];
    EXPECT_EQ(network.budget, i < 3 ? "test 8.000 ms" : "test 12.000 ms");
    EXPECT_LE(whole_costs(problem, network.choice)->front().ms, i < 3 ? 8 : 12);
    EXPECT_GT(network.result.score.loss, 0);
    distinct.insert(network.choice);
  }
  EXPECT_EQ(distinct.size(), 6);
  double shares = 0;
  for (const auto& [group, share] : result.trained_alone.at(0).shares) shares += share;
  EXPECT_NEAR(shares, 1, 1e-9);
  EXPECT_EQ(result.cost.trained_alone.images, 6 * 250);
  EXPECT_LE(result.selection.selected().latency[0].ms, 8);
}

// Shared weights order networks the wrong way round; networks trained alone say so.
TEST(SearchTrainedAlone, CorrectsSharedWeightsThatAreWrong) {
  const SearchProblem problem = test::small_problem(8);
  const PerCandidate truth = test::known_effects(problem.priced.space());
  SearchConfig config = with_trained_alone();
  config.trained_alone = 8;
  config.strategy.budget_floor = 0;
  const auto loss_of = [&](int trained_alone) {
    config.trained_alone = trained_alone;
    const TemporaryFolder folder;
    test::KnownTrainer trainer(scaled(truth, -1), truth);
    const SearchResult result = search(problem, trainer, config, 5, folder.path(), {});
    return 2 + sum_of(truth, result.choice());
  };
  EXPECT_NEAR(loss_of(8), least_loss(problem, truth, 8), 0.05);
  EXPECT_GT(loss_of(0), least_loss(problem, truth, 8) + 0.2);
}

TEST(SearchTrainedAlone, ResumedEqualsUnbroken) {
  const SearchProblem problem = test::small_problem(8);
  const SearchConfig config = with_trained_alone();
  const TemporaryFolder folder;
  const SearchResult unbroken = run(problem, config, folder.path() / "unbroken");
  for (const int at : {1, 3, 5}) {
    const fs::path broken = folder.path() / cat("broken", at);
    test::KnownTrainer trainer(test::known_effects(problem.priced.space()));
    trainer.interrupt_at = at;
    EXPECT_THROW(search(problem, trainer, config, 5, broken, {}), Interrupted);
    const SearchResult resumed = search(problem, trainer, config, 5, broken, {});
    EXPECT_EQ(trainer.resumed, 1) << "from the checkpoint";
    EXPECT_EQ(trainer.trainings, 7) << "none but the interrupted one twice";
    EXPECT_EQ(resumed.choice(), unbroken.choice());
    EXPECT_EQ(resumed.strategy.alpha, unbroken.strategy.alpha) << "stopped in training " << at;
    for (size_t i = 0; i < 6; ++i)
      EXPECT_EQ(resumed.trained_alone.at(0).networks.at(i).choice,
                unbroken.trained_alone.at(0).networks.at(i).choice);
  }
}

// A second round trains half as many (of three: one) for longer.
SearchConfig with_two_rounds() {
  SearchConfig config = with_trained_alone();
  config.fidelities = {0.25, 0.5};
  config.strategy.shortlist = 3;  // as few as a network to train is chosen from
  return config;
}

TEST(SearchTrainedAlone, ASecondRoundBeginsWithTheBestOfTheFirst) {
  const SearchProblem problem = test::small_problem(8);
  const TemporaryFolder folder;
  SearchConfig config = with_two_rounds();
  config.fidelities.pop_back();
  const SearchResult one = run(problem, config, folder.path());
  const SearchResult two = run(problem, with_two_rounds(), folder.path());
  ASSERT_EQ(two.trained_alone.size(), 2);
  EXPECT_EQ(two.trained_alone[0].networks.size(), 6);  // those of the first search
  const auto& networks = two.trained_alone[1].networks;
  ASSERT_EQ(networks.size(), 2);
  EXPECT_EQ(two.trained_alone[1].epochs, 0.5);
  EXPECT_EQ(networks[0].choice, one.choice());
  EXPECT_NE(networks[1].choice, networks[0].choice);
  EXPECT_EQ(two.trained_alone[1].shares.front().first, "shorter trainings");
  EXPECT_EQ(two.cost.trained_alone.images, 6 * 250 + 2 * 500);
}

TEST(SearchTrainedAlone, TakesThoseOfAnotherBudgetsSearch) {
  const SearchConfig config = with_trained_alone();
  const TemporaryFolder folder;
  run(test::small_problem(8), config, folder.path());
  fs::remove(folder.path() / "strategy.json");
  const SearchResult other = run(test::small_problem(9), config, folder.path());
  EXPECT_EQ(other.trained_alone.at(0).networks.front().budget, "test 8.000 ms");
  EXPECT_GT(other.trained_alone.at(0).networks.size(), 6);
}

// One that was begun for another budget may not even keep this one.
TEST(SearchTrainedAlone, DoesNotTakeUpWhatAnotherBudgetBegan) {
  const SearchConfig config = with_trained_alone();
  const TemporaryFolder folder;
  test::KnownTrainer trainer(test::known_effects(test::small_space()));
  trainer.interrupt_at = 4;  // the first of 12 ms
  EXPECT_THROW(search(test::small_problem(8), trainer, config, 5, folder.path(), {}), Interrupted);
  fs::remove(folder.path() / "strategy.json");
  const SearchProblem smaller = test::small_problem(7);
  const SearchResult other = search(smaller, trainer, config, 5, folder.path(), {});
  EXPECT_EQ(trainer.resumed, 0);
  for (const NetworkAlone& network : other.trained_alone.at(0).networks) {
    if (network.budget != "test 7.000 ms") continue;
    EXPECT_LE(whole_costs(smaller, network.choice)->front().ms, 7);
  }
}

TEST(SearchTrainedAlone, NeedsArchitectureParameters) {
  SearchConfig config = with_trained_alone();
  config.strategy.algorithm = "random";
  EXPECT_THROW(check(config), Error);
}

TEST(SearchTrainedAlone, NeedsRoundsThatGrow) {
  SearchConfig config = with_trained_alone();
  config.fidelities = {};
  EXPECT_THROW(check(config), Error);
  config.fidelities = {1, 1};  // of the same networks
  EXPECT_THROW(check(config), Error);
}

}  // namespace
}  // namespace vpunas
