#include "training/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vpunas {
namespace {

TEST(Likeliest, GivesClassesByFallingProbability) {
  const std::vector<float> logits{1, 3, 2, 3};
  const std::vector<Guess> guesses = likeliest(logits, 3);
  ASSERT_EQ(guesses.size(), 3);
  EXPECT_EQ(guesses[0].output, 1);  // of equal ones the first
  EXPECT_EQ(guesses[1].output, 3);
  EXPECT_EQ(guesses[2].output, 2);
  EXPECT_NEAR(guesses[2].probability / guesses[0].probability, std::exp(-1.0), 1e-12);
}

TEST(Likeliest, GivesNoMoreClassesThanThereAre) {
  const std::vector<float> logits{0, 0};
  const std::vector<Guess> guesses = likeliest(logits, 5);
  ASSERT_EQ(guesses.size(), 2);
  EXPECT_NEAR(guesses[0].probability, 0.5, 1e-12);
}

TEST(WithoutSoftmax, LeavesOutTheLastOneAlone) {
  Graph graph;
  graph.nodes.resize(2);
  graph.nodes[0].layer = Activation{};
  graph.nodes[1].layer = Softmax{};
  EXPECT_EQ(without_softmax(graph).nodes.size(), 1);
  EXPECT_EQ(without_softmax(without_softmax(graph)).nodes.size(), 1);
}

}  // namespace
}  // namespace vpunas
