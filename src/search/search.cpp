#include "search/search.h"

#include <algorithm>
#include <deque>
#include <functional>

#include "base/error.h"
#include "search/feasibility.h"

namespace vpunas {
namespace {

constexpr const char* stage = "search";

// The problem's budgets in rising order, with shares of its first where it has only that.
std::vector<Budgets> whole_sweep(const SearchProblem& problem, const SearchConfig& config,
                                 const Work& work) {
  std::vector<Budgets> sweep = problem.sweep;
  for (const double share : problem.sweep.size() == 1 ? config.sweep : std::vector<double>{}) {
    Budgets budgets = problem.sweep.front();
    for (double& budget : budgets) budget *= share;
    try {
      check_feasible(problem.priced, budgets);
      sweep.push_back(std::move(budgets));
    } catch (const Error& error) {
      work.warn(stage, cat("sweep, ", share, " times the budget: ", error.what()));
    }
  }
  std::sort(sweep.begin(), sweep.end());
  sweep.erase(std::unique(sweep.begin(), sweep.end()), sweep.end());
  return sweep;
}

// Scores of all delivered networks on images of their own.
ComputeCost rank(const std::vector<SelectedNetwork*>& networks, TrainedSupernet& supernet,
                 const StrategyConfig& config, uint64_t seed) {
  const CostMeter meter;
  const int64_t seen =
      int64_t{image_groups(config, supernet)} * supernet.images_shown(config.held_out_images);
  SupernetEvaluator evaluator(supernet, config.held_out_images, seen, seed + 2);
  std::vector<Choice> choices;
  for (const SelectedNetwork* network : networks) choices.push_back(network->scored.choice);
  evaluator.evaluate(choices, [] {});
  for (SelectedNetwork* network : networks) network->score = evaluator[network->scored.choice];
  return meter.cost(evaluator.images_seen());
}

// Rounds of networks trained alone, for all budgets, which correct what the strategy found.
void train_alone(const std::vector<Budgets>& sweep, std::deque<TrainingAlone>& rounds,
                 std::vector<StrategyResult>& results, SearchResult& result) {
  for (TrainingAlone& round : rounds) {
    for (size_t i = 0; i < sweep.size(); ++i) round.train_some(results[i], sweep[i]);
    for (size_t i = 0; i < sweep.size(); ++i) round.correct(results[i], sweep[i]);
    result.cost.trained_alone = result.cost.trained_alone + round.cost();
    result.trained_alone.push_back(round.result());
  }
}

}  // namespace

void check(const SearchConfig& config) {
  for (const double share : config.sweep) {
    if (!(share > 0 && share <= 100))
      fail("search.sweep: ", share, " is no share of the budget; give numbers from 0 to 100");
  }
  if (config.trained_alone == 0) return;
  const std::string& algorithm = config.strategy.algorithm;
  if (algorithm == "random" || algorithm == "evolution")
    fail("search.trained_alone corrects architecture parameters, of which search.algorithm ",
         algorithm, " has none; take linear, gates or gumbel");
  const std::vector<double>& rounds = config.fidelities;
  if (rounds.empty())
    fail("search.fidelities: there is no round in the list; give the epochs of one");
  if (std::ranges::adjacent_find(rounds, std::greater_equal()) != rounds.end())
    fail("search.fidelities: each round trains for longer than the one before");
}

SearchResult search(const SearchProblem& problem, Trainer& trainer, const SearchConfig& config,
                    uint64_t seed, const fs::path& folder, const Work& work) {
  check(config);
  const Budgets& own = problem.sweep.front();
  for (const Budgets& budgets : problem.sweep) check_feasible(problem.priced, budgets);
  const std::vector<Budgets> sweep = whole_sweep(problem, config, work);
  std::deque<TrainingAlone> rounds;  // before all work: each refuses what another search left
  for (size_t round = 0; config.trained_alone > 0 && round < config.fidelities.size(); ++round)
    rounds.emplace_back(problem, trainer, config, round, seed, folder, work);
  const std::unique_ptr<TrainedSupernet> supernet = trainer.train_supernet();
  Strategy strategy(problem, *supernet, config.strategy, seed, folder / "strategy.json", work);

  SearchResult result;
  std::vector<StrategyResult> results;
  for (const Budgets& budgets : sweep) results.push_back(strategy.run(budgets));
  result.cost.strategy = strategy.cost();
  const auto at = static_cast<size_t>(std::ranges::find(sweep, own) - sweep.begin());
  if (!rounds.empty()) {
    // Throws where nothing keeps the budget, before networks are trained for it.
    select_final(problem, results[at], config.strategy, own);
    train_alone(sweep, rounds, results, result);
  }

  const CostMeter selecting;
  for (size_t i = 0; i < sweep.size(); ++i) {
    try {
      FinalSelection selection = select_final(problem, results[i], config.strategy, sweep[i]);
      result.front.push_back({.budgets = sweep[i], .network = selection.selected()});
      if (i == at) result.selection = std::move(selection);
    } catch (const Error& error) {
      if (i == at || error.code() != ExitCode::budget) throw;
      work.warn(stage, cat("sweep: ", error.what()));
    }
  }
  result.strategy = std::move(results[at]);
  result.cost.strategy = result.cost.strategy + selecting.cost(0);

  std::vector<SelectedNetwork*> networks;
  for (ParetoPoint& point : result.front) {
    point.shared = supernet->weights(point.network.scored.choice);
    networks.push_back(&point.network);
  }
  for (SelectedNetwork& network : result.selection.shortlist) networks.push_back(&network);
  result.cost.ranking = rank(networks, *supernet, config.strategy, seed);
  result.cost.supernet = supernet->cost();
  mark_dominated(result.front);
  result.trust = trust(problem.priced.space(), config, result.choice(), result.strategy,
                       result.front, !rounds.empty());
  return result;
}

}  // namespace vpunas
