// What candidates are expected to add to the loss of trained networks, learned from very few of
// them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "search/per_candidate.h"

namespace vpunas {

// Effects that come together: the sum of `directions`, each times a weight of its own. One
// direction alone says that effects are in proportion to it, one a candidate that each has its own.
struct EffectGroup {
  std::string name;
  std::vector<PerCandidate> directions;
  // What the weights are expected to be, 0 to 1, in units that give them a mean square of 1: 0 says
  // that either sign is as likely.
  double expected = 0;
};

// What an effect may come from: what was estimated before, called `source` (`alpha`, higher is
// better); multiply-accumulates, parameters and layers; the kind of block wherever it stands; the
// candidate itself. `typical` networks tell what candidates add to the costs.
std::vector<EffectGroup> effect_groups(const SearchSpace& space, const std::string& source,
                                       const PerCandidate& alpha,
                                       const std::vector<Choice>& typical);

// A Bayesian linear surrogate: the loss of a network is a mean, the effects of its candidates,
// which are a sum over the groups, and noise. How much of the variance each group and the noise
// have is unknown too: all shares on a grid count, each by its evidence (Rasmussen and Williams,
// Gaussian Processes for Machine Learning, 2006, equations 2.25 and 2.30, with the scale of the
// losses at its most likely). So a group that explains nothing fades, and a few losses suffice
// where one direction explains them.
class BayesianSurrogate {
 public:
  // Groups are scaled to the same variance over the networks `typical`; those without any there are
  // left out.
  BayesianSurrogate(const SearchSpace& space, const std::vector<EffectGroup>& groups,
                    const std::vector<Choice>& typical);

  // From the losses of all networks known, instead of what was learned before.
  void learn(const std::vector<Choice>& networks, const std::vector<double>& losses);

  // Expected effects, up to what is common to all candidates of a slot.
  PerCandidate mean() const;

  // One possibility (Thompson 1933): the best network by it is worth a look.
  PerCandidate draw(Random& random) const;

  // Mean over the candidates of the standard deviation of their effects.
  double deviation(uint64_t seed) const;

  // Expected share of the variance of losses, by the name of the group and "noise".
  std::vector<std::pair<std::string, double>> shares() const;

 private:
  struct Direction {
    PerCandidate effects;
    size_t group = 0;
  };
  struct Hypothesis {
    std::vector<double> shares = {};  // of the groups in the variance; the rest is noise
    double noise = 0;
    double probability = 0;
    double scale = 1;  // of the losses
  };
  struct Weights;  // of the directions
  Weights prior(const Hypothesis& hypothesis) const;
  PerCandidate effects(const std::vector<double>& weights) const;

  PerCandidate zero_;
  std::vector<std::string> groups_;
  std::vector<double> expected_;  // by group
  std::vector<Direction> directions_;
  std::vector<Hypothesis> hypotheses_;
  std::vector<Choice> networks_ = {};
  std::vector<double> losses_ = {};  // centred
};

}  // namespace vpunas
