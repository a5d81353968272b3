#include "search/trained_alone.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "search/final_selection.h"
#include "search/linear_predictor.h"
#include "search/sampling.h"

namespace vpunas {
namespace {

constexpr const char* stage = "search";
constexpr const char* schema = "vpunas.trained_alone/1";
constexpr uint64_t kDrawStream = 0x66696e616c;  // apart from other uses of the seed
constexpr int kTypical = 200;                   // networks that tell what is common in the space
constexpr int kShortlist = 3;                   // of a draw, estimated as whole networks
constexpr int kAttempts = 20;  // draws whose best networks are all known, before it is given up

Json to_json(const NetworkAlone& network) {
  return {{"choice", network.choice},
          {"budget", network.budget},
          {"loss", network.result.score.loss},
          {"accuracy", network.result.score.accuracy},
          {"cost", to_json(network.result.cost)}};
}

NetworkAlone network_from(const Json& json) {
  return {.choice = json.at("choice").get<Choice>(),
          .budget = json.at("budget"),
          .result = {.score = {.loss = json.at("loss"), .accuracy = json.at("accuracy")},
                     .cost = compute_cost_from_json(json.at("cost"))}};
}

Json networks_json(const std::vector<NetworkAlone>& networks) {
  Json json = Json::array();
  for (const NetworkAlone& network : networks) json.push_back(to_json(network));
  return json;
}

// "NAME" of the first round, "NAME_2" of the second, ...
std::string of_round(const char* name, size_t round) {
  return round == 0 ? name : cat(name, "_", round + 1);
}

}  // namespace

Json to_json(const AloneRound& round) {
  Json shares = Json::object();
  for (const auto& [group, share] : round.shares) shares[group] = share;
  return {{"epochs", round.epochs},
          {"networks", networks_json(round.networks)},
          {"shares", std::move(shares)},
          {"agreement", round.agreement}};
}

TrainingAlone::TrainingAlone(const SearchProblem& problem, Trainer& trainer,
                             const SearchConfig& config, size_t round, uint64_t seed,
                             fs::path folder, const Work& work)
    : problem_(problem),
      trainer_(trainer),
      config_(config),
      round_(round),
      asked_for_(std::max(1, config.trained_alone >> std::min<size_t>(round, 30))),
      seed_(seed),
      folder_(std::move(folder)),
      work_(work),
      key_(trainer.alone_key(config.fidelities.at(round))) {
  result_.epochs = config.fidelities.at(round);
  if (!fs::exists(file())) return;
  const Json saved = read_json(file(), schema);
  if (saved.value("key", "") != key_)
    fail(file().string(), ": of another search (settings differ); delete it to train them anew");
  for (const Json& entry : saved.at("networks")) result_.networks.push_back(network_from(entry));
  asked_ = saved.at("asked").get<std::map<std::string, int>>();
  begun_ = saved.at("begun").get<Choice>();
  begun_for_ = saved.value("begun_for", "");
}

fs::path TrainingAlone::file() const {
  return folder_ / (of_round("trained_alone", round_) + ".json");
}
fs::path TrainingAlone::checkpoint() const {
  return folder_ / (of_round("trained_alone", round_) + ".safetensors");
}

void TrainingAlone::save() const {
  write_json(file(), schema,
             {{"key", key_},
              {"networks", networks_json(result_.networks)},
              {"asked", asked_},
              {"begun", begun_},
              {"begun_for", begun_for_}});
}

ComputeCost TrainingAlone::cost() const {
  ComputeCost total;
  for (const NetworkAlone& network : result_.networks) total = total + network.result.cost;
  return total;
}

std::optional<Choice> TrainingAlone::best_unknown(const PerCandidate& alpha,
                                                  const Budgets& budgets) const {
  StrategyConfig config = config_.strategy;
  config.shortlist = std::min(config.shortlist, kShortlist);
  const FinalSelection selection = select_final(problem_, {.alpha = alpha}, config, budgets);
  for (const SelectedNetwork& candidate : selection.shortlist) {
    const bool fits = !candidate.latency.empty() && used_share(candidate.latency, budgets) <= 1;
    const Choice& choice = candidate.scored.choice;
    if (fits && std::ranges::count(result_.networks, choice, &NetworkAlone::choice) == 0)
      return choice;
  }
  return std::nullopt;
}

std::optional<Choice> TrainingAlone::next(const StrategyResult& result, const Budgets& budgets,
                                          const BayesianSurrogate& surrogate) {
  const std::string name = to_string(problem_.priced, budgets);
  if (!begun_.empty() && begun_for_ == name) return begun_;
  fs::remove(checkpoint());  // of another search
  const bool first = std::ranges::count(result_.networks, name, &NetworkAlone::budget) == 0;
  std::optional<Choice> best;
  if (first) best = best_unknown(result.alpha, budgets);
  for (uint64_t attempt = 0; !best && attempt < kAttempts; ++attempt) {
    if (work_.stop.stop_requested())
      throw Interrupted("search stopped between networks trained alone");
    Random random({seed_, kDrawStream + round_, result_.networks.size(), attempt});
    best = best_unknown(scaled(surrogate.draw(random), -1), budgets);
  }
  return best;
}

void TrainingAlone::train_one(const Choice& choice, const std::string& budget, int number) {
  begun_ = choice;
  begun_for_ = budget;
  save();
  const std::string name = cat("alone_", result_.networks.size() + 1);
  const TrainedAlone trained = trainer_.train_alone(choice, name, result_.epochs, checkpoint());
  work_.note(stage, cat("network ", number, " of ", asked_for_, " trained alone for ", budget, ", ",
                        result_.epochs, " epochs: ", fixed(100 * trained.score.accuracy, 2),
                        " % of held-out images"));
  result_.networks.push_back({.choice = choice, .budget = budget, .result = trained});
  begun_.clear();
  save();
  fs::remove(checkpoint());
}

BayesianSurrogate TrainingAlone::surrogate(const StrategyResult& result,
                                           const Budgets& budgets) const {
  const SearchSpace& space = problem_.priced.space();
  const std::vector<Choice> typical =
      draw_networks(problem_.priced, budgets, 0, 1.3, kTypical, seed_);
  const char* source = round_ == 0 ? "shared weights" : "shorter trainings";
  return {space, effect_groups(space, source, result.alpha, typical), typical};
}

void TrainingAlone::teach(BayesianSurrogate& surrogate) const {
  std::vector<Choice> choices;
  std::vector<double> losses;
  for (const NetworkAlone& network : result_.networks) {
    choices.push_back(network.choice);
    losses.push_back(network.result.score.loss);
  }
  surrogate.learn(choices, losses);
}

void TrainingAlone::train_some(const StrategyResult& result, const Budgets& budgets) {
  const std::string name = to_string(problem_.priced, budgets);
  if (asked_[name] >= asked_for_) return;
  BayesianSurrogate learned = surrogate(result, budgets);
  for (auto number =
           static_cast<int>(std::ranges::count(result_.networks, name, &NetworkAlone::budget));
       number < asked_for_; ++number) {
    teach(learned);
    std::optional<Choice> choice;
    try {
      choice = next(result, budgets, learned);
    } catch (const Error& error) {
      if (error.code() != ExitCode::budget) throw;  // which the final selection will say
    }
    if (!choice) break;
    train_one(*choice, name, number + 1);
  }
  asked_[name] = asked_for_;
  save();
}

void TrainingAlone::correct(StrategyResult& result, const Budgets& budgets) {
  BayesianSurrogate learned = surrogate(result, budgets);
  teach(learned);
  if (budgets == problem_.sweep.front()) {
    result_.shares = learned.shares();
    std::vector<double> expected, losses;
    for (const NetworkAlone& network : result_.networks) {
      expected.push_back(-sum_of(result.alpha, network.choice));
      losses.push_back(network.result.score.loss);
    }
    result_.agreement = kendall_tau(expected, losses);
  }
  const double unit = std::max(learned.deviation(seed_), 1e-12);
  result.alpha = scaled(learned.mean(), -1 / unit);
  distribute(problem_.priced, budgets, result);
}

}  // namespace vpunas
