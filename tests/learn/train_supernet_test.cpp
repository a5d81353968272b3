#include "learn/train_supernet.h"

#include <gtest/gtest.h>

#include "tests/learn/support.h"

namespace vpunas {
namespace {

TEST(FairChoice, DrawsEveryCandidateEquallyOften) {
  SearchSpace space = test::small_space();
  std::vector<std::vector<int>> counts;
  for (const Slot& slot : space.slots) counts.emplace_back(slot.size(), 0);
  for (int64_t step = 0; step < 60; ++step) {
    const Choice choice = fair_choice(space, 1, step);
    for (size_t slot = 0; slot < choice.size(); ++slot)
      ++counts[slot][static_cast<size_t>(choice[slot])];
  }
  for (const auto& slot : counts) {
    for (const int count : slot) EXPECT_EQ(count, 60 / static_cast<int>(slot.size()));
  }
}

TEST(FairChoice, DependsOnSeedAndStepAlone) {
  EXPECT_EQ(fair_choice(test::small_space(), 4, 17), fair_choice(test::small_space(), 4, 17));
}

// What dropout draws follows from the step alone.
TEST(TrainSupernet, ResumedWithDropoutEqualUnbroken) {
  const Dataset data = test::small_data();
  SearchSpace space = test::small_space();
  space.head.dropout = 0.5;
  SupernetConfig config;
  config.recipe.batch_size = 32;  // 16 steps
  const TemporaryFolder folder;
  const auto train = [&](const char* name, const Work& work) {
    return train_supernet(space, {}, data.train, data.name, {}, config, 1, 1, folder.path() / name,
                          work);
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
TEST(TrainSupernet, ClipTheGradientsOfEveryStep) {
  const Dataset data = test::small_data();
  SupernetConfig config;
  config.recipe.weight_decay = 0;
  config.recipe.batch_size = 32;
  const auto largest_move = [&](double clip_norm) {
    config.clip_norm = clip_norm;
    const TemporaryFolder folder;
    const SharedWeights shared =
        train_supernet(test::small_space(), {}, data.train, data.name, {}, config, 1, 1,
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

}  // namespace
}  // namespace vpunas
