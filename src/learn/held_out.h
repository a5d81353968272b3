// What networks are worth with inherited weights.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "base/files.h"
#include "data/dataset.h"
#include "learn/supernet.h"

namespace vpunas {

struct Inherited {
  double loss = 0, accuracy = 0;
};

// As files keep them: lists of choice, loss and accuracy.
Json to_json(const std::map<Choice, Inherited>& networks);
std::map<Choice, Inherited> inherited_from_json(const Json& json);

// Networks of a supernet on the same held-out images for all of a group, which is what makes their
// losses comparable. Batch norm takes the statistics of the images that pass together, up to 512
// small ones (its running averages mix those of all networks that a block was trained in).
class HeldOut {
 public:
  // About `count` of the images a network, in the order of a shuffle by `seed`, without the first
  // `skip`. Networks are dealt to `groups` at random, each with images of its own: what is averaged
  // over networks is so averaged over more images, too. `workers` threads load. `images` must stay.
  HeldOut(const Supernet& supernet, const ImageSet& images, int count, int64_t skip, uint64_t seed,
          int groups = 1, int workers = 0);

  // What about `count` images a network are: whole passes.
  static int64_t images_a_network(const ImageSet& images, int count);

  // Evaluates those of `choices` that are not known yet. Those of a group run in the order of their
  // common beginnings, so that activations behind these are computed once. `pause` is called now
  // and then and may throw; what is known then stays.
  void evaluate(std::vector<Choice> choices, const std::function<void()>& pause);

  // Depends on the network alone.
  int group_of(const Choice& choice) const;

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
  void evaluate_group(int group, std::span<const Choice> choices,
                      const std::function<void()>& pause);
  // The images of a group. Those of one are kept at a time.
  const std::vector<Pass>& passes(int group);

  const Supernet& supernet_;
  const ImageSet& set_;
  uint64_t seed_;
  int groups_, workers_;
  int batch_;
  int64_t first_batch_, batches_;  // of the first group; of each
  int loaded_ = -1;                // the group that passes_ are of
  std::vector<Pass> passes_;
  int64_t images_;  // that every network sees
  std::map<Choice, Inherited> known_;
  const std::map<Choice, Inherited>* elsewhere_ = nullptr;
};

}  // namespace vpunas
