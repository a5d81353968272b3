#include "search/supernet_evaluator.h"

#include <algorithm>

#include "base/random.h"

namespace vpunas {

Json to_json(const std::map<Choice, Score>& networks) {
  Json json = Json::array();
  for (const auto& [choice, score] : networks) json.push_back({choice, score.loss, score.accuracy});
  return json;
}

std::map<Choice, Score> scores_from_json(const Json& json) {
  std::map<Choice, Score> networks;
  for (const Json& entry : json) networks[entry.at(0).get<Choice>()] = {entry.at(1), entry.at(2)};
  return networks;
}

SupernetEvaluator::SupernetEvaluator(TrainedSupernet& supernet, int count, int64_t skip,
                                     uint64_t seed, int groups)
    : supernet_(supernet),
      skip_(skip),
      seed_(seed),
      groups_(groups),
      count_(count),
      images_(supernet.images_shown(count)) {}

int SupernetEvaluator::group_of(const Choice& choice) const {
  uint64_t key = 0;
  for (const int candidate : choice) key = Random({key, static_cast<uint64_t>(candidate)}).next();
  return static_cast<int>(Random({key}).below(groups_));
}

void SupernetEvaluator::evaluate(std::vector<Choice> choices, const std::function<void()>& pause) {
  std::sort(choices.begin(), choices.end());
  choices.erase(std::unique(choices.begin(), choices.end()), choices.end());
  for (const Choice& choice : choices) {
    if (elsewhere_ == nullptr) break;
    if (const auto found = elsewhere_->find(choice); found != elsewhere_->end())
      known_.insert(*found);
  }
  std::erase_if(choices, [&](const Choice& choice) { return known_.contains(choice); });
  std::vector<std::vector<Choice>> by_group(static_cast<size_t>(groups_));
  for (Choice& choice : choices)
    by_group[static_cast<size_t>(group_of(choice))].push_back(std::move(choice));
  for (int group = 0; group < groups_; ++group)
    evaluate_group(group, by_group[static_cast<size_t>(group)], pause);
}

void SupernetEvaluator::evaluate_group(int group, std::span<const Choice> choices,
                                       const std::function<void()>& pause) {
  constexpr size_t some = 32;  // networks between two pauses
  const HeldOutPart part{.count = count_, .skip = skip_ + group * images_, .seed = seed_};
  for (; !choices.empty(); choices = choices.subspan(std::min(some, choices.size()))) {
    const auto next = choices.first(std::min(some, choices.size()));
    const std::vector<Score> scores = supernet_.score(next, part);
    for (size_t i = 0; i < next.size(); ++i) known_[next[i]] = scores[i];
    pause();
  }
}

}  // namespace vpunas
