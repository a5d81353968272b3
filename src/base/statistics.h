// Robust figures of samples.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vpunas {

// The q-quantile, 0 <= q <= 1, of values in rising order, linear between order statistics (as
// numpy.percentile). There is at least one value.
double quantile(std::span<const double> sorted, double q);

// Of values in any order; there is at least one.
double median(std::vector<double> values);

// Mean square of the distances from the mean; 0 without values.
double variance(const std::vector<double>& values);

// 1.4826 times the median of the distances from the median: the standard deviation where values are
// normal, and little moved by outliers (Hampel 1974).
double robust_deviation(const std::vector<double>& values);

// Spearman's correlation of ranks, equal values sharing their mean rank; 0 where it is not defined.
double spearman(const std::vector<double>& a, const std::vector<double>& b);

struct Interval {
  double low = 0, high = 0;
};

// Where a share of which `successes` of `trials` were seen lies with 95 % confidence (Wilson 1927,
// score interval); 0..1 without trials.
Interval wilson_interval(int64_t successes, int64_t trials);

}  // namespace vpunas
