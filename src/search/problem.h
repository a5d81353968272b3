// What a search is asked.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "search/priced_space.h"

namespace vpunas {

// What a whole network costs on a device, at deployment size; nullopt: the device cannot run it.
using WholeCost = std::function<std::optional<Latency>(const Architecture&)>;

// Choices are made by the additive tables, and what is delivered keeps its budgets as a whole.
struct SearchProblem {
  PricedSpace priced;
  std::vector<WholeCost> whole;     // by device
  std::vector<Budgets> sweep = {};  // budgets to find networks for; the first is the search's own
};

// A choice's cost as a whole on every device; nullopt where one of them cannot run it.
inline std::optional<std::vector<Latency>> whole_costs(const SearchProblem& problem,
                                                       const Choice& choice) {
  const Architecture architecture = choose(problem.priced.space(), choice, "found");
  std::vector<Latency> result;
  for (const WholeCost& of_device : problem.whole) {
    const auto cost = of_device(architecture);
    if (!cost) return std::nullopt;
    result.push_back(*cost);
  }
  return result;
}

inline double used_share(const std::vector<Latency>& whole, const Budgets& budgets) {
  std::vector<double> costs;
  for (const Latency& latency : whole) costs.push_back(latency.ms);
  return used_share(costs, budgets);
}

// By the costs of the whole network: is it within every budget?
inline bool keeps(const SearchProblem& problem, const Budgets& budgets, const Choice& choice) {
  const auto whole = whole_costs(problem, choice);
  return whole && used_share(*whole, budgets) <= 1;
}

}  // namespace vpunas
