#include "learn/search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/files.h"
#include "base/text.h"
#include "latency/census.h"
#include "learn/choosing.h"
#include "learn/shared_weights.h"
#include "tests/learn/support.h"

namespace vpunas {
namespace {

SearchConfig quick_search(const std::string& algorithm) {
  SearchConfig config;
  config.choosing.algorithm = algorithm;
  config.choosing.networks = 12;
  config.choosing.held_out_images = 128;
  config.choosing.arch_steps = 30;
  config.choosing.arch_batch_size = 64;
  config.weights.epochs = 4;
  config.weights.recipe.batch_size = 32;
  config.front = {0.8, 1.2};
  return config;
}

SearchResult run(const SearchProblem& problem, const SearchConfig& config, const fs::path& folder,
                 const Work& work = {}) {
  TrainConfig training;  // of finalists
  training.recipe.batch_size = 32;
  return search(problem, test::small_data(), {}, config, training, 5, 1, folder, work);
}

// The same, stopped after so many steps and begun again.
SearchResult resume_after(int steps, const SearchProblem& problem, const SearchConfig& config,
                          const fs::path& folder) {
  test::StopAfter stop(steps);
  EXPECT_THROW(run(problem, config, folder, stop.work), Interrupted);
  return run(problem, config, folder);
}

class SearchByAlgorithm : public testing::TestWithParam<const char*> {};

TEST_P(SearchByAlgorithm, DeliversANetworkWithinItsBudget) {
  const LatencyRange range =
      latency_range(test::small_space(), test::small_problem(1).devices[0].table);
  for (const double share : {0.15, 0.5, 0.9}) {
    const TemporaryFolder folder;
    const double budget = range.least.ms + share * (range.greatest.ms - range.least.ms);
    const SearchProblem problem = test::small_problem(budget);
    const SearchResult result = run(problem, quick_search(GetParam()), folder.path());
    const Latency whole = whole_latency(problem, result.choice)->front();
    EXPECT_LE(whole.ms, budget);
    EXPECT_DOUBLE_EQ(whole.ms, result.predicted[0].ms);
    EXPECT_LE(result.expected_ms[0], budget * 1.001);
  }
}

TEST_P(SearchByAlgorithm, ResumedEqualsUnbroken) {
  const SearchProblem problem = test::small_problem(8);
  const SearchConfig config = quick_search(GetParam());
  const TemporaryFolder folder;
  const SearchResult unbroken = run(problem, config, folder.path() / "unbroken");
  const bool steps_to_choose = !unbroken.history.empty();
  for (const int steps : {3, 64, 80, 100}) {  // 64 steps of weights, then 3 x 30 of preferences
    if (steps > 64 && !steps_to_choose) continue;
    const SearchResult resumed =
        resume_after(steps, problem, config, folder.path() / cat("broken", steps));
    EXPECT_EQ(resumed.choice, unbroken.choice);
    EXPECT_EQ(resumed.preference, unbroken.preference) << "stopped after step " << steps;
    ASSERT_EQ(resumed.front.size(), unbroken.front.size());
    for (size_t i = 0; i < resumed.front.size(); ++i) {
      EXPECT_EQ(resumed.front[i].network.scored.choice, unbroken.front[i].network.scored.choice);
      EXPECT_EQ(resumed.front[i].network.loss, unbroken.front[i].network.loss);
    }
    EXPECT_EQ(resumed.cost.total().images, unbroken.cost.total().images);
  }
}

TEST_P(SearchByAlgorithm, GivesANetworkForEveryBudgetOfTheFront) {
  const SearchProblem problem = test::small_problem(8);
  const TemporaryFolder folder;
  const SearchResult result = run(problem, quick_search(GetParam()), folder.path());
  ASSERT_EQ(result.front.size(), 3);
  for (size_t i = 0; i < 3; ++i) {
    const FrontPoint& point = result.front[i];
    EXPECT_DOUBLE_EQ(point.budgets[0], 8 * (0.8 + 0.2 * static_cast<double>(i)));
    EXPECT_LE(point.network.latency[0].ms, point.budgets[0]);
    EXPECT_GT(point.network.loss, 0);
  }
  EXPECT_EQ(result.front[1].network.scored.choice, result.choice);
}

// What dropout draws follows from the step alone.
TEST(SharedWeights, ResumedWithDropoutEqualUnbroken) {
  const Dataset data = test::small_data();
  SearchSpace space = test::small_space();
  space.head.dropout = 0.5;
  SharedWeightsConfig config;
  config.recipe.batch_size = 32;  // 16 steps
  const TemporaryFolder folder;
  const auto train = [&](const char* name, const Work& work) {
    return train_shared_weights(space, {}, data.train, data.name, {}, config, 1, 1,
                                folder.path() / name, work);
  };
  const SharedWeights unbroken = train("unbroken", {});
  test::StopAfter stop(5);
  EXPECT_THROW(train("broken", stop.work), Interrupted);
  torch::manual_seed(99);  // as another process would have it
  const SharedWeights resumed = train("broken", {});
  const auto expected = unbroken.supernet.trained_values();
  const auto values = resumed.supernet.trained_values();
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(torch::equal(values[i], expected[i]));
}

// Where clipped to next to nothing, no step moves a weight.
TEST(SharedWeights, ClipTheGradientsOfEveryStep) {
  const Dataset data = test::small_data();
  SharedWeightsConfig config;
  config.recipe.weight_decay = 0;
  config.recipe.batch_size = 32;
  const auto largest_move = [&](double clip_norm) {
    config.clip_norm = clip_norm;
    const TemporaryFolder folder;
    const SharedWeights shared =
        train_shared_weights(test::small_space(), {}, data.train, data.name, {}, config, 1, 1,
                             folder.path() / "supernet.safetensors", {});
    const Supernet untrained(test::small_space(), {}, 1, {},
                             {.projections = true, .residual_scale = 0.25});
    const auto before = untrained.trained_values(), after = shared.supernet.trained_values();
    double largest = 0;
    for (size_t i = 0; i < before.size(); ++i)
      largest = std::max(largest, (before[i] - after[i]).abs().max().item<double>());
    return largest;
  };
  EXPECT_LT(largest_move(1e-6), 1e-5);
  EXPECT_GT(largest_move(0), 1e-2);
}

TEST(ImageGroups, AreAsManyAsImagesAndNetworksAllow) {
  ImageSet images = test::small_data().validation;
  const auto size = static_cast<int>(images.size());
  ChoosingConfig config;
  config.networks = 1000;
  config.held_out_images = size / 8;
  EXPECT_EQ(image_groups(config, images), 7);  // as many again are for the ranking
  config.networks = 60;
  EXPECT_EQ(image_groups(config, images), 3);
  config.held_out_images = size;
  EXPECT_EQ(image_groups(config, images), 1);
  config.held_out_images = size / 8;
  config.algorithm = "evolution";  // compares single networks
  EXPECT_EQ(image_groups(config, images), 1);
}

// Whatever a search does, it may not look at a test image.
TEST_P(SearchByAlgorithm, SeesNoTestImage) {
  Dataset data = test::small_data();
  data.test.load = [](int64_t, uint8_t*) { throw std::logic_error("a test image was read"); };
  const TemporaryFolder folder;
  SearchConfig config = quick_search(GetParam());
  const std::string algorithm = GetParam();
  config.finalists = algorithm == "random" || algorithm == "evolution" ? 0 : 1;
  config.finalist_epochs = {0.25};
  EXPECT_NO_THROW(search(test::small_problem(8), data, {}, config, {}, 5, 2, folder.path(), {}));
}

INSTANTIATE_TEST_SUITE_P(Algorithms, SearchByAlgorithm,
                         testing::Values("effects", "gates", "gumbel", "random", "evolution"));

TEST(Search, RefusesAnImpossibleBudgetBeforeAnyTraining) {
  const TemporaryFolder folder;
  int steps = 0;
  Work work;
  work.report = [&](const Event&) { ++steps; };
  try {
    run(test::small_problem(0.001), quick_search("gates"), folder.path(), work);
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
  problem.devices[0].price = [](const Architecture& a) {
    const double ms = 2 * test::macs_price(lower(a, {}))->ms;
    return Latency{ms, ms, ms};
  };
  const SearchResult result = run(problem, quick_search("gates"), folder.path());
  EXPECT_LE(whole_latency(problem, result.choice)->front().ms, 12);
}

TEST(Search, TrainsItsWeightsOnceForAllAlgorithms) {
  const TemporaryFolder folder;
  const SearchProblem problem = test::small_problem(8);
  run(problem, quick_search("effects"), folder.path());
  fs::remove(folder.path() / "choosing.json");
  int weight_steps = 0;
  Work work;
  work.report = [&](const Event& event) { weight_steps += event.what == "shared weights"; };
  run(test::small_problem(7), quick_search("random"), folder.path(), work);
  EXPECT_EQ(weight_steps, 0);
}

TEST(Search, RefusesTheStateOfAnotherSearch) {
  const TemporaryFolder folder;
  const SearchProblem problem = test::small_problem(8);
  run(problem, quick_search("effects"), folder.path());
  EXPECT_THROW(run(problem, quick_search("random"), folder.path()), Error);
}

SearchConfig with_finalists() {
  SearchConfig config = quick_search("effects");
  config.weights.epochs = 1;
  config.front = {1.5};
  config.finalists = 3;
  config.finalist_epochs = {0.25};  // 4 steps
  return config;
}

TEST(SearchWithFinalists, TrainsSomeForEachBudgetWithinIt) {
  const SearchProblem problem = test::small_problem(8);
  const TemporaryFolder folder;
  const SearchResult result = run(problem, with_finalists(), folder.path());
  const auto& networks = result.finalists.at(0).networks;
  ASSERT_EQ(networks.size(), 6);
  std::set<Choice> distinct;
  for (size_t i = 0; i < networks.size(); ++i) {
    const Finalist& finalist = networks[i];
    const double budget = i < 3 ? 8 : 12;
    EXPECT_EQ(finalist.budget, i < 3 ? "test 8.000 ms" : "test 12.000 ms");
    EXPECT_LE(whole_latency(problem, finalist.choice)->front().ms, budget);
    EXPECT_GT(finalist.loss, 0);
    distinct.insert(finalist.choice);
  }
  EXPECT_EQ(distinct.size(), 6);
  double shares = 0;
  for (const auto& [group, share] : result.finalists.at(0).shares) shares += share;
  EXPECT_NEAR(shares, 1, 1e-9);
  EXPECT_EQ(result.cost.finalists.images, 6 * (4 * 32 + test::small_data().validation.size()));
  EXPECT_LE(result.predicted[0].ms, 8);
}

TEST(SearchWithFinalists, CountsTheirCostOnce) {
  const TemporaryFolder folder;
  const Stopwatch watch;
  const SearchResult result = run(test::small_problem(8), with_finalists(), folder.path());
  EXPECT_GT(result.cost.finalists.seconds, 0);
  EXPECT_LE(result.cost.total().seconds, watch.seconds());
}

TEST(SearchWithFinalists, ResumedEqualsUnbroken) {
  const SearchProblem problem = test::small_problem(8);
  const SearchConfig config = with_finalists();
  const TemporaryFolder folder;
  const SearchResult unbroken = run(problem, config, folder.path() / "unbroken");
  for (const int steps : {18, 26, 35}) {  // 16 of the weights, then 4 of each finalist
    const SearchResult resumed =
        resume_after(steps, problem, config, folder.path() / cat("broken", steps));
    EXPECT_EQ(resumed.choice, unbroken.choice);
    EXPECT_EQ(resumed.preference, unbroken.preference) << "stopped after step " << steps;
    ASSERT_EQ(resumed.finalists.at(0).networks.size(), unbroken.finalists[0].networks.size());
    for (size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(resumed.finalists.at(0).networks[i].choice,
                unbroken.finalists[0].networks[i].choice);
      EXPECT_EQ(resumed.finalists.at(0).networks[i].loss, unbroken.finalists[0].networks[i].loss);
    }
  }
}

// A second round trains half as many (of three: one) for longer.
SearchConfig with_two_rounds() {
  SearchConfig config = with_finalists();
  config.finalist_epochs = {0.25, 0.5};
  config.choosing.candidates = 3;  // as few as a finalist is chosen from
  return config;
}

TEST(SearchWithFinalists, ASecondRoundBeginsWithTheBestOfTheFirst) {
  const SearchProblem problem = test::small_problem(8);
  const TemporaryFolder folder;
  SearchConfig config = with_two_rounds();
  config.finalist_epochs.pop_back();
  const SearchResult one = run(problem, config, folder.path());
  const SearchResult two = run(problem, with_two_rounds(), folder.path());
  ASSERT_EQ(two.finalists.size(), 2);
  EXPECT_EQ(two.finalists[0].networks.size(), 6);  // those of the first search
  const auto& networks = two.finalists[1].networks;
  ASSERT_EQ(networks.size(), 2);
  EXPECT_EQ(two.finalists[1].epochs, 0.5);
  EXPECT_EQ(networks[0].choice, one.choice);
  EXPECT_NE(networks[1].choice, networks[0].choice);
  EXPECT_EQ(two.finalists[1].shares.front().first, "shorter trainings");
  const auto validation = test::small_data().validation.size();
  EXPECT_EQ(two.cost.finalists.images, 6 * (4 * 32 + validation) + 2 * (8 * 32 + validation));
}

TEST(SearchWithFinalists, ResumedInALaterRoundEqualsUnbroken) {
  const SearchProblem problem = test::small_problem(8);
  const SearchConfig config = with_two_rounds();
  const TemporaryFolder folder;
  const SearchResult unbroken = run(problem, config, folder.path() / "unbroken");
  const SearchResult resumed = resume_after(16 + 6 * 4 + 10, problem, config,  // in the last one
                                            folder.path() / "broken");
  EXPECT_EQ(resumed.choice, unbroken.choice);
  EXPECT_EQ(resumed.preference, unbroken.preference);
  ASSERT_EQ(resumed.finalists.size(), 2);
  EXPECT_EQ(to_json(resumed.finalists[1])["networks"][1]["loss"],
            to_json(unbroken.finalists[1])["networks"][1]["loss"]);
}

TEST(SearchWithFinalists, TakesThoseOfAnotherBudgetsSearch) {
  const SearchConfig config = with_finalists();
  const TemporaryFolder folder;
  run(test::small_problem(8), config, folder.path());
  fs::remove(folder.path() / "choosing.json");
  const SearchResult other = run(test::small_problem(9), config, folder.path());
  EXPECT_EQ(other.finalists.at(0).networks.front().budget, "test 8.000 ms");
  EXPECT_GT(other.finalists.at(0).networks.size(), 6);
}

// One that was begun for another budget may not even keep this one.
TEST(SearchWithFinalists, DoesNotTakeUpWhatAnotherBudgetBegan) {
  const SearchConfig config = with_finalists();
  const TemporaryFolder folder;
  test::StopAfter stop(16 + 3 * 4 + 2);  // in the first of 12 ms
  EXPECT_THROW(run(test::small_problem(8), config, folder.path(), stop.work), Interrupted);
  fs::remove(folder.path() / "choosing.json");
  const SearchResult other = run(test::small_problem(7), config, folder.path());
  for (const Finalist& finalist : other.finalists.at(0).networks) {
    if (finalist.budget != "test 7.000 ms") continue;
    EXPECT_LE(whole_latency(test::small_problem(7), finalist.choice)->front().ms, 7);
  }
}

TEST(SearchWithFinalists, CorrectsNothingWithoutThem) {
  const SearchProblem problem = test::small_problem(8);
  SearchConfig config = with_finalists();
  const TemporaryFolder folder;
  run(problem, config, folder.path() / "with");
  config.finalists = 0;
  const SearchResult after = run(problem, config, folder.path() / "with");
  EXPECT_TRUE(after.finalists.empty());
  EXPECT_EQ(after.cost.finalists.images, 0);
  EXPECT_EQ(after.preference, run(problem, config, folder.path() / "without").preference);
}

TEST(SearchWithFinalists, TrainsNoOtherNetworksCheckpointOn) {
  const SearchProblem problem = test::small_problem(8);
  const SearchConfig config = with_finalists();
  const TemporaryFolder folder;
  test::StopAfter stop(18);  // in the first finalist
  EXPECT_THROW(run(problem, config, folder.path(), stop.work), Interrupted);
  ASSERT_TRUE(fs::exists(folder.path() / "finalist.safetensors"));
  fs::remove(folder.path() / "finalists.json");
  fs::remove(folder.path() / "choosing.json");
  EXPECT_NO_THROW(run(test::small_problem(11), config, folder.path()));
  EXPECT_FALSE(fs::exists(folder.path() / "finalist.safetensors"));
}

TEST(SearchWithFinalists, TakesADivergedOneForGuessing) {
  TrainConfig training;
  training.recipe.batch_size = 32;
  training.recipe.lr = 100;
  training.recipe.schedule = "step";
  SearchConfig config = with_finalists();
  config.finalist_epochs = {4};
  config.finalists = 1;
  config.front = {};
  const TemporaryFolder folder;
  const SearchResult result = search(test::small_problem(8), test::small_data(), {}, config,
                                     training, 5, 1, folder.path(), {});
  ASSERT_EQ(result.finalists.at(0).networks.size(), 1);
  EXPECT_DOUBLE_EQ(result.finalists.at(0).networks[0].loss, std::log(10.0));
  EXPECT_DOUBLE_EQ(result.finalists.at(0).networks[0].accuracy, 0.1);
}

TEST(SearchWithFinalists, NeedsPreferences) {
  SearchConfig config = with_finalists();
  config.choosing.algorithm = "random";
  const TemporaryFolder folder;
  EXPECT_THROW(run(test::small_problem(8), config, folder.path()), Error);
}

TEST(SearchWithFinalists, NeedsRoundsThatGrow) {
  SearchConfig config = with_finalists();
  config.finalist_epochs = {};
  EXPECT_THROW(check(config), Error);
  config.finalist_epochs = {1, 1};  // of the same networks
  EXPECT_THROW(check(config), Error);
}

TEST(Search, ChoosesTheWidthsOfStages) {
  const SearchSpace space = test::space_of_widths();
  const double wide = test::macs_price(lower(choose(space, {0, 0, 1}, ""), {}))->ms;
  const double narrow = test::macs_price(lower(choose(space, {0, 1, 1}, ""), {}))->ms;
  for (const char* algorithm : {"effects", "gates", "evolution"}) {
    const SearchProblem problem = test::small_problem(0.5 * (wide + narrow), space);
    const TemporaryFolder folder;
    const SearchResult result = run(problem, quick_search(algorithm), folder.path());
    const Architecture found = choose(space, result.choice, "found");
    EXPECT_LE(result.predicted.front().ms, problem.ladder.front().front()) << algorithm;
    if (found.blocks[2].kind != BlockKind::skip) {
      EXPECT_EQ(found.blocks[2].out_channels, found.blocks[1].out_channels) << algorithm;
    }
  }
}

TEST(Search, ChoosesTheSizeOfTheInput) {
  const SearchSpace space = test::space_of_inputs();
  const auto price = [&](const Choice& choice) {
    return test::macs_price(lower(choose(space, choice, ""), {}))->ms;
  };
  double least_of_whole = std::numeric_limits<double>::infinity();
  for (const Choice& rest : test::all_choices())
    least_of_whole = std::min(least_of_whole, price({1, rest[0], rest[1], rest[2]}));
  for (const char* algorithm : {"effects", "gates", "gumbel", "evolution"}) {
    SearchConfig config = quick_search(algorithm);
    config.finalists = std::string(algorithm) == "effects" ? 2 : 0;
    config.finalist_epochs = {0.05};
    for (const double budget : {0.99 * least_of_whole, 1.5 * least_of_whole}) {
      const SearchProblem problem = test::small_problem(budget, space);
      const TemporaryFolder folder;
      const SearchResult result = run(problem, config, folder.path());
      EXPECT_LE(price(result.choice), budget) << algorithm;
      if (budget < least_of_whole) {
        EXPECT_EQ(choose(space, result.choice, "found").input.h, 12) << algorithm;
      }
    }
  }
}

// Networks of half of such a budget are not to be had.
TEST(Search, ABudgetAboveAllNetworksStillTellsThemApart) {
  SearchConfig config = quick_search("effects");
  config.front = {};
  const TemporaryFolder folder;
  const SearchResult result = run(test::small_problem(1e6), config, folder.path());
  double strongest = 0;
  for (const auto& slot : result.preference) {
    for (const double u : slot) strongest = std::max(strongest, std::abs(u));
  }
  EXPECT_GT(strongest, 0);
}

TEST(Search, EvolutionHasChildrenWhereNothingReachesTheFloor) {
  SearchConfig config = quick_search("evolution");
  config.front = {};
  const TemporaryFolder folder;
  const SearchResult result = run(test::small_problem(1e6), config, folder.path());
  EXPECT_GT(result.cost.choosing.images, config.choosing.held_out_images * 12 / 4);
}

TEST(Search, GivesTheWeightsThatItsNetworksInherit) {
  const SearchProblem problem = test::small_problem(8);
  const TemporaryFolder folder;
  const SearchResult result = run(problem, quick_search("effects"), folder.path());
  for (const FrontPoint& point : result.front) {
    const Graph graph = lower(choose(problem.train_space, point.network.scored.choice, "a"), {});
    Network network(graph, 0);
    EXPECT_NO_THROW(network.load(point.inherited));
    EXPECT_NE(point.inherited, Network(graph, 0).weights());
  }
}

TEST(Search, EndsWithTheBudgetCodeWhereOnlyTheTableFits) {
  const TemporaryFolder folder;
  SearchProblem problem = test::small_problem(8);
  problem.devices[0].price = [](const Architecture&) { return Latency{1000, 1000, 1000}; };
  try {
    run(problem, quick_search("gates"), folder.path());
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
  problem.devices[0].table = build_table(problem.deploy_space, {}, test::macs_price, {});
  const TemporaryFolder folder;
  SearchConfig config = quick_search("gates");
  config.weights.epochs = 12;
  config.choosing.arch_steps = 60;
  config.choosing.budget_floor = 0;
  const SearchResult result = run(problem, config, folder.path());
  EXPECT_EQ(result.choice.front(), 1);
  EXPECT_GT(result.preference[0][1], result.preference[0][0]);
}

// Two slots with a block that sees the whole image and ones that see a sixteenth of it; in the
// first another sees even more, but is over the budget alone. So the best network within it is
// known.
SearchProblem known_best() {
  SearchSpace space = test::small_space();
  space.stem.kernel = 1;  // it must not see for blind blocks
  SearchProblem problem = test::small_problem(1, space);
  BlockSpec blind = test::block(BlockKind::conv, 16, 4);
  blind.kernel = 1;
  BlockSpec blind_too = test::block(BlockKind::fused_mbconv, 16, 4, 2);
  blind_too.kernel = 1;
  BlockSpec seeing = test::block(BlockKind::conv, 16, 4);
  seeing.kernel = 5;
  BlockSpec dear = seeing;
  dear.kernel = 7;
  problem.train_space.slots = {{{blind, seeing, blind_too, dear}}, {{blind_too, blind, seeing}}};
  problem.deploy_space = problem.train_space;
  problem.devices[0].table = build_table(problem.deploy_space, {}, test::macs_price, {});
  problem.ladder = {{1.02 * whole_latency(problem, {1, 2})->front().ms}};
  return problem;
}

class SearchSlow : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Algorithms, SearchSlow, testing::Values("gates", "gumbel"));

TEST_P(SearchSlow, FindsTheKnownBestNetworkWithEverySeed) {
  const SearchProblem problem = known_best();
  const Dataset data = test::small_data(1500);
  SearchConfig config = quick_search(GetParam());
  config.weights.epochs = 20;
  config.choosing.arch_steps = 200;
  config.front = {};
  config.choosing.budget_floor = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const TemporaryFolder folder;
    const SearchResult result = search(problem, data, {}, config, {}, seed, 1, folder.path(), {});
    EXPECT_EQ(result.choice, (Choice{1, 2})) << "seed " << seed;
  }
}

}  // namespace
}  // namespace vpunas
