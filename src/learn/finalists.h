// Networks that are trained from scratch for a while, and correct what shared weights say.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/loader.h"
#include "learn/belief.h"
#include "learn/cost.h"
#include "learn/problem.h"
#include "learn/search_config.h"
#include "learn/train.h"

namespace vpunas {

struct Finalist {
  Choice choice;
  std::string budget;  // for which it was trained: "MYRIADX 12.500 ms"
  // Of its own weights on the validation images, at worst those of guessing.
  double loss = 0, accuracy = 0;
  Cost cost = {};
};
Json to_json(const Finalist& finalist);

// A round of them.
struct FinalistsResult {
  double epochs = 0;                    // of each training
  std::vector<Finalist> networks = {};  // in the order of their training
  // Of the search's own budget: what explains their losses, as shares of the variance
  // (Belief::shares()), and Kendall's tau of the preferences before the round with them.
  std::vector<std::pair<std::string, double>> shares = {};
  double agreement = 0;
};
Json to_json(const FinalistsResult& round);

// What an effect may come from: the preference so far, called `source`; multiply-accumulates,
// parameters and layers; the kind of block wherever it stands; the candidate itself. `typical`
// networks tell what candidates add to the costs.
std::vector<EffectGroup> effect_groups(const SearchSpace& space, const std::string& source,
                                       const PerCandidate& preference,
                                       const std::vector<Choice>& typical);

// Sharing weights has an order of networks of its own, which more training does not mend
// (docs/search.md). So for each budget some networks are trained alone, by the recipe of the final
// training over fewer epochs. The first is the best by the preferences so far, each other one the
// best within the budget by one draw from what is believed so far (Thompson sampling; the program
// over the tables finds it exactly). Finalists of all budgets teach one Belief about effects. Short
// trainings have an order of their own, too: a further round of fewer and longer ones begins with
// what the round before taught, as that one began with shared weights.
class Finalists {
 public:
  // Networks that are done are kept in `folder`/finalists.json (finalists_2.json, ... of further
  // rounds) and count in every search of the same space, images and training, whatever its devices;
  // the one that is being trained is named there and has its checkpoint beside it. A resumed search
  // equals an unbroken one. `round`: of config.finalist_epochs, from 0.
  Finalists(const SearchProblem& problem, const Dataset& data, const Augmentation& augmentation,
            const TrainConfig& training, const SearchConfig& config, size_t round, uint64_t seed,
            int workers, std::filesystem::path folder, const Work& work);

  // Trains the finalists of one budget, for which `chosen` has the preferences so far; fewer where
  // the space has no more. Throws Interrupted.
  void train_some(const Chosen& chosen, const Budgets& budgets);

  // Puts what the finalists of all budgets teach in place of the preferences of `chosen`, in units
  // of their standard error.
  void correct(Chosen& chosen, const Budgets& budgets);

  const FinalistsResult& result() const { return result_; }
  Cost cost() const;

 private:
  std::filesystem::path file() const;
  std::filesystem::path checkpoint() const;
  std::string name_of(const Budgets& budgets) const;
  Belief belief(const Chosen& chosen, const Budgets& budgets) const;
  void teach(Belief& belief) const;
  // The best network within the budgets by these preferences that is not known.
  std::optional<Choice> best_unknown(const PerCandidate& preference, const Budgets& budgets) const;
  // The one to train next, by what is believed; that of an interrupted training first.
  std::optional<Choice> next(const Chosen& chosen, const Budgets& budgets, const Belief& belief);
  void train_one(const Choice& choice, const std::string& budget, int number);
  void save() const;

  const SearchProblem& problem_;
  const Dataset& data_;
  const Augmentation& augmentation_;
  TrainConfig training_;
  const SearchConfig& config_;
  size_t round_;
  int asked_for_;  // networks a budget
  uint64_t seed_;
  int workers_;
  std::filesystem::path folder_;
  const Work& work_;
  std::string key_;
  FinalistsResult result_;
  std::map<std::string, int> asked_;  // finalists by budget, as far as all of them are trained
  // The network whose training was interrupted, and for which budget it was begun.
  Choice begun_ = {};
  std::string begun_for_ = {};
};

}  // namespace vpunas
