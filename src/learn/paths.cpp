#include "learn/paths.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace vpunas {
namespace {

// Index drawn with `weights`, which need not sum to 1; -1 where all are 0.
int draw(const std::vector<double>& weights, Random& random) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (total <= 0) return -1;
  double left = random.uniform() * total;
  int last = -1;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last = static_cast<int>(i);
    left -= weights[i];
    if (left < 0) break;
  }
  return last;
}

// Gates whose value is (1, 0) and whose gradient is that of `soft`.
torch::Tensor straight_through(const torch::Tensor& soft) {
  return torch::tensor({1.0F, 0.0F}) + soft - soft.detach();
}

torch::Tensor log_probability(const std::vector<double>& probability) {
  std::vector<float> logits;
  for (const double p : probability)
    logits.push_back(static_cast<float>(std::log(std::max(p, 1e-30))));
  return torch::tensor(logits).set_requires_grad(true);
}

torch::Tensor pick_two(const torch::Tensor& values, int first, int second) {
  return torch::stack({values[first], values[second]});
}

}  // namespace

Choice fair_choice(const SearchSpace& space, uint64_t seed, int64_t step) {
  Choice choice;
  for (size_t slot = 0; slot < space.slots.size(); ++slot) {
    const auto n = static_cast<int64_t>(space.slots[slot].candidates.size());
    std::vector<int> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    Random random({seed, slot, static_cast<uint64_t>(step / n)});
    random.shuffle(order);
    choice.push_back(order[static_cast<size_t>(step % n)]);
  }
  return canonical(space, choice);
}

PathSample sample_gates(const PerCandidate& probability, Random& random) {
  PathSample sample;
  for (const auto& p : probability) {
    auto logits = log_probability(p);
    int first = draw(p, random);
    auto rest = p;
    rest[static_cast<size_t>(first)] = 0;
    int second = draw(rest, random);
    TwoPaths two{.active = first, .other = first, .gates = {}};
    if (second >= 0) {
      const double share = p[static_cast<size_t>(first)] /
                           (p[static_cast<size_t>(first)] + p[static_cast<size_t>(second)]);
      if (random.uniform() >= share) std::swap(first, second);
      two = {.active = first,
             .other = second,
             .gates = straight_through(torch::softmax(pick_two(logits, first, second), 0))};
    }
    sample.logits.push_back(std::move(logits));
    sample.paths.push_back(std::move(two));
  }
  return sample;
}

PathSample sample_gumbel(const PerCandidate& probability, double temperature, Random& random) {
  PathSample sample;
  for (const auto& p : probability) {
    auto logits = log_probability(p);
    std::vector<float> noise;
    for (size_t i = 0; i < p.size(); ++i)
      noise.push_back(static_cast<float>(-std::log(-std::log(1 - random.uniform()))));
    const auto perturbed = logits + torch::tensor(noise);
    TwoPaths two;
    if (p.size() > 1) {
      const auto best = std::get<1>(perturbed.topk(2));
      two.active = best[0].item<int>();
      two.other = best[1].item<int>();
      two.gates = straight_through(
          torch::softmax(pick_two(perturbed, two.active, two.other) / temperature, 0));
    }
    sample.logits.push_back(std::move(logits));
    sample.paths.push_back(std::move(two));
  }
  return sample;
}

}  // namespace vpunas
