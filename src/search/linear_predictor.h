// A linear accuracy predictor: what each candidate adds to the loss of networks (its main effect),
// estimated from a sample of them.
#pragma once

#include <vector>

#include "search/per_candidate.h"

namespace vpunas {

// loss = mean + sum of effects.
struct LinearPredictor {
  PerCandidate effect;
  double deviation = 0;  // standard error of an effect, about
  // Kendall's tau of predictions for networks left out of the fit with their losses, both from
  // their group's mean.
  double agreement = 0;
};

// Ridge regression whose penalty has the least error on networks left out one at a time (Golub,
// Heath and Wahba 1979). Candidates that no network has are taken for the worst of their slot.
// Where networks were scored on different images, `groups` tells which have the same (a number of 0
// and above a network), and each group has a mean of its own.
LinearPredictor fit_linear_predictor(const SearchSpace& space, const std::vector<Choice>& networks,
                                     const std::vector<double>& losses,
                                     const std::vector<int64_t>& groups = {});

// Kendall's tau-b; 0 where one of the lists is constant.
double kendall_tau(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace vpunas
