#include "learn/held_out.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/learn/support.h"

namespace vpunas {
namespace {

namespace F = torch::nn::functional;

// Beginnings that networks share are computed once; that must not change what a network loses.
TEST(HeldOut, GivesTheLossOfEveryNetworkAlone) {
  const Dataset data = test::small_data();
  Supernet supernet(test::small_space(), {}, 1);
  HeldOut held_out(supernet, data.validation, 100, 0, 7);
  const std::vector<Choice> choices{{1, 2, 0}, {0, 0, 0}, {1, 2, 2}, {0, 1, 1}, {1, 0, 2}};
  held_out.evaluate(choices, [] {});

  torch::NoGradGuard no_grad;
  Loader loader(data.validation, {}, 100, 7, 0, 0);
  const Batch batch = loader.next();
  for (const Choice& choice : choices) {
    const auto outputs =
        supernet.forward(to_tensor(batch, data.train.shape), choice, Statistics::batch);
    EXPECT_NEAR(held_out[choice].loss,
                F::cross_entropy(outputs, labels_tensor(batch)).item<double>(), 1e-5);
  }
  EXPECT_EQ(held_out.images_seen(), 500);
}

// Each group is judged as if it were alone on the images that its number skips to.
TEST(HeldOut, GivesEveryGroupImagesOfItsOwn) {
  const Dataset data = test::small_data();
  Supernet supernet(test::small_space(), {}, 1);
  HeldOut held_out(supernet, data.validation, 50, 50, 7, 3);
  held_out.evaluate(test::all_choices(), [] {});
  std::vector<int> members(3);
  for (int group = 0; group < 3; ++group) {
    HeldOut alone(supernet, data.validation, 50, 50 * (group + 1), 7);
    alone.evaluate(test::all_choices(), [] {});
    for (const Choice& choice : test::all_choices()) {
      if (held_out.group_of(choice) != group) continue;
      EXPECT_NEAR(held_out[choice].loss, alone[choice].loss, 1e-5);
      ++members[static_cast<size_t>(group)];
    }
  }
  EXPECT_GT(*std::ranges::min_element(members), 0);
  EXPECT_EQ(held_out.images_seen(), 50 * 18);
}

TEST(HeldOut, ShowsNoImageTwiceWhereThereAreFewer) {
  const Dataset data = test::small_data();
  Supernet supernet(test::small_space(), {}, 1);
  const ImageSet few = subset(data.validation, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  HeldOut held_out(supernet, few, 512, 0, 7);
  held_out.evaluate({{0, 0, 0}}, [] {});
  EXPECT_EQ(held_out.images_seen(), 10);
}

TEST(HeldOut, EvaluatesANetworkOnce) {
  const Dataset data = test::small_data();
  Supernet supernet(test::small_space(), {}, 1);
  HeldOut held_out(supernet, data.validation, 50, 0, 7);
  held_out.evaluate({{0, 0, 0}, {0, 0, 0}}, [] {});
  int evaluations = 0;
  held_out.evaluate({{0, 0, 0}}, [&] { ++evaluations; });
  EXPECT_EQ(evaluations, 0);
  EXPECT_EQ(held_out.images_seen(), 50);
}

TEST(HeldOut, KeepsWhatItKnowsWhenInterrupted) {
  const Dataset data = test::small_data();
  Supernet supernet(test::small_space(), {}, 1);
  HeldOut held_out(supernet, data.validation, 50, 0, 7);
  EXPECT_THROW(held_out.evaluate({{0, 0, 0}, {1, 1, 1}}, [] { throw Interrupted("stop"); }),
               Interrupted);
  EXPECT_EQ(held_out.known().size(), 2);
}

}  // namespace
}  // namespace vpunas
