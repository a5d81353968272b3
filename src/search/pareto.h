// The Pareto front of latency and accuracy that a sweep of budgets gives.
#pragma once

#include <string>
#include <vector>

#include "arch/weights.h"
#include "search/final_selection.h"

namespace vpunas {

// One network of the front.
struct ParetoPoint {
  Budgets budgets = {};
  SelectedNetwork network = {};
  Weights shared = {};     // the supernet's, for a training to begin with; without projections
  bool dominated = false;  // another one is faster on every device and more accurate
};

// "pareto_1" of the first point.
std::string pareto_name(size_t index);

void mark_dominated(std::vector<ParetoPoint>& front);

// Kendall's tau of budgets and scores along the front: near 1 where more time buys accuracy.
double pareto_agreement(const std::vector<ParetoPoint>& front);

}  // namespace vpunas
