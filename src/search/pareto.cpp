#include "search/pareto.h"

#include <algorithm>

#include "base/error.h"
#include "search/linear_predictor.h"

namespace vpunas {
namespace {

bool dominates(const SelectedNetwork& a, const SelectedNetwork& b) {
  for (size_t d = 0; d < a.latency.size(); ++d) {
    if (a.latency[d].ms >= b.latency[d].ms) return false;
  }
  return a.score.loss < b.score.loss;
}

}  // namespace

std::string pareto_name(size_t index) { return cat("pareto_", index + 1); }

void mark_dominated(std::vector<ParetoPoint>& front) {
  for (ParetoPoint& point : front) {
    point.dominated = std::ranges::any_of(
        front, [&](const ParetoPoint& other) { return dominates(other.network, point.network); });
  }
}

double pareto_agreement(const std::vector<ParetoPoint>& front) {
  std::vector<double> budgets, scores;
  for (const ParetoPoint& point : front) {
    budgets.push_back(point.budgets.front());
    scores.push_back(-point.network.score.loss);
  }
  return kendall_tau(budgets, scores);
}

}  // namespace vpunas
