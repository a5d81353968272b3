#include "search/linear_predictor.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/search/known_answers.h"

namespace vpunas {
namespace {

const PerCandidate known_effects{{0.5, -0.5}, {0.2, 0.1, -0.3}, {0, -0.25, 0.25}};

double known_loss(const Choice& choice) { return 2 + sum_of(known_effects, choice); }

TEST(FitLinearPredictor, RecoversAnAdditiveLoss) {
  const std::vector<Choice> networks = test::all_choices();
  std::vector<double> losses;
  for (const Choice& network : networks) losses.push_back(known_loss(network));
  const LinearPredictor predictor = fit_linear_predictor(test::small_space(), networks, losses);
  for (size_t slot = 0; slot < known_effects.size(); ++slot) {
    for (size_t j = 0; j < known_effects[slot].size(); ++j)
      EXPECT_NEAR(predictor.effect[slot][j], known_effects[slot][j], 0.01);
  }
  EXPECT_GT(predictor.agreement, 0.95);
}

TEST(FitLinearPredictor, GivesEachGroupOfNetworksAMeanOfItsOwn) {
  const std::vector<Choice> networks = test::all_choices();
  std::vector<double> losses;
  std::vector<int64_t> groups;
  Random random({3});
  for (const Choice& network : networks) {
    groups.push_back(random.below(3));
    losses.push_back(known_loss(network) + 10.0 * static_cast<double>(groups.back()));
  }
  const LinearPredictor predictor =
      fit_linear_predictor(test::small_space(), networks, losses, groups);
  for (size_t slot = 0; slot < known_effects.size(); ++slot) {
    for (size_t j = 0; j < known_effects[slot].size(); ++j)
      EXPECT_NEAR(predictor.effect[slot][j], known_effects[slot][j], 0.02);
  }
  EXPECT_GT(predictor.agreement, 0.95);
}

TEST(FitLinearPredictor, ShrinksWhatIsNoise) {
  const std::vector<Choice> networks = test::all_choices();
  std::vector<double> losses;
  Random random({1});
  for (size_t i = 0; i < networks.size(); ++i) losses.push_back(random.normal());
  const LinearPredictor predictor = fit_linear_predictor(test::small_space(), networks, losses);
  for (const auto& slot : predictor.effect) {
    for (const double effect : slot) EXPECT_LT(std::abs(effect), 0.6);
  }
  EXPECT_LT(predictor.agreement, 0.5);
}

TEST(FitLinearPredictor, TakesTheWorstForWhatNoNetworkHas) {
  std::vector<Choice> networks;
  std::vector<double> losses;
  for (const Choice& network : test::all_choices()) {
    if (network[1] == 2) continue;
    networks.push_back(network);
    losses.push_back(known_loss(network));
  }
  const LinearPredictor predictor = fit_linear_predictor(test::small_space(), networks, losses);
  EXPECT_DOUBLE_EQ(predictor.effect[1][2],
                   std::max(predictor.effect[1][0], predictor.effect[1][1]));
}

TEST(KendallTau, CountsPairsInOrder) {
  EXPECT_DOUBLE_EQ(kendall_tau({1, 2, 3, 4}, {10, 20, 30, 40}), 1);
  EXPECT_DOUBLE_EQ(kendall_tau({1, 2, 3, 4}, {4, 3, 2, 1}), -1);
  EXPECT_DOUBLE_EQ(kendall_tau({1, 2, 3}, {1, 3, 2}), 1.0 / 3);
  EXPECT_DOUBLE_EQ(kendall_tau({1, 2, 3}, {5, 5, 5}), 0);
}

}  // namespace
}  // namespace vpunas
