#include "search/strategies/gradient.h"

#include <gtest/gtest.h>

#include "tests/search/known_answers.h"

namespace vpunas {
namespace {

// One slot with three blocks.
SearchSpace one_slot() {
  SearchSpace space = test::small_space();
  space.slots = {space.slots[1]};
  return space;
}

TEST(SampleGates, ActivePathsAreCanonical) {
  SearchSpace space = test::small_space();
  space.slots = {space.slots[0], space.slots[1], space.slots[2], space.slots[2]};
  const PerCandidate probability{{0.5, 0.5}, {1, 0, 0}, {0.5, 0.3, 0.2}, {0.1, 0.4, 0.5}};
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random({seed});
    const PathSample sample = seed % 2 == 0 ? sample_gates(space, probability, random)
                                            : sample_gumbel(space, probability, 1, random);
    Choice active;
    for (const PathPair& pair : sample.paths) active.push_back(pair.active);
    EXPECT_EQ(active, canonical(space, active));
  }
}

TEST(SampleGates, DrawsPathsByTheirProbability) {
  const PerCandidate probability{{0.7, 0.2, 0.1}};
  Random random({1});
  std::vector<int> active(3, 0);
  for (int i = 0; i < 4000; ++i)
    ++active[static_cast<size_t>(sample_gates(one_slot(), probability, random).paths[0].active)];
  EXPECT_GT(active[0], active[1]);
  EXPECT_GT(active[1], active[2]);
  EXPECT_GT(active[2], 0);
}

TEST(SampleGates, TakesOnePathWhereTheOthersHaveNoProbability) {
  Random random({1});
  const PathSample sample = sample_gates(one_slot(), {{0, 1, 0}}, random);
  EXPECT_EQ(sample.paths[0].active, 1);
  EXPECT_EQ(sample.paths[0].other, 1);
  const PerCandidate gradient =
      alpha_gradient(one_slot(), {{0, 1, 0}}, sample, {.loss = 1, .gates = {{5, 7}}});
  EXPECT_EQ(gradient, zeros_like(one_slot()));
}

TEST(SampleGumbel, TakesTwoDifferentPaths) {
  Random random({3});
  for (int i = 0; i < 50; ++i) {
    const PathSample sample = sample_gumbel(one_slot(), {{0.5, 0.3, 0.2}}, 0.5, random);
    EXPECT_NE(sample.paths[0].active, sample.paths[0].other);
    EXPECT_EQ(sample.temperature, 0.5);
  }
}

// With a loss of a*g0 + b*g1, dL/dalpha must be that of the softmax of the two: p0*p1*(a - b) for
// the active one.
TEST(AlphaGradient, IsThatOfTheSoftmaxOfTwo) {
  const PerCandidate probability{{0.6, 0.4, 0}};
  Random random({2});
  const PathSample sample = sample_gates(one_slot(), probability, random);
  const PathPair& pair = sample.paths[0];
  const double a = 3, b = 1;
  const auto gradient =
      alpha_gradient(one_slot(), probability, sample, {.loss = 0, .gates = {{a, b}}}).front();
  EXPECT_NEAR(gradient[static_cast<size_t>(pair.active)], 0.6 * 0.4 * (a - b), 1e-12);
  EXPECT_NEAR(gradient[static_cast<size_t>(pair.other)], -0.6 * 0.4 * (a - b), 1e-12);
}

// By finite differences of a s(u) + b (1 - s(u)) with s the softmax at the temperature, u with the
// noise of the draw.
TEST(AlphaGradient, IsThatOfFiniteDifferencesWithNoiseAndTemperature) {
  const PerCandidate probability{{0.5, 0.3, 0.2}};
  Random random({4});
  const PathSample sample = sample_gumbel(one_slot(), probability, 2, random);
  const auto active = static_cast<size_t>(sample.paths[0].active);
  const auto other = static_cast<size_t>(sample.paths[0].other);
  const double a = 2, b = -1;
  const auto loss = [&](double step) {
    const double logit = (std::log(probability[0][active]) + step + sample.noise[0][0] -
                          std::log(probability[0][other]) - sample.noise[0][1]) /
                         sample.temperature;
    const double s = 1 / (1 + std::exp(-logit));
    return a * s + b * (1 - s);
  };
  const auto gradient =
      alpha_gradient(one_slot(), probability, sample, {.loss = 0, .gates = {{a, b}}}).front();
  EXPECT_NEAR(gradient[active], (loss(1e-5) - loss(-1e-5)) / 2e-5, 1e-8);
}

TEST(GradientState, ReadsBackWhatItWrites) {
  const GradientState state{.step = 3,
                            .alpha = {{0.1, -0.2}},
                            .sum = {{1, 2}},
                            .square = 0.25,
                            .history = {{1, 0.5, 2.5, {8}, {0.1}, {{0.5, 0.5}}}}};
  const GradientState read = gradient_state_from(to_json(state));
  EXPECT_EQ(read.step, 3);
  EXPECT_EQ(read.alpha, state.alpha);
  EXPECT_EQ(read.sum, state.sum);
  EXPECT_EQ(read.square, 0.25);
  ASSERT_EQ(read.history.size(), 1);
  EXPECT_EQ(read.history[0].probability, state.history[0].probability);
}

}  // namespace
}  // namespace vpunas
