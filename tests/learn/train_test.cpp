#include "learn/train.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "learn/evaluate.h"
#include "tests/error_of.h"
#include "tests/learn/support.h"

namespace vpunas {
namespace {

Graph small_network() { return lower(choose(test::small_space(), {1, 1, 2}, "small"), {}); }

TrainConfig quick_recipe(double epochs) {
  TrainConfig config;
  config.epochs = epochs;
  config.recipe.batch_size = 64;
  config.recipe.lr = 0.1;
  return config;
}

TrainJob small_job(const TrainConfig& config) {
  return {.graph = small_network(),
          .augmentation = {.crop_padding = 2, .flip = true},
          .config = config,
          .seed = 7};
}

TrainResult run(const TrainConfig& config, const fs::path& checkpoint, const Work& work = {},
                int64_t images = 512) {
  return train(small_job(config), test::small_data(images), checkpoint, work);
}

TEST(Train, LearnsTheSyntheticClasses) {
  const TemporaryFolder folder;
  const Dataset data = test::small_data(1500);
  TrainJob job = small_job(quick_recipe(8));
  job.augmentation = {};
  const TrainResult result = train(job, data, folder.path() / "checkpoint.safetensors", {});
  EXPECT_GT(evaluate(small_network(), result.weights, data.test).accuracy, 0.6);  // chance is 0.1
  ASSERT_FALSE(result.curve.empty());
  EXPECT_LT(result.curve.back().train_loss, result.curve.front().train_loss);
}

// Between two looks at the loss the weights may overflow.
TEST(Train, SaysThatItDivergedAlsoWhereTheWeightsShowItFirst) {
  const TemporaryFolder folder;
  TrainConfig config = quick_recipe(2);
  config.recipe.lr = 1e30;
  const std::string message = test::error_of([&] { run(config, folder.path() / "checkpoint"); });
  EXPECT_NE(message.find("training of small: "), std::string::npos) << message;
  EXPECT_NE(message.find("not finite"), std::string::npos) << message;
  EXPECT_NE(message.find("lower the learning rate"), std::string::npos) << message;
}

// Ten steps with a fixed seed: any change of initialisation, order of images, loss or optimiser
// shows here. The tolerance leaves room for other processors' rounding.
TEST(Train, FollowsItsGoldenCurve) {
  constexpr double golden[] = {2.3052, 2.2995, 2.2851, 2.2782, 2.2682,
                               2.2594, 2.2445, 2.2558, 2.2092, 2.2556};
  const TemporaryFolder folder;
  std::vector<double> losses;
  Work work;
  work.report = [&](const Event& event) {
    if (event.kind == Event::Kind::step) losses.push_back(event.metrics.at("loss"));
  };
  run(quick_recipe(1.25), folder.path() / "checkpoint", work);
  ASSERT_EQ(losses.size(), std::size(golden));
  for (size_t i = 0; i < losses.size(); ++i)
    EXPECT_NEAR(losses[i], golden[i], 0.02) << "step " << i;
}

TEST(Train, SameSeedGivesTheSameWeights) {
  const TemporaryFolder folder;
  const TrainResult a = run(quick_recipe(1), folder.path() / "a"),
                    b = run(quick_recipe(1), folder.path() / "b");
  EXPECT_EQ(a.weights, b.weights);
}

TEST(Train, ResumedEqualsUnbroken) {
  const TemporaryFolder folder;
  const TrainResult unbroken = run(quick_recipe(2), folder.path() / "unbroken");
  for (const int steps : {1, 5, 11}) {
    const fs::path checkpoint = folder.path() / "broken";
    test::StopAfter stop(steps);
    EXPECT_THROW(run(quick_recipe(2), checkpoint, stop.work), Interrupted);
    const TrainResult resumed = run(quick_recipe(2), checkpoint);
    EXPECT_EQ(resumed.weights, unbroken.weights) << "stopped after step " << steps;
    EXPECT_EQ(resumed.curve.size(), unbroken.curve.size());
    fs::remove(checkpoint);
  }
}

// Everything that is random in a step comes from the step, so it survives a stop, too.
TEST(Train, ResumedEqualsUnbrokenWithEveryPartOfARecipe) {
  const TemporaryFolder folder;
  TrainJob job = small_job(quick_recipe(2));
  job.config.recipe.optimizer = "adamw";
  job.config.recipe.lr = 0.003;
  job.config.accumulate = 2;
  job.config.clip_norm = 1;
  job.config.mixup = 0.2;
  job.config.cutmix = 1;
  job.config.dropout = 0.2;
  job.config.drop_path = 0.2;
  const Dataset data = test::small_data(512);
  const TrainResult unbroken = train(job, data, folder.path() / "unbroken", {});
  for (const int steps : {1, 5}) {
    const fs::path checkpoint = folder.path() / "broken";
    test::StopAfter stop(steps);
    EXPECT_THROW(train(job, data, checkpoint, stop.work), Interrupted);
    const TrainResult resumed = train(job, data, checkpoint, {});
    EXPECT_EQ(resumed.weights, unbroken.weights) << "stopped after step " << steps;
    EXPECT_EQ(resumed.best, unbroken.best);
    EXPECT_EQ(resumed.best_epoch, unbroken.best_epoch);
    fs::remove(checkpoint);
  }
}

// Without batch norm's statistics of a batch, halves of it sum to the whole.
TEST(Train, AccumulatedBatchesAreOneLargeBatch) {
  Graph graph = image_graph({3, 16, 16}, {});
  graph.name = "linear";
  graph.add("pool", GlobalPool{}, {1});
  graph.add("classifier", Linear{.out_features = 10, .bias = true}, {2});
  const TemporaryFolder folder;
  TrainJob job = small_job(quick_recipe(1));
  job.graph = graph;
  const Dataset data = test::small_data(512);
  const TrainResult whole = train(job, data, folder.path() / "whole", {});
  job.config.recipe.batch_size /= 4;
  job.config.accumulate = 4;
  const TrainResult parts = train(job, data, folder.path() / "parts", {});
  EXPECT_EQ(parts.images_seen, whole.images_seen);
  for (const auto& [name, value] : whole.weights) {
    const std::vector<float>& others = parts.weights.at(name).data;
    for (size_t i = 0; i < others.size(); ++i) EXPECT_NEAR(others[i], value.data[i], 1e-5) << name;
  }
}

TEST(Train, StartsFromGivenWeightsAndKeepsFrozenOnes) {
  const TemporaryFolder folder;
  const Dataset data = test::small_data(512);
  TrainJob job = small_job(quick_recipe(1));
  job.config.ema_decay = 0;
  const Weights before = train(job, data, folder.path() / "a", {}).weights;
  job.initial = before;
  job.initial->erase("classifier.1.weight");  // a new head
  job.initial->erase("classifier.1.bias");
  job.config.frozen = 2;
  const Weights after = train(job, data, folder.path() / "b", {}).weights;
  for (const auto& [name, value] : after) {
    const bool frozen = name.starts_with("features.0.") || name.starts_with("features.1.");
    if (name == "preprocess.weight") continue;
    EXPECT_EQ(value == before.at(name), frozen) << name;
  }
  job.config.frozen = 99;
  EXPECT_THROW(train(job, data, folder.path() / "c", {}), Error);
  job.config.frozen = 0;
  job.initial->at("features.0.0.weight").dims[0] = 1;
  EXPECT_THROW(train(job, data, folder.path() / "d", {}), Error);
}

// Frozen blocks and trained ones are one chain where nothing else reads what passes between them.
TEST(Train, KeepsWhatIsFrozenWithinAChain) {
  const TemporaryFolder folder;
  const Dataset data = test::small_data(512);
  for (const Choice& choice : {Choice{0, 0, 0}, Choice{0, 2, 0}}) {
    TrainJob job = small_job(quick_recipe(1));
    job.graph = lower(choose(test::small_space(), choice, "chained"), {});
    job.config.ema_decay = 0;
    const Weights before = train(job, data, folder.path() / "a", {}).weights;
    job.initial = before;
    job.config.frozen = 2;
    const Weights after = train(job, data, folder.path() / "b", {}).weights;
    for (const auto& [name, value] : after) {
      if (name.starts_with("features.0.") || name.starts_with("features.1.")) {
        EXPECT_EQ(value, before.at(name)) << name;
      }
    }
    fs::remove(folder.path() / "a");
    fs::remove(folder.path() / "b");
  }
}

// A student that sees the teacher's outputs alone learns the classes.
TEST(Train, LearnsFromATeacher) {
  const TemporaryFolder folder;
  Dataset data = test::small_data(1500);
  TrainJob job = small_job(quick_recipe(8));
  job.augmentation = {};
  const Weights taught = train(job, data, folder.path() / "teacher", {}).weights;
  job.teacher = {small_network(), taught};
  job.config.distillation = 1;
  job.config.temperature = 2;
  job.seed = 8;
  std::fill(data.train.labels.begin(), data.train.labels.end(), 0);
  const TrainResult result = train(job, data, folder.path() / "student", {});
  EXPECT_GT(evaluate(small_network(), result.weights, data.test).accuracy, 0.5);  // chance is 0.1
}

TEST(Train, KeepsTheBestOfItsCurve) {
  const TemporaryFolder folder;
  const Dataset data = test::small_data(512);
  TrainConfig config = quick_recipe(4);
  config.ema_decay = 0;
  const TrainResult result = train(small_job(config), data, folder.path() / "checkpoint", {});
  const auto best = std::max_element(
      result.curve.begin(), result.curve.end(),
      [](const auto& a, const auto& b) { return a.validation_accuracy < b.validation_accuracy; });
  EXPECT_EQ(result.best_epoch, best->epoch);
  EXPECT_DOUBLE_EQ(evaluate(small_network(), result.best, data.validation).accuracy,
                   best->validation_accuracy);
}

TEST(Train, RefusesACheckpointOfOtherWork) {
  const TemporaryFolder folder;
  const fs::path checkpoint = folder.path() / "checkpoint";
  test::StopAfter stop(2);
  EXPECT_THROW(run(quick_recipe(2), checkpoint, stop.work), Interrupted);
  try {
    run(quick_recipe(3), checkpoint);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("other work"), std::string::npos) << error.what();
  }
}

TEST(Train, RefusesADamagedCheckpoint) {
  const TemporaryFolder folder;
  const fs::path checkpoint = folder.path() / "checkpoint";
  test::StopAfter stop(2);
  EXPECT_THROW(run(quick_recipe(2), checkpoint, stop.work), Interrupted);
  const std::string bytes = read_file(checkpoint);
  write_file(checkpoint, bytes.substr(0, bytes.size() / 2));
  EXPECT_THROW(run(quick_recipe(2), checkpoint), Error);
}

TEST(Train, SaysThatTheLossIsNotFinite) {
  const TemporaryFolder folder;
  TrainConfig config = quick_recipe(4);
  config.recipe.lr = 100;
  config.recipe.warmup = 0;
  Dataset data = test::small_data();
  data.train.load = [](int64_t, uint8_t* pixels) { std::fill(pixels, pixels + 768, uint8_t{255}); };
  Preprocess huge;
  huge.scale = {1e38};
  const Graph graph = lower(choose(test::small_space(), {1, 1, 2}, "small"), huge);
  try {
    train({.graph = graph, .config = config, .seed = 7}, data, folder.path() / "checkpoint", {});
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("not finite"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace vpunas
