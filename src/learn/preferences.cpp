#include "learn/preferences.h"

#include <cmath>

#include "base/error.h"
#include "learn/paths.h"
#include "learn/supernet.h"

namespace vpunas {
namespace {

namespace F = torch::nn::functional;

constexpr const char* stage = "search";
constexpr const char* phase = "preferences";

template <class Function>
void for_each_pair(PerCandidate& a, const PerCandidate& b, Function&& function) {
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = 0; j < a[i].size(); ++j) function(a[i][j], b[i][j]);
  }
}

struct Gradient {
  double loss = 0;
  PerCandidate of_preference;  // 0 for candidates that did not run
  int64_t ran = 0;             // candidates that did
};

Gradient gradient(const Supernet& supernet, const PathSample& sample, const Batch& batch,
                  const ImageShape& shape) {
  const auto outputs = supernet.forward(to_tensor(batch, shape), sample.paths);
  const auto loss = F::cross_entropy(outputs, labels_tensor(batch));
  Gradient result{.loss = loss.item<double>(), .of_preference = zeros_like(supernet.space())};
  if (!std::isfinite(result.loss))
    fail("search: the loss of the preferences is not finite; lower search.lr");
  if (!loss.requires_grad()) return result;
  loss.backward();
  for (size_t slot = 0; slot < sample.logits.size(); ++slot) {
    const auto& grad = sample.logits[slot].grad();
    if (!grad.defined()) continue;
    result.ran += 2;
    for (size_t j = 0; j < result.of_preference[slot].size(); ++j)
      result.of_preference[slot][j] = grad[static_cast<int64_t>(j)].item<double>();
  }
  return result;
}

void descend(PreferenceState& state, const Gradient& gradient, double lr) {
  if (gradient.ran == 0) return;
  constexpr double decay = 0.99;
  double square = 0;
  for (const auto& slot : gradient.of_preference) {
    for (const double g : slot) square += g * g;
  }
  state.square = decay * state.square + (1 - decay) * square / static_cast<double>(gradient.ran);
  const double correction = 1 - std::pow(decay, static_cast<double>(state.step + 1));
  const double rate = lr / (std::sqrt(state.square / correction) + 1e-12);
  for_each_pair(state.preference, gradient.of_preference,
                [&](double& u, double g) { u -= rate * g; });
}

void report(const Work& work, const SearchStep& step, int64_t total) {
  work.report({.kind = Event::Kind::metrics,
               .stage = stage,
               .what = phase,
               .metrics = {{"step", static_cast<double>(step.step)},
                           {"entropy", step.entropy},
                           {"expected_ms", step.expected_ms[0]},
                           {"mu", step.mu[0]},
                           {"loss", step.loss}}});
  work.report({.kind = Event::Kind::step,
               .stage = stage,
               .done = step.step,
               .total = total,
               .metrics = {{"entropy", step.entropy}, {"expected ms", step.expected_ms[0]}}});
}

}  // namespace

PerCandidate learn_preferences(const SearchProblem& problem, const Budgets& budgets,
                               const Supernet& supernet, const ImageSet& held_out,
                               const PreferenceRecipe& recipe, uint64_t seed, int workers,
                               PreferenceState& state, const std::function<void()>& pause,
                               const Work& work) {
  if (state.preference.empty()) state.preference = state.sum = zeros_like(problem.deploy_space);
  const int64_t total = recipe.steps, averaged = total - total / 2;
  if (state.step < total) {
    const std::vector<Constraint> priced_by = constraints(problem, budgets);
    Loader loader(held_out, {}, recipe.batch_size, seed + 1, state.step, std::max(1, workers));
    work.report({.kind = Event::Kind::begin, .stage = stage, .what = phase, .total = total});
    while (state.step < total) {
      pause();
      const PricedChoice priced = price_choice(problem.deploy_space, priced_by, state.preference);
      Random random({seed, 0xA4C4, static_cast<uint64_t>(state.step)});
      // The temperature falls from 5 to 0.5, as FBNet anneals.
      const double progress = static_cast<double>(state.step) / static_cast<double>(total);
      const PathSample sample = recipe.gumbel
                                    ? sample_gumbel(supernet.space(), priced.probability,
                                                    5 * std::pow(0.1, progress), random)
                                    : sample_gates(supernet.space(), priced.probability, random);
      const Gradient g = gradient(supernet, sample, loader.next(), held_out.shape);
      descend(state, g, recipe.lr);
      ++state.step;
      if (state.step > total - averaged)
        for_each_pair(state.sum, state.preference, [](double& sum, double u) { sum += u; });
      state.history.push_back({state.step, mean_entropy(priced.probability), g.loss,
                               priced.expected_ms, priced.mu, priced.probability});
      report(work, state.history.back(), total);
    }
    work.report({.kind = Event::Kind::end, .stage = stage, .what = phase});
  }
  PerCandidate mean = state.sum;
  for (auto& slot : mean) {
    for (double& u : slot) u /= static_cast<double>(averaged);
  }
  return mean;
}

double mean_entropy(const PerCandidate& probability) {
  double sum = 0;
  int slots = 0;
  for (const auto& p : probability) {
    if (p.size() < 2) continue;
    double entropy = 0;
    for (const double x : p) entropy -= x > 0 ? x * std::log(x) : 0;
    sum += entropy / std::log(static_cast<double>(p.size()));
    ++slots;
  }
  return slots > 0 ? sum / slots : 0;
}

Json to_json(const PreferenceState& state) {
  Json history = Json::array();
  for (const auto& s : state.history)
    history.push_back({s.step, s.entropy, s.loss, s.expected_ms, s.mu, s.probability});
  return {{"step", state.step},
          {"preference", state.preference},
          {"sum", state.sum},
          {"square", state.square},
          {"history", history}};
}

PreferenceState preference_state_from(const Json& json) {
  PreferenceState state{.step = json.at("step"),
                        .preference = json.at("preference").get<PerCandidate>(),
                        .sum = json.at("sum").get<PerCandidate>(),
                        .square = json.at("square"),
                        .history = {}};
  for (const auto& s : json.at("history"))
    state.history.push_back({s.at(0), s.at(1), s.at(2), s.at(3), s.at(4), s.at(5)});
  return state;
}

}  // namespace vpunas
