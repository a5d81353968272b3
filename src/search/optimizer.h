// The best networks within budgets, exactly.
#pragma once

#include <vector>

#include "search/per_candidate.h"
#include "search/priced_space.h"

namespace vpunas {

struct ScoredChoice {
  Choice choice;
  double value = 0;           // sum of the candidates' values
  std::vector<double> costs;  // by each table, in its device's unit
};

// The k distinct choices of greatest value that keep every budget and use at least `budget_floor`
// of one, best first. This is a multiple-choice knapsack (one item a slot; Kellerer, Pferschy and
// Pisinger, Knapsack Problems, 2004, chapter 11) in which what an item costs depends on the width
// and size that the slots before lead to. Exact for costs that are rounded up, block by block, to
// budget / 20,000: a dynamic program over the trellis, whose states keep the k best labels that
// nothing cheaper on every device can stand in for. So no choice exceeds a budget by its table.
// (Where that leaves millions of labels, the steps are coarser.) Where nothing lies above the
// floor, the floor is dropped. Empty where nothing fits. Throws Error where a value is no number,
// or where there are more than `most_budgets`.
inline constexpr size_t most_budgets = 4;
std::vector<ScoredChoice> best_choices(const PricedSpace& priced, const Budgets& budgets,
                                       const PerCandidate& value, double budget_floor, int k);

}  // namespace vpunas
