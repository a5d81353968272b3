// The choice of networks on shared weights that no longer change.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "learn/checkpoint.h"
#include "learn/cost.h"
#include "learn/held_out.h"
#include "learn/preferences.h"
#include "learn/problem.h"
#include "learn/search_config.h"

namespace vpunas {

// Into how many groups of networks, each with held-out images of its own (HeldOut), the choice
// divides them: effects are averages over networks, so where there are images enough each sees the
// more of them; whoever compares two networks needs the same images for both. As many images again
// are left for the ranking of what was chosen.
int image_groups(const ChoosingConfig& config, const ImageSet& held_out);

// Answers for any number of budgets, one after the other, on the same shared weights and held-out
// images. What was evaluated for one serves the next. Its state is in `file`, written every ten
// seconds and when stopped: an interrupted choice continues and ends as an unbroken one, where the
// budgets are asked in the same order.
class Choosing {
 public:
  // `weights_key` identifies the shared weights.
  Choosing(const SearchProblem& problem, const Supernet& supernet, const ImageSet& held_out,
           const ChoosingConfig& config, uint64_t seed, int workers, std::filesystem::path file,
           const std::string& weights_key, const Work& work);

  // effects: networks of 0.5 to 1.3 times the budget are evaluated and u is what their losses say
  // of each candidate, in units of its standard error. This is the natural gradient of the expected
  // loss at the distribution the networks are drawn from, without gradients through the weights.
  // gates, gumbel: learn_preferences(). random, evolution: as their functions say.
  Chosen choose(const Budgets& budgets);

  // Results of networks on the same images, to be taken instead of evaluating them again; their
  // images are counted all the same.
  void borrow(const std::map<Choice, Inherited>& known) { held_out_.borrow(known); }

  Cost cost() const;

 private:
  Chosen by_effects(const Budgets& budgets);
  Chosen by_gradients(const Budgets& budgets);
  Chosen by_evaluation(const Budgets& budgets);
  // Called between evaluations: reports, and pauses.
  void evaluated(size_t already_known);
  // Saves when due, and before it throws where the work is to stop.
  void pause();
  void save();

  const SearchProblem& problem_;
  const Supernet& supernet_;
  const ImageSet& images_;
  ChoosingConfig config_;
  uint64_t seed_;
  int workers_;
  std::filesystem::path file_;
  std::string key_;
  const Work& work_;

  HeldOut held_out_;
  std::map<Budgets, PreferenceState> preferences_;  // by rung
  CostMeter meter_;
  CheckpointClock clock_;
};

// Completes `chosen` by what its preferences mean under the budgets: probabilities, mu and expected
// latency.
void price(const SearchProblem& problem, const Budgets& budgets, Chosen& chosen);

}  // namespace vpunas
