// The state of gradient descent on architecture parameters, and the paths that its steps sample.
#pragma once

#include <vector>

#include "base/files.h"
#include "search/trainer.h"

namespace vpunas {

struct GradientStep {
  int64_t step = 0;
  double entropy = 0, loss = 0;
  std::vector<double> expected_cost = {}, mu = {};  // by device
  PerCandidate probability = {};
};

struct GradientState {
  int64_t step = 0;
  PerCandidate alpha;
  PerCandidate sum;   // of alpha over the steps of the second half
  double square = 0;  // decaying mean square of the gradients
  std::vector<GradientStep> history;
};
Json to_json(const GradientState& state);
GradientState gradient_state_from(const Json& json);

// The two paths of every slot of a step. The active paths are a canonical network, as those that
// trained the weights were: where skips are drawn in front of blocks, the slots' draws change
// places.
struct PathSample {
  std::vector<PathPair> paths;
  // By slot, for (active, other): the noise on their log-probabilities. Their softmax at
  // `temperature` is what the gates are taken for in the gradient.
  std::vector<std::array<double, 2>> noise;
  double temperature = 1;
};

// gates: two candidates are drawn from p without replacement, the active one of them by their
// renormalised probabilities (ProxylessNAS, arXiv:1812.00332, section 3.2.1).
PathSample sample_gates(const SearchSpace& space, const PerCandidate& probability, Random& random);

// gumbel: the two greatest of log p + Gumbel noise; the greater is active, and the gates are the
// softmax at `temperature` of the two, straight through (FBNet, arXiv:1812.03443, equation 6, on
// two paths).
PathSample sample_gumbel(const SearchSpace& space, const PerCandidate& probability,
                         double temperature, Random& random);

// dL/dalpha by slot and candidate from the gradients of the gates, straight through their softmax:
// with s the softmax of (log p + noise) / T of the two, dL/dalpha_active = s0 s1 (g0 - g1) / T, and
// the reverse for the other one; 0 for candidates that did not run.
PerCandidate alpha_gradient(const SearchSpace& space, const PerCandidate& probability,
                            const PathSample& sample, const GateGradients& gradients);

}  // namespace vpunas
