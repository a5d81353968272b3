// Networks that are trained from scratch for a while, and correct what shared weights say.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "search/strategy.h"
#include "search/surrogate.h"

namespace vpunas {

struct NetworkAlone {
  Choice choice;
  std::string budget;  // for which it was trained: "MYRIADX 12.500 ms"
  TrainedAlone result;
};

// A round of them.
struct AloneRound {
  double epochs = 0;                        // of each training: the fidelity
  std::vector<NetworkAlone> networks = {};  // in the order of their training
  // Of the search's own budget: what explains their losses, as shares of the variance
  // (BayesianSurrogate::shares()), and Kendall's tau of the architecture parameters before the
  // round with them.
  std::vector<std::pair<std::string, double>> shares = {};
  double agreement = 0;
};
Json to_json(const AloneRound& round);

// Sharing weights has an order of networks of its own, which more training does not mend
// (docs/search.md). So for each budget some networks are trained alone, by the recipe of the final
// training over fewer epochs. The first is the best by the architecture parameters so far, each
// other one the best within the budget by one draw of the surrogate (Thompson sampling; the
// optimizer over the tables finds it exactly). Networks of all budgets teach one surrogate. Short
// trainings have an order of their own, too: a further round of fewer and longer ones begins with
// what the round before taught, as that one began with shared weights.
class TrainingAlone {
 public:
  // Networks that are done are kept in `folder`/trained_alone.json (trained_alone_2.json, ... of
  // further rounds) and count in every search of the same space, images and training, whatever its
  // devices; the one that is being trained is named there and has its checkpoint beside it. A
  // resumed search equals an unbroken one. `round`: of config.fidelities, from 0.
  TrainingAlone(const SearchProblem& problem, Trainer& trainer, const SearchConfig& config,
                size_t round, uint64_t seed, std::filesystem::path folder, const Work& work);

  // Trains the networks of one budget, for which `result` has the architecture parameters so far;
  // fewer where the space has no more. Throws Interrupted.
  void train_some(const StrategyResult& result, const Budgets& budgets);

  // Puts what the networks of all budgets teach in place of the architecture parameters of
  // `result`, in units of their standard error.
  void correct(StrategyResult& result, const Budgets& budgets);

  const AloneRound& result() const { return result_; }
  ComputeCost cost() const;

 private:
  std::filesystem::path file() const;
  std::filesystem::path checkpoint() const;
  BayesianSurrogate surrogate(const StrategyResult& result, const Budgets& budgets) const;
  void teach(BayesianSurrogate& surrogate) const;
  // The best network within the budgets by these architecture parameters that is not known.
  std::optional<Choice> best_unknown(const PerCandidate& alpha, const Budgets& budgets) const;
  // The one to train next, by the surrogate; that of an interrupted training first.
  std::optional<Choice> next(const StrategyResult& result, const Budgets& budgets,
                             const BayesianSurrogate& surrogate);
  void train_one(const Choice& choice, const std::string& budget, int number);
  void save() const;

  const SearchProblem& problem_;
  Trainer& trainer_;
  const SearchConfig& config_;
  size_t round_;
  int asked_for_;  // networks a budget
  uint64_t seed_;
  std::filesystem::path folder_;
  const Work& work_;
  std::string key_;
  AloneRound result_;
  std::map<std::string, int> asked_;  // networks by budget, as far as all of them are trained
  // The network whose training was interrupted, and for which budget it was begun.
  Choice begun_ = {};
  std::string begun_for_ = {};
};

}  // namespace vpunas
