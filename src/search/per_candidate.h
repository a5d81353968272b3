// Values by slot and candidate: architecture parameters, probabilities, gradients, effects.
#pragma once

#include <vector>

#include "arch/space.h"
#include "base/random.h"

namespace vpunas {

using PerCandidate = std::vector<std::vector<double>>;

PerCandidate zeros_like(const SearchSpace& space);

// 1 for the chosen candidate of every slot, 0 for the others.
PerCandidate one_hot(const SearchSpace& space, const Choice& choice);

// Sum over the slots of the chosen candidates' values.
double sum_of(const PerCandidate& values, const Choice& choice);

// Every value times `factor`.
PerCandidate scaled(PerCandidate values, double factor);

// An index drawn with `weights`, which need not sum to 1; -1 where all are 0.
int draw_index(const std::vector<double>& weights, Random& random);

// Mean over the slots of the entropy of a distribution as a share of the uniform one's; 0 where no
// slot has a choice.
double mean_entropy(const PerCandidate& probability);

// Throws Error where one of the `values` is no number, naming them by `what` and its place.
void check_numbers(const SearchSpace& space, const PerCandidate& values, const char* what);

}  // namespace vpunas
