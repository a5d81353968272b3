// Which candidates run in a step of the search.
#pragma once

#include <optional>
#include <string>

#include "base/random.h"
#include "latency/chain.h"
#include "learn/draws.h"
#include "learn/supernet.h"

namespace vpunas {

// One candidate a slot for weight step `step`: over every window of n steps a slot with n
// candidates draws each once (strict fairness, FairNAS, arXiv:1907.01845, section 3.3), in an order
// of its own. Of alike slots that may be skipped the later ones then take the skips (canonical()).
Choice fair_choice(const SearchSpace& space, uint64_t seed, int64_t step);

// The two paths of every slot of an architecture step and the leaf tensors log p through which
// their gates depend on the preferences: after backward(), logits[i].grad() is dL/du of slot i.
// The active paths are a canonical network, as those that trained the weights were: where skips are
// drawn in front of blocks, the slots' draws change places.
struct PathSample {
  std::vector<torch::Tensor> logits;
  std::vector<TwoPaths> paths;
};

// gates: two candidates are drawn from p without replacement, the active one of them by their
// renormalised probabilities (ProxylessNAS, arXiv:1812.00332, section 3.2.1).
PathSample sample_gates(const SearchSpace& space, const PerCandidate& probability, Random& random);

// gumbel: the two greatest of log p + Gumbel noise; the greater is active, and the gates are the
// softmax at `temperature` of the two, straight through (FBNet, arXiv:1812.03443, equation 6, on
// two paths).
PathSample sample_gumbel(const SearchSpace& space, const PerCandidate& probability,
                         double temperature, Random& random);

}  // namespace vpunas
