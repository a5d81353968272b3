#include "search/strategies/gradient.h"

#include <algorithm>
#include <cmath>

#include "search/distribution.h"
#include "search/strategies/strategies.h"

namespace vpunas {
namespace {

constexpr const char* stage = "search";
constexpr const char* phase = "architecture parameters";

// What a slot draws: the active candidate, the other one (-1: none), and noise on their logits.
struct Draw {
  int active = 0, other = -1;
  double active_noise = 0, other_noise = 0;
};

double log_of(double probability) { return std::log(std::max(probability, 1e-30)); }

// The draws with those of blocks before those of skips, as canonical() orders choices.
void make_canonical(const SearchSpace& space, std::vector<Draw>& draws) {
  const auto& slots = space.slots;
  for (size_t begin = 0, end = 0; begin < slots.size(); begin = end) {
    for (end = begin + 1; end < slots.size() && slots[end] == slots[begin];) ++end;
    std::stable_partition(draws.begin() + static_cast<ptrdiff_t>(begin),
                          draws.begin() + static_cast<ptrdiff_t>(end),
                          [&](const Draw& d) { return !is_skip(slots[begin], d.active); });
  }
}

PathSample sample_of(const SearchSpace& space, std::vector<Draw> draws, double temperature) {
  make_canonical(space, draws);
  PathSample sample{.paths = {}, .noise = {}, .temperature = temperature};
  for (const Draw& draw : draws) {
    sample.paths.push_back({draw.active, draw.other >= 0 ? draw.other : draw.active});
    sample.noise.push_back({draw.active_noise, draw.other_noise});
  }
  return sample;
}

void add(PerCandidate& sum, double factor, const PerCandidate& values) {
  for (size_t i = 0; i < sum.size(); ++i) {
    for (size_t j = 0; j < sum[i].size(); ++j) sum[i][j] += factor * values[i][j];
  }
}

void descend(GradientState& state, const PerCandidate& gradient, const PathSample& sample,
             double lr) {
  constexpr double decay = 0.99;
  int64_t ran = 0;  // candidates that did
  for (const PathPair& pair : sample.paths) ran += pair.other != pair.active ? 2 : 0;
  if (ran == 0) return;
  double square = 0;
  for (const auto& slot : gradient) {
    for (const double g : slot) square += g * g;
  }
  state.square = decay * state.square + (1 - decay) * square / static_cast<double>(ran);
  const double correction = 1 - std::pow(decay, static_cast<double>(state.step + 1));
  add(state.alpha, -lr / (std::sqrt(state.square / correction) + 1e-12), gradient);
}

void report(const Work& work, const GradientStep& step, int64_t total) {
  work.report({.kind = Event::Kind::metrics,
               .stage = stage,
               .what = phase,
               .metrics = {{"step", static_cast<double>(step.step)},
                           {"entropy", step.entropy},
                           {"expected_ms", step.expected_cost[0]},
                           {"mu", step.mu[0]},
                           {"loss", step.loss}}});
  work.report({.kind = Event::Kind::step,
               .stage = stage,
               .done = step.step,
               .total = total,
               .metrics = {{"entropy", step.entropy}, {"expected ms", step.expected_cost[0]}}});
}

}  // namespace

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
  return sample_of(space, std::move(draws), 1);
}

PathSample sample_gumbel(const SearchSpace& space, const PerCandidate& probability,
                         double temperature, Random& random) {
  std::vector<Draw> draws;
  for (const auto& p : probability) {
    std::vector<std::pair<double, int>> perturbed;  // -(log p + noise), candidate
    std::vector<double> noise;
    for (size_t j = 0; j < p.size(); ++j) {
      noise.push_back(-std::log(-std::log(1 - random.uniform())));
      perturbed.emplace_back(-log_of(p[j]) - noise.back(), static_cast<int>(j));
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
  return sample_of(space, std::move(draws), temperature);
}

PerCandidate alpha_gradient(const SearchSpace& space, const PerCandidate& probability,
                            const PathSample& sample, const GateGradients& gradients) {
  PerCandidate gradient = zeros_like(space);
  for (size_t slot = 0; slot < gradient.size(); ++slot) {
    const auto active = static_cast<size_t>(sample.paths[slot].active);
    const auto other = static_cast<size_t>(sample.paths[slot].other);
    if (active == other) continue;
    const auto& p = probability[slot];
    const double logit =
        (log_of(p[active]) + sample.noise[slot][0] - log_of(p[other]) - sample.noise[slot][1]) /
        sample.temperature;
    const double s = 1 / (1 + std::exp(-logit));
    const auto& gates = gradients.gates[slot];
    gradient[slot][active] = s * (1 - s) * (gates[0] - gates[1]) / sample.temperature;
    gradient[slot][other] = -gradient[slot][active];
  }
  return gradient;
}

StrategyResult strategies::gradient(const SearchProblem& problem, const Budgets& budgets,
                                    TrainedSupernet& supernet, const StrategyConfig& config,
                                    uint64_t seed, GradientState& state,
                                    const std::function<void()>& pause, const Work& work) {
  const SearchSpace& space = problem.priced.space();
  if (state.alpha.empty()) state.alpha = state.sum = zeros_like(space);
  const int64_t total = config.arch_steps, averaged = total - total / 2;
  const bool works = state.step < total;
  if (works)
    work.report({.kind = Event::Kind::begin, .stage = stage, .what = phase, .total = total});
  while (state.step < total) {
    pause();
    BudgetedDistribution now = distribution_within(problem.priced, budgets, state.alpha);
    Random random({seed, 0xA4C4, static_cast<uint64_t>(state.step)});
    // The temperature falls from 5 to 0.5, as FBNet anneals.
    const double progress = static_cast<double>(state.step) / static_cast<double>(total);
    const PathSample sample =
        config.algorithm == "gumbel"
            ? sample_gumbel(space, now.probability, 5 * std::pow(0.1, progress), random)
            : sample_gates(space, now.probability, random);
    const GateGradients gates =
        supernet.gate_gradients(sample.paths, config.arch_batch_size, seed + 1, state.step);
    descend(state, alpha_gradient(space, now.probability, sample, gates), sample, config.arch_lr);
    ++state.step;
    if (state.step > total - averaged) add(state.sum, 1, state.alpha);
    state.history.push_back({state.step, mean_entropy(now.probability), gates.loss,
                             std::move(now.expected_cost), std::move(now.mu),
                             std::move(now.probability)});
    report(work, state.history.back(), total);
  }
  if (works) work.report({.kind = Event::Kind::end, .stage = stage, .what = phase});
  StrategyResult result{.alpha = scaled(state.sum, 1 / static_cast<double>(averaged)),
                        .history = state.history};
  distribute(problem.priced, budgets, result);
  return result;
}

Json to_json(const GradientState& state) {
  Json history = Json::array();
  for (const auto& s : state.history)
    history.push_back({s.step, s.entropy, s.loss, s.expected_cost, s.mu, s.probability});
  return {{"step", state.step},
          {"alpha", state.alpha},
          {"sum", state.sum},
          {"square", state.square},
          {"history", history}};
}

GradientState gradient_state_from(const Json& json) {
  GradientState state{.step = json.at("step"),
                      .alpha = json.at("alpha").get<PerCandidate>(),
                      .sum = json.at("sum").get<PerCandidate>(),
                      .square = json.at("square"),
                      .history = {}};
  for (const auto& s : json.at("history"))
    state.history.push_back({s.at(0), s.at(1), s.at(2), s.at(3), s.at(4), s.at(5)});
  return state;
}

}  // namespace vpunas
