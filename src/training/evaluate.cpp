#include "training/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace vpunas {

Graph without_softmax(Graph graph) {
  if (std::holds_alternative<Softmax>(graph.nodes.back().layer)) graph.nodes.pop_back();
  return graph;
}

std::vector<Guess> likeliest(std::span<const float> logits, size_t count) {
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const size_t kept = std::min(count, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
      [&](size_t a, size_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  const auto odds = [&](size_t i) { return std::exp(double{logits[i]} - logits[order.front()]); };
  double sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) sum += odds(i);
  std::vector<Guess> guesses;
  for (size_t k = 0; k < kept; ++k) guesses.push_back({order[k], odds(order[k]) / sum});
  return guesses;
}

}  // namespace vpunas
