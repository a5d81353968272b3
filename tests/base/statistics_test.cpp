#include "base/statistics.h"

#include <gtest/gtest.h>

#include <array>

namespace vpunas {
namespace {

// As numpy.percentile gives.
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

}  // namespace
}  // namespace vpunas
