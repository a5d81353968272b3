// What a search is asked, and what an algorithm answers.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "latency/chain.h"

namespace vpunas {

// One device that networks are to run on: the additive table through which choices are made, and
// the price of a whole network at deployment size (nullopt: the device cannot run it).
struct SearchDevice {
  LatencyTable table = {};
  std::function<std::optional<Latency>(const Architecture&)> price = {};
};

// A budget on each device, in milliseconds.
using Budgets = std::vector<double>;

// Training and deployment space have the same candidates at different input sizes; devices are of
// deployment.
struct SearchProblem {
  SearchSpace train_space = {};
  SearchSpace deploy_space = {};
  Preprocess preprocess = {};
  std::vector<SearchDevice> devices = {};
  std::vector<Budgets> ladder = {};  // the first is the search's own
};

inline std::vector<Constraint> constraints(const SearchProblem& problem, const Budgets& budgets) {
  std::vector<Constraint> result;
  for (size_t d = 0; d < budgets.size(); ++d)
    result.push_back({problem.devices[d].table, budgets[d]});
  return result;
}

// A choice's price as a whole on every device; nullopt where one of them cannot run it.
inline std::optional<std::vector<Latency>> whole_latency(const SearchProblem& problem,
                                                         const Choice& choice) {
  const Architecture architecture = choose(problem.deploy_space, choice, "found");
  std::vector<Latency> result;
  for (const SearchDevice& device : problem.devices) {
    const auto latency = device.price(architecture);
    if (!latency) return std::nullopt;
    result.push_back(*latency);
  }
  return result;
}

// The greatest of cost / budget over the devices: at most 1 where every budget is kept.
inline double used_share(const std::vector<double>& ms, const Budgets& budgets) {
  double share = 0;
  for (size_t d = 0; d < budgets.size(); ++d) share = std::max(share, ms[d] / budgets[d]);
  return share;
}
inline double used_share(const std::vector<Latency>& whole, const Budgets& budgets) {
  std::vector<double> ms;
  for (const Latency& latency : whole) ms.push_back(latency.ms);
  return used_share(ms, budgets);
}

struct SearchStep {
  int64_t step = 0;
  double entropy = 0, loss = 0;
  std::vector<double> expected_ms = {}, mu = {};  // by device
  PerCandidate probability = {};
};

// What an algorithm says for one rung of the ladder.
struct Chosen {
  // u of every candidate; random and evolution have none and rank whole networks instead.
  PerCandidate preference = {};
  std::vector<ScoredChoice> ranked = {};  // by falling preference, which is -loss
  PerCandidate probability = {};  // softmax(u - sum mu * cost), or shares among the ten best
  std::vector<double> mu = {}, expected_ms = {};  // by device
  // effects: Kendall's tau of the losses that the effects predict for networks left out of their
  // fit with these networks' own. Others: 0.
  double agreement = 0;
  std::vector<SearchStep> history = {};
};

}  // namespace vpunas
