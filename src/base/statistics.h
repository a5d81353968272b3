// Figures of samples.
#pragma once

#include <span>

namespace vpunas {

// The q-quantile, q within 0..1, of one or more ascending values: linear between order statistics,
// as numpy.percentile.
double quantile(std::span<const double> sorted, double q);

}  // namespace vpunas
