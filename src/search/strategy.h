// Search strategies: what each candidate of a space is worth, for any number of budgets, by shared
// weights that no longer change.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/compute_cost.h"
#include "base/progress.h"
#include "search/config.h"
#include "search/optimizer.h"
#include "search/problem.h"
#include "search/strategies/gradient.h"
#include "search/supernet_evaluator.h"

namespace vpunas {

// What a strategy found for one budget of the sweep.
struct StrategyResult {
  // Architecture parameters of every candidate, higher is better; random and evolution have none
  // and rank whole networks instead.
  PerCandidate alpha = {};
  std::vector<ScoredChoice> ranked = {};  // by falling value, which is -loss
  // distribution_within() the budgets, or shares among the ten best.
  PerCandidate probability = {};
  std::vector<double> mu = {}, expected_cost = {};  // by device
  // linear: LinearPredictor::agreement. Others: 0.
  double agreement = 0;
  std::vector<GradientStep> history = {};
};

// Completes `result` by what its architecture parameters mean under the budgets: probabilities, mu
// and expected cost.
void distribute(const PricedSpace& priced, const Budgets& budgets, StrategyResult& result);

// Into how many groups of networks, each with held-out images of its own (SupernetEvaluator), a
// strategy divides them: effects are averages over networks, so where there are images enough each
// sees the more of them; whoever compares two networks needs the same images for both. As many
// images again are left for the ranking of what was chosen.
int image_groups(const StrategyConfig& config, const TrainedSupernet& supernet);

// Answers for any number of budgets, one after the other, on the same shared weights and held-out
// images. What was evaluated for one serves the next. Its state is in `file`, written every ten
// seconds and when stopped: an interrupted strategy continues and ends as an unbroken one, where
// the budgets are asked in the same order.
class Strategy {
 public:
  Strategy(const SearchProblem& problem, TrainedSupernet& supernet, const StrategyConfig& config,
           uint64_t seed, std::filesystem::path file, const Work& work);

  // By the configuration's algorithm, of strategies/.
  StrategyResult run(const Budgets& budgets);

  // Scores on the same images, to be taken instead of evaluating them again; their images are
  // counted all the same.
  void borrow(const std::map<Choice, Score>& known) { evaluator_.borrow(known); }

  ComputeCost cost() const;

 private:
  StrategyResult dispatch(const Budgets& budgets);
  // Called between evaluations: reports, and pauses.
  void evaluated(size_t already_known);
  // Saves when due, and before it throws where the work is to stop.
  void pause();
  void save();

  const SearchProblem& problem_;
  TrainedSupernet& supernet_;
  StrategyConfig config_;
  uint64_t seed_;
  std::filesystem::path file_;
  std::string key_;
  const Work& work_;

  SupernetEvaluator evaluator_;
  std::map<Budgets, GradientState> gradients_;
  CostMeter meter_;
  CheckpointClock clock_;
};

}  // namespace vpunas
