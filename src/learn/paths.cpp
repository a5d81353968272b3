#include "learn/paths.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace vpunas {
namespace {

// Gates whose value is (1, 0) and whose gradient is that of `soft`.
torch::Tensor straight_through(const torch::Tensor& soft) {
  return torch::tensor({1.0F, 0.0F}) + soft - soft.detach();
}

// What a slot draws: the active candidate, the other one (-1: none), and noise on their logits.
struct Draw {
  int active = 0, other = -1;
  float active_noise = 0, other_noise = 0;
};

// The draws with those of blocks before those of skips, as canonical() orders choices.
std::vector<Draw> canonical_draws(const SearchSpace& space, std::vector<Draw> draws) {
  const auto& slots = space.slots;
  for (size_t begin = 0, end = 0; begin < slots.size(); begin = end) {
    for (end = begin + 1; end < slots.size() && slots[end] == slots[begin];) ++end;
    const auto& candidates = slots[begin].candidates;
    std::stable_partition(draws.begin() + static_cast<ptrdiff_t>(begin),
                          draws.begin() + static_cast<ptrdiff_t>(end), [&](const Draw& d) {
                            return candidates[static_cast<size_t>(d.active)].kind !=
                                   BlockKind::skip;
                          });
  }
  return draws;
}

PathSample gated(const SearchSpace& space, const PerCandidate& probability, std::vector<Draw> draws,
                 double temperature) {
  draws = canonical_draws(space, std::move(draws));
  PathSample sample;
  for (size_t slot = 0; slot < draws.size(); ++slot) {
    std::vector<float> log_p;
    for (const double p : probability[slot])
      log_p.push_back(static_cast<float>(std::log(std::max(p, 1e-30))));
    auto logits = torch::tensor(log_p).set_requires_grad(true);
    const Draw& draw = draws[slot];
    TwoPaths two{.active = draw.active, .other = draw.active, .gates = {}};
    if (draw.other >= 0) {
      const auto pair = torch::stack(
          {logits[draw.active] + draw.active_noise, logits[draw.other] + draw.other_noise});
      two.other = draw.other;
      two.gates = straight_through(torch::softmax(pair / temperature, 0));
    }
    sample.logits.push_back(std::move(logits));
    sample.paths.push_back(std::move(two));
  }
  return sample;
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

PathSample sample_gates(const SearchSpace& space, const PerCandidate& probability, Random& random) {
  std::vector<Draw> draws;
  for (const auto& p : probability) {
    Draw drawn{.active = draw_index(p, random)};
    auto rest = p;
    rest[static_cast<size_t>(drawn.active)] = 0;
    drawn.other = draw_index(rest, random);
    if (drawn.other >= 0) {
      const double first = p[static_cast<size_t>(drawn.active)];
      const double second = p[static_cast<size_t>(drawn.other)];
      if (random.uniform() * (first + second) >= first) std::swap(drawn.active, drawn.other);
    }
    draws.push_back(drawn);
  }
  return gated(space, probability, std::move(draws), 1);
}

PathSample sample_gumbel(const SearchSpace& space, const PerCandidate& probability,
                         double temperature, Random& random) {
  std::vector<Draw> draws;
  for (const auto& p : probability) {
    std::vector<std::pair<double, int>> perturbed;  // -(log p + noise), candidate
    std::vector<float> noise;
    for (size_t j = 0; j < p.size(); ++j) {
      noise.push_back(static_cast<float>(-std::log(-std::log(1 - random.uniform()))));
      perturbed.emplace_back(-std::log(std::max(p[j], 1e-30)) - noise.back(), static_cast<int>(j));
    }
    std::sort(perturbed.begin(), perturbed.end());
    Draw drawn{.active = perturbed[0].second};
    drawn.active_noise = noise[static_cast<size_t>(drawn.active)];
    if (perturbed.size() > 1) {
      drawn.other = perturbed[1].second;
      drawn.other_noise = noise[static_cast<size_t>(drawn.other)];
    }
    draws.push_back(drawn);
  }
  return gated(space, probability, std::move(draws), temperature);
}

}  // namespace vpunas
