// Tables with their budgets, for tests that put both together.
#pragma once

#include <vector>

#include "search/priced_space.h"

namespace vpunas::test {

struct Constraint {
  LatencyTable table;
  double budget = 0;
};
using Constraints = std::vector<Constraint>;

inline PricedSpace priced_by(const SearchSpace& space, const Constraints& constraints) {
  std::vector<LatencyTable> tables;
  for (const Constraint& c : constraints) tables.push_back(c.table);
  return {space, std::move(tables)};
}

inline Budgets budgets_of(const Constraints& constraints) {
  Budgets budgets;
  for (const Constraint& c : constraints) budgets.push_back(c.budget);
  return budgets;
}

}  // namespace vpunas::test
