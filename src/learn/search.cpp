#include "learn/search.h"

#include <algorithm>
#include <deque>
#include <functional>

#include "base/error.h"
#include "latency/census.h"
#include "learn/choosing.h"
#include "learn/effects.h"
#include "learn/shared_weights.h"

namespace vpunas {
namespace {

constexpr const char* stage = "search";

// The ladder in rising order, with shares of its first rung where it has only that.
std::vector<Budgets> rungs(const SearchProblem& problem, const SearchConfig& config,
                           const Work& work) {
  std::vector<Budgets> ladder = problem.ladder;
  for (const double share : problem.ladder.size() == 1 ? config.front : std::vector<double>{}) {
    Budgets rung = problem.ladder.front();
    for (double& budget : rung) budget *= share;
    try {
      check_feasible(problem.deploy_space, constraints(problem, rung));
      ladder.push_back(std::move(rung));
    } catch (const Error& error) {
      work.warn(stage, cat("front, ", share, " times the budget: ", error.what()));
    }
  }
  std::sort(ladder.begin(), ladder.end());
  ladder.erase(std::unique(ladder.begin(), ladder.end()), ladder.end());
  return ladder;
}

// Losses of all delivered networks and candidates on images of their own.
Cost rank(std::vector<CandidateNetwork*> networks, const Supernet& supernet,
          const ImageSet& held_out, const ChoosingConfig& config, uint64_t seed, int workers) {
  const CostMeter meter;
  const int64_t seen =
      image_groups(config, held_out) * HeldOut::images_a_network(held_out, config.held_out_images);
  HeldOut images(supernet, held_out, config.held_out_images, seen, seed + 2, 1, workers);
  std::vector<Choice> choices;
  for (const CandidateNetwork* network : networks) choices.push_back(network->scored.choice);
  images.evaluate(choices, [] {});
  for (CandidateNetwork* network : networks) {
    network->loss = images[network->scored.choice].loss;
    network->accuracy = images[network->scored.choice].accuracy;
  }
  return meter.cost(images.images_seen());
}

bool dominates(const CandidateNetwork& a, const CandidateNetwork& b) {
  for (size_t d = 0; d < a.latency.size(); ++d) {
    if (a.latency[d].ms >= b.latency[d].ms) return false;
  }
  return a.loss < b.loss;
}

void mark_dominated(std::vector<FrontPoint>& front) {
  for (FrontPoint& point : front) {
    point.dominated = std::any_of(front.begin(), front.end(), [&](const FrontPoint& other) {
      return dominates(other.network, point.network);
    });
  }
}

double front_agreement(const std::vector<FrontPoint>& front) {
  std::vector<double> budgets, accuracies;
  for (const FrontPoint& point : front) {
    budgets.push_back(point.budgets.front());
    accuracies.push_back(-point.network.loss);
  }
  return kendall_tau(budgets, accuracies);
}

// The search's own rung.
void take(SearchResult& result, Chosen chosen, Delivery delivery) {
  const CandidateNetwork& delivered = delivery.delivered();
  result.choice = delivered.scored.choice;
  result.budgets = delivery.budgets;
  result.predicted = delivered.latency;
  result.table_ms = delivered.scored.ms;
  result.candidates = std::move(delivery.candidates);
  result.preference = std::move(chosen.preference);
  result.probability = std::move(chosen.probability);
  result.mu = std::move(chosen.mu);
  result.expected_ms = std::move(chosen.expected_ms);
  result.history = std::move(chosen.history);
  result.agreement = chosen.agreement;
}

void add_warnings(SearchResult& result, const SearchConfig& config) {
  const auto warn = [&](const char* text) { result.warnings.emplace_back(text); };
  if (result.skip_share == 1)
    warn(
        "every slot that can be skipped was: the search may have collapsed, or the budget leaves "
        "no room");
  if (!result.preference.empty() && result.finalists.empty() && result.entropy > 0.97)
    warn(
        "the preferences hardly tell candidates apart (entropy near uniform): more epochs, "
        "networks or arch_steps");
  if (config.choosing.algorithm == "effects" && result.agreement < 0.4)
    warn(
        "effects of single candidates explain the losses of networks badly: more networks or "
        "held_out_images, or longer training of the shared weights");
  if (result.front.size() >= 4 && result.front_agreement < 0.3)
    warn(
        "networks of larger budgets are hardly more accurate with inherited weights: longer "
        "training of the shared weights");
}

}  // namespace

void check(const SearchConfig& config) {
  for (const double share : config.front) {
    if (!(share > 0 && share <= 100))
      fail("search.front: ", share, " is no share of the budget; give numbers from 0 to 100");
  }
  if (config.finalists == 0) return;
  const std::string& algorithm = config.choosing.algorithm;
  if (algorithm == "random" || algorithm == "evolution")
    fail("search.finalists correct preferences, of which search.algorithm ", algorithm,
         " has none; take effects, gates or gumbel");
  const std::vector<double>& rounds = config.finalist_epochs;
  if (rounds.empty())
    fail("search.finalist_epochs: there is no round in the list; give the epochs of one");
  if (std::ranges::adjacent_find(rounds, std::greater_equal()) != rounds.end())
    fail("search.finalist_epochs: each round trains for longer than the one before");
}

SearchResult search(const SearchProblem& problem, const Dataset& data,
                    const Augmentation& augmentation, const SearchConfig& config,
                    const TrainConfig& training, uint64_t seed, int workers, const fs::path& folder,
                    const Work& work, const ProcessGroup& group) {
  const auto train_weights = [&] {
    return train_shared_weights(problem.train_space, problem.preprocess, data.train, data.name,
                                augmentation, config.weights, seed, workers,
                                folder / "supernet.safetensors", work, group);
  };
  if (!group.leads()) {
    train_weights();
    return {};
  }
  check(config);
  for (const Budgets& rung : problem.ladder)
    check_feasible(problem.deploy_space, constraints(problem, rung));
  const std::vector<Budgets> ladder = rungs(problem, config, work);
  std::deque<Finalists> rounds;  // before all work: each refuses what another search left
  for (size_t round = 0; config.finalists > 0 && round < config.finalist_epochs.size(); ++round)
    rounds.emplace_back(problem, data, augmentation, training, config, round, seed, workers, folder,
                        work);
  const SharedWeights shared = train_weights();
  Choosing choosing(problem, shared.supernet, data.validation, config.choosing, seed, workers,
                    folder / "choosing.json", shared.key, work);

  SearchResult result;
  std::vector<Chosen> choices;
  for (const Budgets& rung : ladder) choices.push_back(choosing.choose(rung));
  result.cost.choosing = choosing.cost();
  if (config.finalists > 0) {
    // Throws where nothing keeps the budget, before networks are trained for it.
    const auto own = std::ranges::find(ladder, problem.ladder.front()) - ladder.begin();
    deliver(problem, choices[static_cast<size_t>(own)], config.choosing, problem.ladder.front());
    for (Finalists& finalists : rounds) {
      for (size_t i = 0; i < ladder.size(); ++i) finalists.train_some(choices[i], ladder[i]);
      for (size_t i = 0; i < ladder.size(); ++i) finalists.correct(choices[i], ladder[i]);
      result.cost.finalists = result.cost.finalists + finalists.cost();
      result.finalists.push_back(finalists.result());
    }
  }
  const CostMeter delivering;
  for (size_t i = 0; i < ladder.size(); ++i) {
    const Budgets& rung = ladder[i];
    Chosen& chosen = choices[i];
    const bool own = rung == problem.ladder.front();
    try {
      Delivery delivery = deliver(problem, chosen, config.choosing, rung);
      result.front.push_back({.budgets = rung, .network = delivery.delivered()});
      if (own) take(result, std::move(chosen), std::move(delivery));
    } catch (const Error& error) {
      if (own || error.code() != ExitCode::budget) throw;
      work.warn(stage, cat("front: ", error.what()));
    }
  }

  result.cost.choosing = result.cost.choosing + delivering.cost(0);

  std::vector<CandidateNetwork*> networks;
  for (FrontPoint& point : result.front) {
    point.inherited = shared.supernet.weights(point.network.scored.choice);
    networks.push_back(&point.network);
  }
  for (CandidateNetwork& candidate : result.candidates) networks.push_back(&candidate);
  result.cost.ranking =
      rank(networks, shared.supernet, data.validation, config.choosing, seed, workers);
  result.cost.weights = shared.cost;
  mark_dominated(result.front);
  result.entropy = mean_entropy(result.probability);
  result.skip_share = skip_share(problem.deploy_space, result.choice);
  result.front_agreement = front_agreement(result.front);
  add_warnings(result, config);
  return result;
}

}  // namespace vpunas
