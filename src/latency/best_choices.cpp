#include <algorithm>
#include <cmath>
#include <limits>

#include "latency/chain.h"
#include "latency/lattice.h"

namespace vpunas {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// How a label came about, kept for every layer to follow a choice back.
struct Origin {
  int state = -1, label = -1, candidate = -1;
};

// A partial choice up to some state. Units are of rounded-up time.
struct Label {
  int units = 0;
  double preference = 0;
  Origin origin;
};

// Best first; the same order on every platform.
bool better(const Label& a, const Label& b) {
  return a.preference != b.preference ? a.preference > b.preference : a.units < b.units;
}

// The dynamic program. A label is dropped where k others at its state make it superfluous: each is
// preferred as much, takes no more time, and can stand in for it in every completion. Labels of
// equal time always can. Faster ones can once every completion is above the floor; before, they may
// miss the floor where the slower label meets it.
class KBest {
 public:
  static constexpr int kUnits = 20'000;  // a budget

  KBest(const Lattice& lattice, const PerCandidate& preference, double budget_ms, int k)
      : lattice_(lattice),
        preference_(preference),
        units_per_ms_(kUnits / budget_ms),
        k_(static_cast<size_t>(k)) {
    measure_to_go();
  }

  // The k best with floor_units <= units <= kUnits.
  std::vector<Choice> operator()(int floor_units) const {
    if (least_to_go_[0][0] > kUnits) return {};
    std::vector<std::vector<std::vector<Origin>>> origins = {{{{}}}};
    std::vector<std::vector<Label>> labels = {{{}}};
    for (size_t step = 0; step < lattice_.steps(); ++step) {
      labels = advance(step, labels, floor_units);
      auto& kept = origins.emplace_back();
      for (const auto& of_state : labels) {
        auto& list = kept.emplace_back();
        for (const Label& label : of_state) list.push_back(label.origin);
      }
    }
    std::vector<Label> ends = std::move(labels.front());
    for (size_t i = 0; i < ends.size(); ++i) ends[i].origin = {0, static_cast<int>(i), 0};
    std::sort(ends.begin(), ends.end(), better);
    if (ends.size() > k_) ends.resize(k_);
    std::vector<Choice> choices;
    for (const Label& end : ends) choices.push_back(trace(origins, end.origin));
    return choices;
  }

 private:
  // Rounded up; more than a budget is all the same.
  int units(const Arc& arc) const {
    return static_cast<int>(std::min(std::ceil(arc.cost->ms * units_per_ms_), kUnits + 1.0));
  }

  void measure_to_go() {
    const size_t layers = lattice_.layers.size();
    least_to_go_.resize(layers);
    greatest_to_go_.resize(layers);
    least_to_go_.back() = greatest_to_go_.back() = {0};
    for (size_t step = layers - 1; step-- > 0;) {
      for (const State& state : lattice_.layers[step]) {
        double least = kInfinity, greatest = -kInfinity;
        for (const Arc& arc : state.arcs) {
          if (!arc.cost) continue;
          least = std::min(least, units(arc) + least_to_go_[step + 1][arc.to]);
          greatest = std::max(greatest, units(arc) + greatest_to_go_[step + 1][arc.to]);
        }
        least_to_go_[step].push_back(least);
        greatest_to_go_[step].push_back(greatest);
      }
    }
  }

  std::vector<std::vector<Label>> advance(size_t step,
                                          const std::vector<std::vector<Label>>& labels,
                                          int floor_units) const {
    std::vector<std::vector<Label>> next;
    for (size_t t = 0; t < lattice_.layers[step + 1].size(); ++t) {
      std::vector<std::vector<Label>> by_units(kUnits + 1);
      for (size_t s = 0; s < labels.size(); ++s)
        extend(step, s, t, labels[s], floor_units, by_units);
      next.push_back(select(by_units, floor_units - least_to_go_[step + 1][t]));
    }
    return next;
  }

  // The labels of state s, each with every candidate that leads to state t; per time the k best.
  void extend(size_t step, size_t s, size_t t, const std::vector<Label>& labels, int floor_units,
              std::vector<std::vector<Label>>& by_units) const {
    const auto& arcs = lattice_.layers[step][s].arcs;
    for (size_t j = 0; j < arcs.size(); ++j) {
      if (!arcs[j].cost || arcs[j].to != static_cast<int>(t)) continue;
      const double u = step < preference_.size() ? preference_[step][j] : 0;
      const int cost = units(arcs[j]);
      for (size_t l = 0; l < labels.size(); ++l) {
        const int sum = labels[l].units + cost;
        if (sum + least_to_go_[step + 1][t] > kUnits ||
            sum + greatest_to_go_[step + 1][t] < floor_units)
          continue;
        insert(by_units[sum], {sum,
                               labels[l].preference + u,
                               {static_cast<int>(s), static_cast<int>(l), static_cast<int>(j)}});
      }
    }
  }

  // Into a list of at most k, best first.
  void insert(std::vector<Label>& best, const Label& label) const {
    if (best.size() == k_) {
      if (!better(label, best.back())) return;
      best.pop_back();
    }
    best.insert(std::upper_bound(best.begin(), best.end(), label, better), label);
  }

  // By rising time; from `safe_units` on only labels that are among the k best of the safe ones so
  // far.
  std::vector<Label> select(const std::vector<std::vector<Label>>& by_units,
                            double safe_units) const {
    std::vector<Label> kept, best_safe;
    for (const auto& bucket : by_units) {
      for (const Label& label : bucket) {
        if (label.units >= safe_units) {
          if (best_safe.size() == k_ && !better(label, best_safe.back())) continue;
          insert(best_safe, label);
        }
        kept.push_back(label);
      }
    }
    return kept;
  }

  static Choice trace(const std::vector<std::vector<std::vector<Origin>>>& origins, Origin at) {
    Choice choice(origins.size() - 2);
    for (size_t layer = origins.size() - 1; layer > 0; --layer) {
      at = origins[layer][at.state][at.label];
      if (layer <= choice.size()) choice[layer - 1] = at.candidate;
    }
    return choice;
  }

  const Lattice& lattice_;
  const PerCandidate& preference_;
  double units_per_ms_;
  size_t k_;
  std::vector<std::vector<double>> least_to_go_, greatest_to_go_;  // units, by layer and state
};

}  // namespace

std::vector<ScoredChoice> best_choices(const SearchSpace& space, const LatencyTable& table,
                                       const PerCandidate& preference, double budget_ms,
                                       double share_floor, int k) {
  check_numbers(space, preference, "preference");
  if (!(budget_ms > 0) || k < 1) return {};
  const Lattice lattice = make_lattice(space, table);
  const KBest k_best(lattice, preference, budget_ms, k);
  std::vector<Choice> choices =
      k_best(static_cast<int>(std::ceil(std::clamp(share_floor, 0.0, 1.0) * KBest::kUnits)));
  if (choices.empty()) choices = k_best(0);
  if (choices.empty()) choices = {cheapest_choice(lattice)};  // may fit but for the rounding

  std::vector<ScoredChoice> scored;
  for (Choice& choice : choices) {
    const double ms = sum_latency(lattice, choice).ms;
    if (ms > budget_ms) continue;
    double sum = 0;
    for (size_t i = 0; i < choice.size(); ++i) sum += preference[i][choice[i]];
    scored.push_back({std::move(choice), sum, ms});
  }
  return scored;
}

}  // namespace vpunas
