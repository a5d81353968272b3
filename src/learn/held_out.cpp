#include "learn/held_out.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace vpunas {
namespace {

namespace F = torch::nn::functional;

// As many as give steady statistics, and activations that fit into memory.
int images_a_pass(const ImageShape& shape) {
  return std::clamp((512 * 32 * 32) / (shape.height * shape.width), 32, 512);
}

size_t common_beginning(const Choice& a, const Choice& b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
}

}  // namespace

HeldOut::HeldOut(const Supernet& supernet, const ImageSet& images, int count, int64_t skip,
                 uint64_t seed)
    : supernet_(supernet) {
  const auto batch =
      static_cast<int>(std::min<int64_t>({count, images_a_pass(images.shape), images.size()}));
  Loader loader(images, {}, batch, seed, (skip + batch - 1) / batch, 0);
  for (; images_ < count; images_ += batch) {
    const Batch next = loader.next();
    passes_.push_back({to_tensor(next, images.shape), labels_tensor(next)});
  }
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
  constexpr size_t group = 32;  // networks between two pauses
  torch::NoGradGuard no_grad;
  std::sort(choices.begin(), choices.end());
  choices.erase(std::unique(choices.begin(), choices.end()), choices.end());
  for (const Choice& choice : choices) {
    if (elsewhere_ == nullptr) break;
    if (const auto found = elsewhere_->find(choice); found != elsewhere_->end())
      known_.insert(*found);
  }
  std::erase_if(choices, [&](const Choice& choice) { return known_.contains(choice); });
  for (size_t begin = 0; begin < choices.size(); begin += group) {
    const auto some = std::span(choices).subspan(begin, std::min(group, choices.size() - begin));
    std::vector<Inherited> sums(some.size());
    for (const Pass& pass : passes_) run(pass, some, sums);
    for (size_t i = 0; i < some.size(); ++i) {
      if (!std::isfinite(sums[i].loss))
        fail("search: the held-out loss of a network is not finite; lower search.lr");
      const auto n = static_cast<double>(images_);
      known_[some[i]] = {sums[i].loss / n, sums[i].accuracy / n};
    }
    pause();
  }
}

}  // namespace vpunas
