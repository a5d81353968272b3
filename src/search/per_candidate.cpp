#include "search/per_candidate.h"

#include <cmath>
#include <numeric>
#include <stdexcept>

#include "base/error.h"
#include "base/text.h"

namespace vpunas {

PerCandidate zeros_like(const SearchSpace& space) {
  PerCandidate values;
  for (const Slot& slot : space.slots) values.emplace_back(slot.size(), 0.0);
  return values;
}

PerCandidate one_hot(const SearchSpace& space, const Choice& choice) {
  PerCandidate values = zeros_like(space);
  for (size_t slot = 0; slot < choice.size(); ++slot)
    values[slot][static_cast<size_t>(choice[slot])] = 1;
  return values;
}

double sum_of(const PerCandidate& values, const Choice& choice) {
  double sum = 0;
  for (size_t slot = 0; slot < choice.size(); ++slot)
    sum += values[slot][static_cast<size_t>(choice[slot])];
  return sum;
}

PerCandidate scaled(PerCandidate values, double factor) {
  for (auto& slot : values) {
    for (double& value : slot) value *= factor;
  }
  return values;
}

int draw_index(const std::vector<double>& weights, Random& random) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (total <= 0) return -1;
  double left = random.uniform() * total;
  int last = -1;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last = static_cast<int>(i);
    left -= weights[i];
    if (left < 0) break;
  }
  return last;
}

double mean_entropy(const PerCandidate& probability) {
  double sum = 0;
  int slots = 0;
  for (const auto& p : probability) {
    if (p.size() < 2) continue;
    double entropy = 0;
    for (const double x : p) entropy -= x > 0 ? x * std::log(x) : 0;
    sum += entropy / std::log(static_cast<double>(p.size()));
    ++slots;
  }
  return slots > 0 ? sum / slots : 0;
}

void check_numbers(const SearchSpace& space, const PerCandidate& values, const char* what) {
  if (values.size() != space.slots.size())
    throw std::invalid_argument(cat(what, ": one row a slot"));
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].size() != space.slots[i].size())
      throw std::invalid_argument(cat(what, ": one value a candidate"));
    for (size_t j = 0; j < values[i].size(); ++j) {
      if (!std::isfinite(values[i][j])) {
        fail(what, " of slot ", i, ", candidate ", j, " is ", values[i][j],
             ": the search has diverged; lower search.arch_lr");
      }
    }
  }
}

}  // namespace vpunas
