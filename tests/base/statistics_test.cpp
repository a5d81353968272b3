#include "base/statistics.h"

#include <gtest/gtest.h>

#include <array>

namespace vpunas {
namespace {

// As numpy.percentile gives.
TEST(Variance, IsTheMeanSquareDistanceFromTheMean) {
  EXPECT_DOUBLE_EQ(variance({1, 2, 3, 6}), 3.5);
  EXPECT_EQ(variance({}), 0);
}

TEST(Quantile, LiesBetweenTheNearestValues) {
  constexpr std::array values = {1.0, 2.0, 4.0, 8.0};
  EXPECT_DOUBLE_EQ(quantile(values, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(values, 0.25), 1.75);
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 3);
  EXPECT_DOUBLE_EQ(quantile(values, 0.999), 7.988);
  EXPECT_DOUBLE_EQ(quantile(values, 1), 8);
}

TEST(Quantile, OfOneValueIsThatValue) {
  constexpr std::array value = {5.0};
  for (const double q : {0.0, 0.3, 1.0}) EXPECT_EQ(quantile(value, q), 5);
}

TEST(Median, IsTheMiddleOfUnsortedValues) {
  EXPECT_DOUBLE_EQ(median({5, 1, 3}), 3);
  EXPECT_DOUBLE_EQ(median({4, 1, 3, 2}), 2.5);
}

TEST(RobustDeviation, IsNotMovedByOneOutlier) {
  EXPECT_DOUBLE_EQ(robust_deviation({1, 2, 3, 4, 5}), 1.4826);
  EXPECT_DOUBLE_EQ(robust_deviation({1, 2, 3, 4, 1e9}), 1.4826);
}

// As scipy.stats.spearmanr gives.
TEST(Spearman, IsTheCorrelationOfRanksWithTiesShared) {
  EXPECT_DOUBLE_EQ(spearman({1, 2, 3}, {10, 100, 1000}), 1);
  EXPECT_DOUBLE_EQ(spearman({1, 2, 3}, {3, 2, 1}), -1);
  EXPECT_DOUBLE_EQ(spearman({1, 2, 3, 4}, {1, 3, 2, 4}), 0.8);
  EXPECT_NEAR(spearman({1, 2, 2, 3}, {1, 2, 3, 4}), 0.9486832980505138, 1e-12);
  EXPECT_EQ(spearman({1, 1}, {1, 2}), 0);
}

// Newcombe, Statistics in Medicine 17 (1998), table I, method 3: without continuity correction.
TEST(WilsonInterval, GivesThePublishedFigures) {
  const auto expect = [](int64_t right, int64_t trials, double low, double high) {
    const Interval interval = wilson_interval(right, trials);
    EXPECT_NEAR(interval.low, low, 5e-5) << right;
    EXPECT_NEAR(interval.high, high, 5e-5) << right;
  };
  expect(81, 263, 0.2553, 0.3662);
  expect(15, 148, 0.0624, 0.1605);
  expect(0, 20, 0, 0.1611);
  expect(1, 29, 0.0061, 0.1718);
  expect(0, 0, 0, 1);
}

}  // namespace
}  // namespace vpunas
