#include "learn/held_out.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"

namespace vpunas {
namespace {

namespace F = torch::nn::functional;

// As many as give steady statistics, and activations that fit into memory.
int images_a_pass(const ImageSet& images, int count) {
  const ImageShape& shape = images.shape;
  const int most = std::clamp((512 * 32 * 32) / (shape.height * shape.width), 32, 512);
  return static_cast<int>(std::min<int64_t>({count, most, images.size()}));
}

size_t common_beginning(const Choice& a, const Choice& b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
}

int64_t batches_for(int64_t images, int64_t batch) { return (images + batch - 1) / batch; }

// Of all images where they are fewer: to see one twice tells nothing.
int64_t batches_a_network(const ImageSet& images, int count) {
  return batches_for(std::min<int64_t>(count, images.size()), images_a_pass(images, count));
}

}  // namespace

Json to_json(const std::map<Choice, Inherited>& networks) {
  Json json = Json::array();
  for (const auto& [choice, inherited] : networks)
    json.push_back({choice, inherited.loss, inherited.accuracy});
  return json;
}

std::map<Choice, Inherited> inherited_from_json(const Json& json) {
  std::map<Choice, Inherited> networks;
  for (const Json& entry : json) networks[entry.at(0).get<Choice>()] = {entry.at(1), entry.at(2)};
  return networks;
}

HeldOut::HeldOut(const Supernet& supernet, const ImageSet& images, int count, int64_t skip,
                 uint64_t seed, int groups, int workers)
    : supernet_(supernet),
      set_(images),
      seed_(seed),
      groups_(groups),
      workers_(workers),
      batch_(images_a_pass(images, count)),
      first_batch_(batches_for(skip, batch_)),
      batches_(batches_a_network(images, count)),
      images_(batches_ * batch_) {}

int64_t HeldOut::images_a_network(const ImageSet& images, int count) {
  return batches_a_network(images, count) * images_a_pass(images, count);
}

int HeldOut::group_of(const Choice& choice) const {
  uint64_t key = 0;
  for (const int candidate : choice) key = Random({key, static_cast<uint64_t>(candidate)}).next();
  return static_cast<int>(Random({key}).below(groups_));
}

const std::vector<HeldOut::Pass>& HeldOut::passes(int group) {
  if (loaded_ == group) return passes_;
  passes_.clear();
  Loader loader(set_, {}, batch_, seed_, first_batch_ + group * batches_, workers_);
  for (int64_t i = 0; i < batches_; ++i) {
    const Batch next = loader.next();
    passes_.push_back({to_tensor(next, set_.shape), labels_tensor(next)});
  }
  loaded_ = group;
  return passes_;
}

void HeldOut::run(const Pass& pass, std::span<const Choice> choices,
                  std::span<Inherited> sums) const {
  constexpr auto statistics = Statistics::batch;
  std::vector<torch::Tensor> behind(choices.front().size() + 1);  // slots
  behind[0] = supernet_.stem(pass.images, statistics);
  for (size_t i = 0; i < choices.size(); ++i) {
    const Choice& choice = choices[i];
    for (size_t slot = i == 0 ? 0 : common_beginning(choices[i - 1], choice); slot < choice.size();
         ++slot)
      behind[slot + 1] = supernet_.slot(slot, choice[slot], behind[slot], statistics);
    const auto outputs = supernet_.head(behind.back(), statistics);
    const auto sum = F::CrossEntropyFuncOptions().reduction(torch::kSum);
    sums[i].loss += F::cross_entropy(outputs, pass.labels, sum).item<double>();
    sums[i].accuracy += (outputs.argmax(1) == pass.labels).sum().item<double>();
  }
}

void HeldOut::evaluate(std::vector<Choice> choices, const std::function<void()>& pause) {
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

void HeldOut::evaluate_group(int group, std::span<const Choice> choices,
                             const std::function<void()>& pause) {
  constexpr size_t some = 32;  // networks between two pauses
  torch::NoGradGuard no_grad;
  for (; !choices.empty(); choices = choices.subspan(std::min(some, choices.size()))) {
    const auto next = choices.first(std::min(some, choices.size()));
    std::vector<Inherited> sums(next.size());
    for (const Pass& pass : passes(group)) run(pass, next, sums);
    for (size_t i = 0; i < next.size(); ++i) {
      if (!std::isfinite(sums[i].loss))
        fail("search: the held-out loss of a network is not finite; lower search.lr");
      const auto n = static_cast<double>(images_);
      known_[next[i]] = {sums[i].loss / n, sums[i].accuracy / n};
    }
    pause();
  }
}

}  // namespace vpunas
