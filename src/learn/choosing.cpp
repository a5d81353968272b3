#include "learn/choosing.h"

#include <algorithm>

#include "base/error.h"
#include "learn/baselines.h"
#include "learn/checkpoint.h"
#include "learn/effects.h"
#include "learn/paths.h"

namespace vpunas {
namespace {

constexpr const char* stage = "search";
constexpr const char* schema = "vpunas.choosing/1";

std::string work_key(const SearchProblem& problem, const ImageSet& images,
                     const ChoosingConfig& config, uint64_t seed, const std::string& weights_key) {
  ChoosingConfig copy = config;
  ConfigWriter writer;
  writer.write(stage, copy);
  std::string devices;
  for (const SearchDevice& device : problem.devices)
    devices += device.table.provenance.device + " ";
  return content_hash(cat(settings_of(writer), weights_key, space_hash(problem.deploy_space),
                          devices, images.size(), image_groups(config, images), seed));
}

}  // namespace

int image_groups(const ChoosingConfig& config, const ImageSet& held_out) {
  if (config.algorithm != "effects") return 1;
  constexpr int networks_a_group = 20;  // of which one is spent on the group's mean
  const int64_t images =
      held_out.size() / HeldOut::images_a_network(held_out, config.held_out_images) - 1;
  return static_cast<int>(
      std::max<int64_t>(1, std::min<int64_t>(images, config.networks / networks_a_group)));
}

Choosing::Choosing(const SearchProblem& problem, const Supernet& supernet, const ImageSet& held_out,
                   const ChoosingConfig& config, uint64_t seed, int workers, fs::path file,
                   const std::string& weights_key, const Work& work)
    : problem_(problem),
      supernet_(supernet),
      images_(held_out),
      config_(config),
      seed_(seed),
      workers_(workers),
      file_(std::move(file)),
      key_(work_key(problem, held_out, config, seed, weights_key)),
      work_(work),
      held_out_(supernet, held_out, config.held_out_images, 0, seed + 2,
                image_groups(config, held_out), workers) {
  if (!fs::exists(file_)) return;
  const Json saved = read_json(file_, schema);
  if (saved.value("key", "") != key_)
    fail(file_.string(), ": of another search (settings differ); delete it to choose anew");
  held_out_.remember(inherited_from_json(saved.at("networks")));
  for (const Json& entry : saved.at("preferences"))
    preferences_[entry.at(0).get<Budgets>()] = preference_state_from(entry.at(1));
  meter_ = CostMeter(cost_from_json(saved.at("cost")));
}

void Choosing::save() {
  Json preferences = Json::array();
  for (const auto& [budgets, state] : preferences_)
    preferences.push_back({budgets, to_json(state)});
  write_json(file_, schema,
             {{"key", key_},
              {"cost", to_json(meter_.cost(0))},
              {"networks", to_json(held_out_.known())},
              {"preferences", preferences}});
}

void Choosing::evaluated(size_t already_known) {
  work_.report({.kind = Event::Kind::step,
                .stage = stage,
                .done = static_cast<int64_t>(held_out_.known().size() - already_known),
                .total = config_.networks});
  pause();
}

void Choosing::pause() {
  const bool stopped = work_.stop.stop_requested();
  if (stopped || clock_.due()) save();
  if (stopped) throw Interrupted("search stopped in its choice");
}

Cost Choosing::cost() const {
  int64_t steps = 0;
  for (const auto& [budgets, state] : preferences_) steps += state.step;
  return meter_.cost(held_out_.images_seen() + steps * config_.arch_batch_size);
}

Chosen Choosing::choose(const Budgets& budgets) {
  const std::string& algorithm = config_.algorithm;
  const bool by_steps = algorithm == "gates" || algorithm == "gumbel";
  const auto tell = [&](Event::Kind kind) {  // learn_preferences() tells of its steps itself
    if (!by_steps)
      work_.report({.kind = kind,
                    .stage = stage,
                    .what = "networks with inherited weights",
                    .total = config_.networks});
  };
  tell(Event::Kind::begin);
  Chosen chosen = algorithm == "effects" ? by_effects(budgets)
                  : by_steps             ? by_gradients(budgets)
                                         : by_evaluation(budgets);
  tell(Event::Kind::end);
  save();
  return chosen;
}

// Draws for several budgets come from the same random numbers, so that they have many networks in
// common.
Chosen Choosing::by_effects(const Budgets& budgets) {
  const std::vector<Choice> networks = draw_near(problem_, budgets, config_.networks, seed_);
  held_out_.evaluate(networks, [this, known = held_out_.known().size()] { evaluated(known); });
  std::vector<double> losses;
  std::vector<int64_t> groups;
  for (const Choice& network : networks) {
    losses.push_back(held_out_[network].loss);
    groups.push_back(held_out_.group_of(network));
  }
  const Effects effects = fit_effects(problem_.deploy_space, networks, losses, groups);
  Chosen chosen{.preference = scaled(effects.effect, -1 / std::max(effects.deviation, 1e-12)),
                .agreement = effects.agreement};
  price(problem_, budgets, chosen);
  return chosen;
}

Chosen Choosing::by_gradients(const Budgets& budgets) {
  const PreferenceRecipe recipe{.gumbel = config_.algorithm == "gumbel",
                                .steps = config_.arch_steps,
                                .batch_size = config_.arch_batch_size,
                                .lr = config_.arch_lr};
  PreferenceState& state = preferences_[budgets];
  Chosen chosen{.preference = learn_preferences(
                    problem_, budgets, supernet_, images_, recipe, seed_, workers_, state,
                    [this] { pause(); }, work_)};
  chosen.history = state.history;
  price(problem_, budgets, chosen);
  return chosen;
}

void price(const SearchProblem& problem, const Budgets& budgets, Chosen& chosen) {
  PricedChoice priced =
      price_choice(problem.deploy_space, constraints(problem, budgets), chosen.preference);
  chosen.probability = std::move(priced.probability);
  chosen.mu = std::move(priced.mu);
  chosen.expected_ms = std::move(priced.expected_ms);
}

Chosen Choosing::by_evaluation(const Budgets& budgets) {
  const BaselineRecipe recipe{.budgets = budgets,
                              .floor = config_.budget_floor,
                              .networks = config_.networks,
                              .seed = seed_};
  const auto search = config_.algorithm == "random" ? random_search : evolution;
  const std::vector<Choice> networks = search(
      problem_, recipe, held_out_, [this, known = held_out_.known().size()] { evaluated(known); });
  const auto tables = constraints(problem_, budgets);
  Chosen chosen{.probability = zeros_like(problem_.deploy_space),
                .mu = Budgets(budgets.size(), 0.0),
                .expected_ms = Budgets(budgets.size(), 0.0)};
  for (const Choice& network : networks)
    chosen.ranked.push_back(
        {network, -held_out_[network].loss, *table_ms(problem_.deploy_space, tables, network)});
  const size_t best = std::min<size_t>(10, networks.size());
  for (size_t i = 0; i < best; ++i) {
    for (size_t slot = 0; slot < networks[i].size(); ++slot)
      chosen.probability[slot][static_cast<size_t>(networks[i][slot])] +=
          1.0 / static_cast<double>(best);
    for (size_t d = 0; d < budgets.size(); ++d)
      chosen.expected_ms[d] += chosen.ranked[i].ms[d] / static_cast<double>(best);
  }
  return chosen;
}

}  // namespace vpunas
