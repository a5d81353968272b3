#include "search/surrogate.h"

#include <gtest/gtest.h>

#include "search/linear_predictor.h"
#include "tests/search/known_answers.h"

namespace vpunas {
namespace {

const PerCandidate informed{{0.5, -0.5}, {0.2, 0.1, -0.3}, {0, -0.25, 0.25}};
const PerCandidate misled{{0, 0}, {0.4, -0.5, 0.1}, {0.6, -0.3, -0.3}};  // orthogonal to them

std::vector<double> losses(const std::vector<Choice>& networks, const PerCandidate& effects) {
  std::vector<double> result;
  for (const Choice& network : networks) result.push_back(2 + sum_of(effects, network));
  return result;
}

BayesianSurrogate surrogate(const std::vector<EffectGroup>& groups) {
  return {test::small_space(), groups, test::all_choices()};
}

double agreement(const BayesianSurrogate& surrogate, const PerCandidate& effects) {
  return kendall_tau(losses(test::all_choices(), surrogate.mean()),
                     losses(test::all_choices(), effects));
}

TEST(BayesianSurrogate, ExpectsWhatItIsToldUntilItLearns) {
  const BayesianSurrogate learned = surrogate({{"informed", {informed}, 0.8}});
  EXPECT_GT(agreement(learned, informed), 0.99);
  int upright = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    Random random({i});
    const PerCandidate draw = learned.draw(random);
    upright += draw[0][0] > draw[0][1];
  }
  EXPECT_NEAR(upright, 909, 40);  // P(0.8 + 0.6 z > 0)
}

TEST(BayesianSurrogate, ExpectsItStillAfterOneNetwork) {
  BayesianSurrogate learned = surrogate({{"informed", {informed}, 0.8}});
  learned.learn({{0, 0, 0}}, {1.5});
  EXPECT_GT(agreement(learned, informed), 0.99);
}

TEST(BayesianSurrogate, SeesThatItWasToldTheReverse) {
  BayesianSurrogate learned = surrogate({{"informed", {informed}, 0.8}});
  const std::vector<Choice> some{{0, 0, 0}, {1, 2, 1}, {0, 1, 2}, {1, 0, 0}, {0, 2, 1}, {1, 1, 1}};
  learned.learn(some, losses(some, scaled(informed, -1)));
  EXPECT_LT(agreement(learned, informed), -0.99);
}

TEST(BayesianSurrogate, SaysNothingBeforeItLearns) {
  const BayesianSurrogate learned = surrogate({{"informed", {informed}}});
  EXPECT_EQ(learned.mean(), zeros_like(test::small_space()));
}

TEST(BayesianSurrogate, LearnsFromFewNetworksWhereADirectionExplainsThem) {
  BayesianSurrogate learned = surrogate(
      effect_groups(test::small_space(), "shared weights", informed, test::all_choices()));
  const std::vector<Choice> few{{0, 0, 0}, {1, 2, 1}, {0, 1, 2}, {1, 0, 0}};
  learned.learn(few, losses(few, informed));
  EXPECT_GT(agreement(learned, informed), 0.85);
}

TEST(BayesianSurrogate, LetsADirectionFadeThatExplainsNothing) {
  BayesianSurrogate learned =
      surrogate(effect_groups(test::small_space(), "shared weights", misled, test::all_choices()));
  learned.learn(test::all_choices(), losses(test::all_choices(), informed));
  EXPECT_GT(agreement(learned, informed), 0.9);
  ASSERT_EQ(learned.shares().front().first, "shared weights");
  EXPECT_LT(learned.shares().front().second, 0.1);
}

TEST(BayesianSurrogate, TakesLossesThatAreNoiseForNoise) {
  BayesianSurrogate learned = surrogate({{"informed", {informed}}});
  Random random({3});
  std::vector<double> noise;
  for (size_t i = 0; i < test::all_choices().size(); ++i) noise.push_back(random.normal());
  learned.learn(test::all_choices(), noise);
  EXPECT_GT(learned.shares().back().second, 0.4);
}

// Draws vary where nothing is known, and follow the losses where these say all.
TEST(BayesianSurrogate, DrawsWhatCouldBe) {
  BayesianSurrogate learned = surrogate({{"informed", {informed}}});
  int upright = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    Random random({i});
    upright += learned.draw(random)[0][0] > 0;
  }
  EXPECT_GT(upright, 30);
  EXPECT_LT(upright, 70);
  learned.learn(test::all_choices(), losses(test::all_choices(), informed));
  for (uint64_t i = 0; i < 100; ++i) {
    Random random({i});
    EXPECT_GT(learned.draw(random)[0][0], 0);
  }
}

// The mean of many draws is the mean.
TEST(BayesianSurrogate, DrawsAgreeWithTheMean) {
  BayesianSurrogate learned =
      surrogate(effect_groups(test::small_space(), "shared weights", misled, test::all_choices()));
  const std::vector<Choice> some{{0, 0, 0}, {1, 2, 1}, {0, 1, 2}, {1, 0, 0}, {0, 2, 1}, {1, 1, 1}};
  learned.learn(some, losses(some, informed));
  PerCandidate sum = zeros_like(test::small_space());
  constexpr int draws = 1000;
  for (uint64_t i = 0; i < draws; ++i) {
    Random random({i});
    const PerCandidate draw = learned.draw(random);
    for (size_t slot = 0; slot < sum.size(); ++slot) {
      for (size_t j = 0; j < sum[slot].size(); ++j) sum[slot][j] += draw[slot][j] / draws;
    }
  }
  const PerCandidate mean = learned.mean();
  for (size_t slot = 0; slot < sum.size(); ++slot) {
    for (size_t j = 0; j < sum[slot].size(); ++j) EXPECT_NEAR(sum[slot][j], mean[slot][j], 0.04);
  }
}

TEST(BayesianSurrogate, LeavesOutWhatDoesNotVary) {
  const BayesianSurrogate learned = surrogate({{"nothing", {zeros_like(test::small_space())}}});
  Random random({1});
  EXPECT_EQ(learned.draw(random), zeros_like(test::small_space()));
}

}  // namespace
}  // namespace vpunas
