#include "learn/mixing.h"

#include <gtest/gtest.h>

namespace vpunas {
namespace {

// Image i holds the value i everywhere, its label is i.
torch::Tensor numbered(int count) {
  return torch::arange(count, torch::kFloat32).reshape({count, 1, 1, 1}).expand({count, 3, 16, 16});
}

MixedBatch mixed(const Mixing& mixing, uint64_t seed) {
  return mix(numbered(4), torch::arange(4), mixing, Random{seed});
}

TEST(Mix, WithoutAlphaChangesNothing) {
  const MixedBatch batch = mixed({}, 1);
  EXPECT_TRUE(torch::equal(batch.images, numbered(4)));
  EXPECT_EQ(batch.share, 1);
}

TEST(Mix, MixupWeighsBothImages) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const MixedBatch batch = mixed({.mixup = 0.4}, seed);
    const auto expected = batch.share * numbered(4) + (1 - batch.share) * numbered(4).flip(0);
    EXPECT_TRUE(torch::allclose(batch.images, expected));
    EXPECT_TRUE(torch::equal(batch.other_labels, batch.labels.flip(0)));
  }
}

// The part of image 0 that shows image 3 is what the labels say.
TEST(Mix, CutmixPastesTheShareThatItSays) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const MixedBatch batch = mixed({.cutmix = 1}, seed);
    const double pasted = (batch.images[0] == 3).to(torch::kFloat64).mean().item<double>();
    EXPECT_NEAR(batch.share, 1 - pasted, 1e-9);
    EXPECT_TRUE(((batch.images[0] == 3) | (batch.images[0] == 0)).all().item<bool>());
  }
}

TEST(Mix, SharesAreBetaDistributed) {
  double sum = 0, squares = 0;
  constexpr int count = 4000;
  for (uint64_t seed = 0; seed < count; ++seed) {
    const double share = mixed({.mixup = 0.2}, seed).share;
    sum += share;
    squares += share * share;
  }
  const double mean = sum / count;
  EXPECT_NEAR(mean, 0.5, 0.03);
  EXPECT_NEAR(squares / count - mean * mean, 1 / (4 * (2 * 0.2 + 1)), 0.01);  // of Beta(a, a)
}

TEST(Mix, TakesEitherWhereBothAreOn) {
  int cut = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const MixedBatch batch = mixed({.mixup = 1, .cutmix = 1}, seed);
    const auto& image = batch.images[0];
    cut += ((image == 3) | (image == 0)).all().item<bool>();
  }
  EXPECT_GT(cut, 30);
  EXPECT_LT(cut, 70);
}

TEST(CrossEntropy, SharesTheLossBetweenLabels) {
  const auto logits = torch::tensor({{2.0f, 0.0f, -1.0f}});
  const MixedBatch one{{}, torch::tensor({0}), torch::tensor({2}), 1},
      other{{}, torch::tensor({2}), torch::tensor({2}), 1},
      both{{}, torch::tensor({0}), torch::tensor({2}), 0.25};
  const auto loss = [&](const MixedBatch& b) { return cross_entropy(logits, b, 0).item<double>(); };
  EXPECT_NEAR(loss(both), 0.25 * loss(one) + 0.75 * loss(other), 1e-6);
}

TEST(CrossEntropy, OfSoftTargetsIsTheSame) {
  const auto logits = torch::tensor({{2.0f, 0.0f, -1.0f}, {0.5f, 1.5f, 0.0f}});
  for (const double share : {1.0, 0.25}) {
    const MixedBatch batch{{}, torch::tensor({0, 1}), torch::tensor({2, 1}), share};
    const auto soft = torch::nn::functional::cross_entropy(
        logits, soft_targets(batch, 3),
        torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(0.1));
    EXPECT_NEAR(soft.item<double>(), cross_entropy(logits, batch, 0.1).item<double>(), 1e-6);
  }
}

}  // namespace
}  // namespace vpunas
