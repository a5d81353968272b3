// All networks of a search space with shared weights, one path in memory at a time (ProxylessNAS's
// reason, arXiv:1812.00332: time and memory of an ordinary network). A family is a slot's
// candidates that differ in their width alone, at every input width and size: it has one set of
// tensors, of which each member uses the first channels, and so have all stems, all projections of
// a slot and all heads.
// That is what masking channels computes (FBNetV2, arXiv:2004.05565, section 3.2), at the cost of
// the channels that are left.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "arch/space.h"
#include "learn/network.h"
#include "search/trainer.h"

namespace vpunas {

// Which two candidates run in a slot of an architecture step, and the weights that their gradient
// goes through.
struct TwoPaths {
  int active = 0;       // its output is what the next slot sees
  int other = 0;        // equal to `active` where only one candidate has any probability
  torch::Tensor gates;  // [2] for (active, other): 1 and 0 in value, with the gradient of a softmax
};

// With gates of their own, which take gradients, where two candidates run.
std::vector<TwoPaths> gated(const std::vector<PathPair>& pairs);

// What helps the weights of a deep space to be learned together.
struct SupernetAids {
  // Every slot that changes the shape adds a 1x1 projection of its input (ResNet's,
  // arXiv:1512.03385 section 3.3, option C), one for all of its candidates. Without it each
  // candidate makes features of its own out of nothing, and what follows meets another mixture of
  // them at every step.
  bool projections = false;
  // The first scale of residual branches' last batch norm. At 1 the noise of many random branches
  // hides what the others learn; at 0 a block starts as a skip, and is still worth little more than
  // one when the choice is made.
  float residual_scale = 1;
};

class Supernet {
 public:
  Supernet(const SearchSpace& space, const Preprocess& preprocess, uint64_t seed,
           Computing computing = {}, SupernetAids aids = {});

  // One network's logits.
  torch::Tensor forward(const torch::Tensor& images, const Choice& choice,
                        Statistics statistics) const;

  // The same in parts, for paths that share their beginning: stem, a slot after the other, head. In
  // a space that offers sizes of the input the stem comes with the first slot, which scales the
  // images to the size chosen, and stem() hands them on.
  torch::Tensor stem(const torch::Tensor& images, Statistics statistics) const;
  torch::Tensor slot(size_t slot, int candidate, const torch::Tensor& x,
                     Statistics statistics) const;
  torch::Tensor head(const torch::Tensor& x, Statistics statistics) const;

  // Logits where every slot's output is gates[0] * active(x) + gates[1] * other(x): the value of
  // the active path, and for each gate the gradient <dL/dy, candidate(x)> of binarised paths
  // (ProxylessNAS, section 3.2 and equation 4). `other` runs outside of autograd, because its own
  // gradient would be multiplied by 0. Candidates of different outputs are compared at the active
  // one's channels and size (FBNetV2, arXiv:2004.05565, sections 3.2 and 3.3).
  torch::Tensor forward(const torch::Tensor& images, const std::vector<TwoPaths>& paths) const;

  // The trained tensors that a choice uses.
  std::vector<Network::Parameter> parameters(const Choice& choice) const;
  // Those of all choices.
  std::vector<torch::Tensor> trained_values() const;
  void set_requires_grad(bool on);

  // The weights of one network, named as lower(architecture) names them; without the projections,
  // which it has not.
  Weights weights(const Choice& choice) const;
  // The shared tensors behind all choices, named FAMILY/NODE.PARAMETER, where FAMILY is stem,
  // SLOT.FIRST_CANDIDATE, SLOT.projection or head; for checkpoints.
  std::vector<std::pair<std::string, torch::Tensor>> tensors() const;

  const SearchSpace& space() const { return space_; }

 private:
  using Key = std::tuple<size_t, int, Shape>;  // slot, candidate, input shape
  torch::Tensor stem_of(const torch::Tensor& images, Statistics statistics) const;
  // Calls visit(part, whether it is a projection) for every part that a choice uses, in order.
  template <class Visit>
  void visit(const Choice& choice, Visit&& visit) const;
  const Network* projection(size_t slot, const Network& block) const;  // null: none

  SearchSpace space_;
  std::map<std::string, SharedTensors> families_;
  std::map<Shape, Network> stems_;  // by the images' shape
  std::map<Key, Network> blocks_;
  using Change = std::tuple<size_t, Shape, Shape>;  // slot, input and output shape
  std::map<Change, Network> projections_;
  std::map<Shape, Network> heads_;  // by the shape behind the last slot
};

}  // namespace vpunas
