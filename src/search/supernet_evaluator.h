// Scores of networks by the shared weights of a supernet, each asked for once.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "base/files.h"
#include "search/trainer.h"

namespace vpunas {

// As files keep them: lists of choice, loss and accuracy.
Json to_json(const std::map<Choice, Score>& networks);
std::map<Choice, Score> scores_from_json(const Json& json);

// Networks are scored on the same held-out images for all of a group, which is what makes their
// losses comparable.
class SupernetEvaluator {
 public:
  // About `count` of the images a network, in the order of a shuffle by `seed`, without the first
  // `skip`. Networks are dealt to `groups` at random, each with images of its own: what is averaged
  // over networks is so averaged over more images, too. `supernet` must stay.
  SupernetEvaluator(TrainedSupernet& supernet, int count, int64_t skip, uint64_t seed,
                    int groups = 1);

  // Scores those of `choices` that are not known yet. `pause` is called now and then and may throw;
  // what is known then stays.
  void evaluate(std::vector<Choice> choices, const std::function<void()>& pause);

  // Depends on the network alone.
  int group_of(const Choice& choice) const;

  // What evaluate() takes from elsewhere: scores on the same images. `known` must stay.
  void borrow(const std::map<Choice, Score>& known) { elsewhere_ = &known; }

  const Score& operator[](const Choice& choice) const { return known_.at(choice); }
  const std::map<Choice, Score>& known() const { return known_; }
  void remember(std::map<Choice, Score> known) { known_ = std::move(known); }

  // That the known networks saw, all together.
  int64_t images_seen() const { return images_ * static_cast<int64_t>(known_.size()); }

 private:
  void evaluate_group(int group, std::span<const Choice> choices,
                      const std::function<void()>& pause);

  TrainedSupernet& supernet_;
  int64_t skip_;
  uint64_t seed_;
  int groups_;
  int count_;
  int64_t images_;  // that every network sees
  std::map<Choice, Score> known_;
  const std::map<Choice, Score>* elsewhere_ = nullptr;
};

}  // namespace vpunas
