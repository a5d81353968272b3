// What networks are worth with inherited weights.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "learn/supernet.h"

namespace vpunas {

struct Inherited {
  double loss = 0, accuracy = 0;
};

// Networks of a supernet on the same held-out images for all, which is what makes their losses
// comparable. Batch norm takes the statistics of the images that pass together, up to 512 small
// ones (its running averages mix those of all networks that a block was trained in).
class HeldOut {
 public:
  // About `count` of the images, in the order of a shuffle by `seed`, without the first `skip`.
  HeldOut(const Supernet& supernet, const ImageSet& images, int count, int64_t skip, uint64_t seed);

  // Evaluates those of `choices` that are not known yet. They run in the order of their common
  // beginnings, so that activations behind these are computed once. `pause` is called now and then
  // and may throw; what is known then stays.
  void evaluate(std::vector<Choice> choices, const std::function<void()>& pause);

  // What evaluate() takes from elsewhere: results on the same images. `known` must stay.
  void borrow(const std::map<Choice, Inherited>& known) { elsewhere_ = &known; }

  const Inherited& operator[](const Choice& choice) const { return known_.at(choice); }
  const std::map<Choice, Inherited>& known() const { return known_; }
  void remember(std::map<Choice, Inherited> known) { known_ = std::move(known); }

  // That the known networks saw, all together.
  int64_t images_seen() const { return images_ * static_cast<int64_t>(known_.size()); }

 private:
  struct Pass {
    torch::Tensor images, labels;
  };
  // Adds up losses and right answers of sorted choices.
  void run(const Pass& pass, std::span<const Choice> choices, std::span<Inherited> sums) const;

  const Supernet& supernet_;
  std::vector<Pass> passes_;
  int64_t images_ = 0;  // that every network sees
  std::map<Choice, Inherited> known_;
  const std::map<Choice, Inherited>* elsewhere_ = nullptr;
};

}  // namespace vpunas
