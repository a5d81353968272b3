// A search space with what its networks cost on devices.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "arch/space.h"
#include "latency/table.h"
#include "latency/trellis.h"

namespace vpunas {

// A budget on each device, in the device's unit.
using Budgets = std::vector<double>;

// A search space, its latency table on every device, and its trellis over all of them. Made once a
// search and never changed, so that all that decide see the same costs.
class PricedSpace {
 public:
  // Throws Error naming a slot of which a device can run no candidate.
  PricedSpace(SearchSpace space, std::vector<LatencyTable> tables);

  const SearchSpace& space() const { return space_; }
  const std::vector<LatencyTable>& tables() const { return tables_; }
  const Trellis& trellis() const { return trellis_; }

  size_t devices() const { return tables_.size(); }
  const std::string& device(size_t d) const { return tables_[d].provenance.device; }

  // What a choice costs by each table; nullopt where one lacks a part of it.
  std::optional<std::vector<double>> costs(const Choice& choice) const;

 private:
  SearchSpace space_;
  std::vector<LatencyTable> tables_;
  Trellis trellis_;
};

// The greatest of cost / budget over the devices: at most 1 where every budget is kept.
inline double used_share(const std::vector<double>& costs, const Budgets& budgets) {
  double share = 0;
  for (size_t d = 0; d < budgets.size(); ++d) share = std::max(share, costs[d] / budgets[d]);
  return share;
}

// "MYRIADX 12.500 ms, CPU 3.000 ms".
std::string to_string(const PricedSpace& priced, const Budgets& budgets);

}  // namespace vpunas
