#include "search/strategy.h"

#include <algorithm>

#include "base/error.h"
#include "search/distribution.h"
#include "search/strategies/strategies.h"

namespace vpunas {
namespace {

constexpr const char* stage = "search";
constexpr const char* schema = "vpunas.strategy/1";

std::string work_key(const SearchProblem& problem, const TrainedSupernet& supernet,
                     const StrategyConfig& config, uint64_t seed) {
  StrategyConfig copy = config;
  ConfigWriter writer;
  writer.write(stage, copy);
  std::string devices;
  for (size_t d = 0; d < problem.priced.devices(); ++d) devices += problem.priced.device(d) + " ";
  return content_hash(cat(settings_of(writer), supernet.key(), space_hash(problem.priced.space()),
                          devices, supernet.held_out_images(), image_groups(config, supernet),
                          seed));
}

bool by_steps(const std::string& algorithm) {
  return algorithm == "gates" || algorithm == "gumbel";
}

}  // namespace

int image_groups(const StrategyConfig& config, const TrainedSupernet& supernet) {
  if (config.algorithm != "linear") return 1;
  constexpr int networks_a_group = 20;  // of which one is spent on the group's mean
  const int64_t groups =
      supernet.held_out_images() / supernet.images_shown(config.held_out_images) - 1;
  return static_cast<int>(
      std::max<int64_t>(1, std::min<int64_t>(groups, config.networks / networks_a_group)));
}

void distribute(const PricedSpace& priced, const Budgets& budgets, StrategyResult& result) {
  BudgetedDistribution found = distribution_within(priced, budgets, result.alpha);
  result.probability = std::move(found.probability);
  result.mu = std::move(found.mu);
  result.expected_cost = std::move(found.expected_cost);
}

Strategy::Strategy(const SearchProblem& problem, TrainedSupernet& supernet,
                   const StrategyConfig& config, uint64_t seed, fs::path file, const Work& work)
    : problem_(problem),
      supernet_(supernet),
      config_(config),
      seed_(seed),
      file_(std::move(file)),
      key_(work_key(problem, supernet, config, seed)),
      work_(work),
      evaluator_(supernet, config.held_out_images, 0, seed + 2, image_groups(config, supernet)) {
  if (!fs::exists(file_)) return;
  const Json saved = read_json(file_, schema);
  if (saved.value("key", "") != key_)
    fail(file_.string(), ": of another search (settings differ); delete it to choose anew");
  evaluator_.remember(scores_from_json(saved.at("networks")));
  for (const Json& entry : saved.at("gradients"))
    gradients_[entry.at(0).get<Budgets>()] = gradient_state_from(entry.at(1));
  meter_ = CostMeter(compute_cost_from_json(saved.at("cost")));
}

void Strategy::save() {
  Json gradients = Json::array();
  for (const auto& [budgets, state] : gradients_) gradients.push_back({budgets, to_json(state)});
  write_json(file_, schema,
             {{"key", key_},
              {"cost", to_json(meter_.cost(0))},
              {"networks", to_json(evaluator_.known())},
              {"gradients", gradients}});
}

void Strategy::evaluated(size_t already_known) {
  work_.report({.kind = Event::Kind::step,
                .stage = stage,
                .done = static_cast<int64_t>(evaluator_.known().size() - already_known),
                .total = config_.networks});
  pause();
}

void Strategy::pause() {
  const bool stopped = work_.stop.stop_requested();
  if (stopped || clock_.due()) save();
  if (stopped) throw Interrupted("search stopped in its choice");
}

ComputeCost Strategy::cost() const {
  int64_t steps = 0;
  for (const auto& [budgets, state] : gradients_) steps += state.step;
  return meter_.cost(evaluator_.images_seen() + steps * config_.arch_batch_size);
}

StrategyResult Strategy::run(const Budgets& budgets) {
  const auto tell = [&](Event::Kind kind) {  // gradient() tells of its steps itself
    if (!by_steps(config_.algorithm))
      work_.report({.kind = kind,
                    .stage = stage,
                    .what = "networks with supernet weights",
                    .total = config_.networks});
  };
  tell(Event::Kind::begin);
  StrategyResult result = dispatch(budgets);
  tell(Event::Kind::end);
  save();
  return result;
}

StrategyResult Strategy::dispatch(const Budgets& budgets) {
  const std::string& algorithm = config_.algorithm;
  if (by_steps(algorithm))
    return strategies::gradient(
        problem_, budgets, supernet_, config_, seed_, gradients_[budgets], [this] { pause(); },
        work_);
  const auto strategy = algorithm == "linear"   ? strategies::linear
                        : algorithm == "random" ? strategies::random
                                                : strategies::evolution;
  return strategy(problem_, budgets, config_, seed_, evaluator_,
                  [this, known = evaluator_.known().size()] { evaluated(known); });
}

}  // namespace vpunas
