// What a space offers on devices: how many networks at what cost, said before any training.
#pragma once

#include <string>
#include <vector>

#include "search/priced_space.h"

namespace vpunas {

// The cheapest and the dearest network, exact over the table, and the median of all (by
// count_networks()), to 1/4,000 of the dearest.
struct LatencyRange {
  Latency least, greatest;
  double median_ms = 0;
};
LatencyRange latency_range(const PricedSpace& priced, size_t d);
LatencyRange latency_range(const SearchSpace& space, const LatencyTable& table);

// Networks that keep every budget, as count_networks() counts: exact for costs rounded to the
// nearest 1/20,000 of the budget block by block; with 2, 3, 4 budgets to 1/512, 1/64, 1/22, an
// estimate.
double count_fitting(const PricedSpace& priced, const Budgets& budgets);

struct Feasibility {
  double networks = 0, fitting = 0;
  std::vector<LatencyRange> ranges;  // by device
};
// Throws Error with ExitCode::budget where nothing keeps every budget by the tables, saying by how
// much not.
Feasibility check_feasible(const PricedSpace& priced, const Budgets& budgets);

// "MYRIADX: budget 10.000 ms, the space reaches from 3.132 over 8.1 (median) to 17.718 ms; 4,021 of
// 6,561 networks fit".
std::string to_string(const Feasibility& feasibility, const PricedSpace& priced,
                      const Budgets& budgets);

}  // namespace vpunas
