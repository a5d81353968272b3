// Averaged effects: what a candidate adds to the loss of networks, estimated from a sample of them.
#pragma once

#include <vector>

#include "latency/chain.h"

namespace vpunas {

// loss = mean + sum of effects, by ridge regression whose penalty has the least error on networks
// left out one at a time. Candidates that no network has are taken for the worst of their slot.
// Where networks were judged on different images, `groups` tells which have the same (a number of 0
// and above a network), and each group has a mean of its own.
struct Effects {
  PerCandidate effect;
  double deviation = 0;  // standard error of an effect, about
  // Kendall's tau of predictions for networks left out with their losses, both from their group's
  // mean.
  double agreement = 0;
};
Effects fit_effects(const SearchSpace& space, const std::vector<Choice>& networks,
                    const std::vector<double>& losses, const std::vector<int64_t>& groups = {});

// Kendall's tau-b; 0 where one of the lists is constant.
double kendall_tau(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace vpunas
