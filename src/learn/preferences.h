// Preferences learned by gradient descent through a supernet whose weights are frozen.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/progress.h"
#include "data/dataset.h"
#include "learn/problem.h"

namespace vpunas {

class Supernet;

struct PreferenceState {
  int64_t step = 0;
  PerCandidate preference;  // u
  PerCandidate sum;         // of u over the steps of the second half
  double square = 0;        // decaying mean square of the gradients
  std::vector<SearchStep> history;
};
Json to_json(const PreferenceState& state);
PreferenceState preference_state_from(const Json& json);

struct PreferenceRecipe {
  bool gumbel = false;
  int steps = 0, batch_size = 0;
  double lr = 0;
};

// Steps on p = softmax(u - sum mu * cost) with mu solved at each so that E[latency] keeps the
// budgets; two paths a step and a batch of held-out images. All preferences share one rate, lr over
// the root mean square of all gradients: a rate for each, as Adam's, would level the differences
// that the choice weighs against time. Returns u averaged over the second half of the steps.
// `pause` is called before each step and may throw; `state` then continues.
PerCandidate learn_preferences(const SearchProblem& problem, const Budgets& budgets,
                               const Supernet& supernet, const ImageSet& held_out,
                               const PreferenceRecipe& recipe, uint64_t seed, int workers,
                               PreferenceState& state, const std::function<void()>& pause,
                               const Work& work);

// Mean over slots of the entropy of p as a share of the uniform one's.
double mean_entropy(const PerCandidate& probability);

}  // namespace vpunas
