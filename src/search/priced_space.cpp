#include "search/priced_space.h"

#include <utility>

#include "base/text.h"

namespace vpunas {
namespace {

std::vector<const LatencyTable*> pointers(const std::vector<LatencyTable>& tables) {
  std::vector<const LatencyTable*> result;
  for (const LatencyTable& table : tables) result.push_back(&table);
  return result;
}

}  // namespace

PricedSpace::PricedSpace(SearchSpace space, std::vector<LatencyTable> tables)
    : space_(std::move(space)),
      tables_(std::move(tables)),
      trellis_(make_trellis(space_, pointers(tables_))) {}

std::optional<std::vector<double>> PricedSpace::costs(const Choice& choice) const {
  std::vector<double> sums(devices());
  int state = 0;
  for (size_t step = 0; step < trellis_.steps(); ++step) {
    const auto candidate = step < choice.size() ? static_cast<size_t>(choice[step]) : 0;
    const Arc& arc = trellis_.layers[step][static_cast<size_t>(state)].arcs[candidate];
    if (!arc.open()) return std::nullopt;
    for (size_t d = 0; d < sums.size(); ++d) sums[d] += arc.ms(d);
    state = arc.to;
  }
  return sums;
}

std::string to_string(const PricedSpace& priced, const Budgets& budgets) {
  std::string text;
  for (size_t d = 0; d < budgets.size(); ++d) {
    text += cat(d == 0 ? "" : ", ", priced.device(d), " ", fixed(budgets[d], 3), " ",
                unit_of(priced.device(d)));
  }
  return text;
}

}  // namespace vpunas
