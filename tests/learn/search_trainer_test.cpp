#include "learn/search_trainer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/text.h"
#include "learn/network.h"
#include "learn/train_supernet.h"
#include "search/search.h"
#include "tests/learn/support.h"

namespace vpunas {
namespace {

namespace F = torch::nn::functional;

// A trainer with all that it refers to.
struct Bench {
  SearchSpace space = test::small_space();
  Preprocess preprocess = {};
  Dataset data = test::small_data();
  Augmentation augmentation = {};
  SupernetConfig supernet = {};
  TrainConfig alone = {};
  ProcessGroup group = {};

  Bench() { supernet.recipe.batch_size = alone.recipe.batch_size = 32; }  // 16 steps an epoch

  std::unique_ptr<Trainer> trainer(const fs::path& folder, const Work& work = {}) const {
    return make_search_trainer({.space = space,
                                .preprocess = preprocess,
                                .data = data,
                                .augmentation = augmentation,
                                .supernet = supernet,
                                .alone = alone,
                                .seed = 5,
                                .workers = 1,
                                .supernet_file = folder / "supernet.safetensors"},
                               work, group);
  }
};

std::unique_ptr<TrainedSupernet> supernet_of(const Bench& bench) {
  const TemporaryFolder folder;
  return bench.trainer(folder.path())->train_supernet();
}

// Beginnings that networks share are computed once; that must not change what a network loses.
TEST(TorchSupernet, ScoresAreThoseOfEveryNetworkAlone) {
  const Bench bench;
  const TemporaryFolder folder;
  const auto trained = bench.trainer(folder.path())->train_supernet();
  const std::vector<Choice> choices{{0, 0, 0}, {0, 1, 1}, {1, 0, 2}, {1, 2, 0}, {1, 2, 2}};
  const auto scores = trained->score(choices, {.count = 100, .skip = 0, .seed = 7});
  EXPECT_EQ(trained->images_shown(100), 100);

  torch::NoGradGuard no_grad;
  const SharedWeights shared =
      train_supernet(bench.space, {}, bench.data.train, bench.data.name, {}, bench.supernet, 5, 1,
                     folder.path() / "supernet.safetensors", {});
  Loader loader(bench.data.validation, {}, 100, 7, 0, 0);
  const Batch batch = loader.next();
  for (size_t i = 0; i < choices.size(); ++i) {
    const auto outputs = shared.supernet.forward(to_tensor(batch, bench.data.train.shape),
                                                 choices[i], Statistics::batch);
    EXPECT_NEAR(scores[i].loss, F::cross_entropy(outputs, labels_tensor(batch)).item<double>(),
                1e-5);
  }
}

TEST(TorchSupernet, SkipsImages) {
  const Bench bench;
  const auto trained = supernet_of(bench);
  const std::vector<Choice> one{{0, 0, 0}};
  const auto score = [&](int64_t skip) {
    return trained->score(one, {.count = 50, .skip = skip, .seed = 7})[0].loss;
  };
  EXPECT_NE(score(0), score(50));
  EXPECT_EQ(score(50), score(50));
}

TEST(TorchSupernet, ShowsNoImageTwiceWhereThereAreFewer) {
  Bench bench;
  bench.data.validation = subset(bench.data.validation, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  EXPECT_EQ(supernet_of(bench)->images_shown(512), 10);
}

// d(loss)/d(gate) by finite differences: a gate scales its candidate's output.
TEST(TorchSupernet, GateGradientsAreThoseOfBinarisedPaths) {
  const Bench bench;
  const auto trained = supernet_of(bench);
  const std::vector<PathPair> pairs{{0, 1}, {2, 2}, {1, 2}};
  const GateGradients first = trained->gate_gradients(pairs, 64, 3, 0);
  EXPECT_GT(first.loss, 0);
  ASSERT_EQ(first.gates.size(), 3);
  EXPECT_NE(first.gates[0][0], 0);
  EXPECT_NE(first.gates[0][1], 0);
  EXPECT_EQ(first.gates[1], (std::array<double, 2>{0, 0})) << "one candidate alone";
  // The same step again, and after others, is the same.
  trained->gate_gradients(pairs, 64, 3, 1);
  const GateGradients again = trained->gate_gradients(pairs, 64, 3, 0);
  EXPECT_EQ(again.loss, first.loss);
  EXPECT_EQ(again.gates, first.gates);
}

TEST(TorchSupernet, GivesTheWeightsOfItsNetworks) {
  const Bench bench;
  const auto trained = supernet_of(bench);
  for (const Choice& choice : {Choice{0, 0, 0}, Choice{1, 2, 1}}) {
    const Graph graph = lower(choose(bench.space, choice, "a"), {});
    Network network(graph, 0);
    EXPECT_NO_THROW(network.load(trained->weights(choice)));
    EXPECT_NE(trained->weights(choice), Network(graph, 0).weights());
  }
}

TEST(TorchTrainer, TrainsItsSupernetOnce) {
  const Bench bench;
  const TemporaryFolder folder;
  int steps = 0;
  Work work;
  work.report = [&](const Event& event) { steps += event.what == "shared weights"; };
  bench.trainer(folder.path(), work)->train_supernet();
  EXPECT_GT(steps, 0);
  steps = 0;
  bench.trainer(folder.path(), work)->train_supernet();
  EXPECT_EQ(steps, 0);
}

TEST(TorchTrainer, ATrainingAloneThatIsResumedEqualsAnUnbrokenOne) {
  const Bench bench;
  const TemporaryFolder folder;
  const fs::path checkpoint = folder.path() / "alone.safetensors";
  const Choice choice{1, 1, 1};
  const TrainedAlone unbroken =
      bench.trainer(folder.path())->train_alone(choice, "a", 0.5, folder.path() / "other");
  test::StopAfter stop(4);  // of 8
  EXPECT_THROW(bench.trainer(folder.path(), stop.work)->train_alone(choice, "a", 0.5, checkpoint),
               Interrupted);
  const TrainedAlone resumed =
      bench.trainer(folder.path())->train_alone(choice, "a", 0.5, checkpoint);
  EXPECT_EQ(resumed.score.loss, unbroken.score.loss);
  EXPECT_EQ(resumed.cost.images, unbroken.cost.images);
  EXPECT_EQ(unbroken.cost.images, 8 * 32 + bench.data.validation.size());
}

TEST(TorchTrainer, TakesADivergedNetworkForGuessing) {
  Bench bench;
  bench.alone.recipe.lr = 100;
  bench.alone.recipe.schedule = "step";
  const TemporaryFolder folder;
  const TrainedAlone trained =
      bench.trainer(folder.path())->train_alone({0, 0, 0}, "a", 4, folder.path() / "checkpoint");
  EXPECT_DOUBLE_EQ(trained.score.loss, std::log(10.0));
  EXPECT_DOUBLE_EQ(trained.score.accuracy, 0.1);
}

// A network trained alone is known by what its training is.
TEST(TorchTrainer, KeysTrainingsByRecipeAndFidelity) {
  const Bench bench;
  Bench other;
  other.alone.recipe.lr = 0.2;
  Bench taught;  // what only the final training has
  taught.alone.teacher = "resnet18";
  const TemporaryFolder folder;
  const std::string key = bench.trainer(folder.path())->alone_key(1);
  EXPECT_EQ(taught.trainer(folder.path())->alone_key(1), key);
  EXPECT_NE(other.trainer(folder.path())->alone_key(1), key);
  EXPECT_NE(bench.trainer(folder.path())->alone_key(2), key);
}

SearchConfig quick_search(const std::string& algorithm) {
  SearchConfig config;
  config.strategy.algorithm = algorithm;
  config.strategy.networks = 12;
  config.strategy.held_out_images = 128;
  config.strategy.arch_steps = 30;
  config.strategy.arch_batch_size = 64;
  config.sweep = {0.8};
  const bool ranks = algorithm == "random" || algorithm == "evolution";
  config.trained_alone = ranks ? 0 : 1;
  config.fidelities = {0.25};
  return config;
}

class SearchByTraining : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Algorithms, SearchByTraining,
                         testing::Values("linear", "gates", "gumbel", "random", "evolution"));

// Whatever a search does, it may not look at a test image.
TEST_P(SearchByTraining, SeesNoTestImage) {
  Bench bench;
  bench.data.test.load = [](int64_t, uint8_t*) { throw std::logic_error("a test image was read"); };
  const TemporaryFolder folder;
  const auto trainer = bench.trainer(folder.path());
  EXPECT_NO_THROW(
      search(test::small_problem(8), *trainer, quick_search(GetParam()), 5, folder.path(), {}));
}

TEST_P(SearchByTraining, ResumedEqualsUnbroken) {
  const Bench bench;
  const SearchProblem problem = test::small_problem(8);
  const SearchConfig config = quick_search(GetParam());
  const TemporaryFolder folder;
  const auto run = [&](const char* name, const Work& work) {
    const fs::path path = folder.path() / name;
    return search(problem, *bench.trainer(path, work), config, 5, path, work);
  };
  const SearchResult unbroken = run("unbroken", {});
  test::StopAfter stop(3);
  EXPECT_THROW(run("broken", stop.work), Interrupted);
  if (!unbroken.strategy.history.empty()) {
    test::StopAfter later(16 + 40);
    EXPECT_THROW(run("broken", later.work), Interrupted);
  }
  const SearchResult resumed = run("broken", {});
  EXPECT_EQ(resumed.choice(), unbroken.choice());
  EXPECT_EQ(resumed.strategy.alpha, unbroken.strategy.alpha);
  EXPECT_EQ(resumed.cost.total().images, unbroken.cost.total().images);
  for (size_t i = 0; i < resumed.front.size(); ++i)
    EXPECT_EQ(resumed.front[i].network.score.loss, unbroken.front[i].network.score.loss);
}

// A slot offers a block that destroys the image (its weights cannot help: 1x1 stride 4 sees one
// pixel in 16) and one that keeps it, at equal cost: the search must prefer the latter.
class SearchOfSight : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Algorithms, SearchOfSight, testing::Values("gates", "gumbel"));
TEST_P(SearchOfSight, FindsTheAccurateBlockWhereCostDoesNotMatter) {
  BlockSpec blind = test::block(BlockKind::conv, 16, 4);
  blind.kernel = 1;
  BlockSpec sighted = test::block(BlockKind::fused_mbconv, 16, 4, 2);
  sighted.kernel = 5;
  Bench bench;
  bench.space.slots = {{{blind, sighted}}, {{test::block(BlockKind::conv, 24, 2)}}};
  bench.supernet.epochs = 12;
  SearchConfig config = quick_search(GetParam());
  config.strategy.arch_steps = 60;
  config.strategy.budget_floor = 0;
  config.trained_alone = 0;
  config.sweep = {};
  const TemporaryFolder folder;
  const SearchResult result = search(test::small_problem(1000, bench.space),
                                     *bench.trainer(folder.path()), config, 5, folder.path(), {});
  EXPECT_EQ(result.choice().front(), 1);
  EXPECT_GT(result.strategy.alpha[0][1], result.strategy.alpha[0][0]);
}

// Two slots with a block that sees the whole image and ones that see a sixteenth of it; in the
// first another sees even more, but is over the budget alone. So the best network within it is
// known. What a search does with known answers is tested in milliseconds (tests/search); this is
// whether training gives such answers.
class SearchSlow : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Algorithms, SearchSlow, testing::Values("gates", "gumbel"));
TEST_P(SearchSlow, FindsTheKnownBestNetwork) {
  BlockSpec blind = test::block(BlockKind::conv, 16, 4);
  blind.kernel = 1;
  BlockSpec blind_too = test::block(BlockKind::fused_mbconv, 16, 4, 2);
  blind_too.kernel = 1;
  BlockSpec seeing = test::block(BlockKind::conv, 16, 4);
  seeing.kernel = 5;
  BlockSpec dear = seeing;
  dear.kernel = 7;
  Bench bench;
  bench.space.stem.kernel = 1;  // it must not see for blind blocks
  bench.space.slots = {{{blind, seeing, blind_too, dear}}, {{blind_too, blind, seeing}}};
  bench.data = test::small_data(1500);
  bench.supernet.epochs = 20;
  SearchConfig config = quick_search(GetParam());
  config.strategy.arch_steps = 200;
  config.strategy.budget_floor = 0;
  config.trained_alone = 0;
  config.sweep = {};
  SearchProblem problem = test::small_problem(1, bench.space);
  problem.sweep = {{1.02 * whole_costs(problem, {1, 2})->front().ms}};
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    const TemporaryFolder folder;
    const SearchResult result =
        search(problem, *bench.trainer(folder.path()), config, seed, folder.path(), {});
    EXPECT_EQ(result.choice(), (Choice{1, 2})) << "seed " << seed;
  }
}

}  // namespace
}  // namespace vpunas
