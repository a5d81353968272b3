#include "learn/train.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "learn/evaluate.h"
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

TrainResult run(const TrainConfig& config, const fs::path& checkpoint, const Work& work = {},
                int64_t images = 512) {
  return train(small_network(), test::small_data(images), {.crop_padding = 2, .flip = true}, config,
               7, 1, checkpoint, work);
}

TEST(Train, LearnsTheSyntheticClasses) {
  const TemporaryFolder folder;
  const Dataset data = test::small_data(1500);
  const TrainResult result = train(small_network(), data, {}, quick_recipe(8), 7, 1,
                                   folder.path() / "checkpoint.safetensors", {});
  EXPECT_GT(evaluate(small_network(), result.weights, data.test).accuracy, 0.6);  // chance is 0.1
  ASSERT_FALSE(result.curve.empty());
  EXPECT_LT(result.curve.back().train_loss, result.curve.front().train_loss);
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
  huge.scale = 1e38;
  const Graph graph = lower(choose(test::small_space(), {1, 1, 2}, "small"), huge);
  try {
    train(graph, data, {}, config, 7, 1, folder.path() / "checkpoint", {});
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("not finite"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace vpunas
