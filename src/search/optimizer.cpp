#include "search/optimizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <unordered_map>

#include "base/error.h"

namespace vpunas {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Rounded-up costs by device; a budget is kUnits. Devices that are not there cost nothing.
constexpr int kUnits = 20'000;
using Units = std::array<int, most_budgets>;

// How a label came about, kept for every layer to follow a choice back.
struct Origin {
  int state = -1, label = -1, candidate = -1;
};

// A partial choice up to some state.
struct Label {
  Units units = {};
  double value = 0;
  double reduced = 0;  // value less what its costs take of the bound
  Origin origin;
};

// Cheapest first, of equal cost the most valuable; the same order on every platform.
bool before(const Label& a, const Label& b) {
  return a.units != b.units ? a.units < b.units : a.value > b.value;
}

// The k greatest values of labels that came before and cost no more on any device but the
// first (those that come are in the first's order): a Fenwick tree in each of the other devices.
class Rivals {
 public:
  Rivals(size_t devices, int most_units, size_t k)
      : dimensions_(devices - 1), size_(most_units + 1), k_(k) {}

  bool beat(const Label& label) const {
    size_t count = 0;
    visit_prefix(label.units, 0, 0, [&](uint64_t key) {
      const auto found = nodes_.find(key);
      if (found == nodes_.end()) return;
      const auto& best = found->second;
      count +=
          std::upper_bound(best.begin(), best.end(), label.value, std::greater<>()) - best.begin();
    });
    return count >= k_;
  }

  void insert(const Label& label) {
    visit_suffix(label.units, 0, 0, [&](uint64_t key) {
      auto& best = nodes_[key];
      const auto at = std::upper_bound(best.begin(), best.end(), label.value, std::greater<>());
      if (best.size() < k_ || at != best.end()) best.insert(at, label.value);
      if (best.size() > k_) best.pop_back();
    });
  }

 private:
  uint64_t child(uint64_t key, int index) const {
    return key * static_cast<uint64_t>(size_ + 1) + static_cast<uint64_t>(index);
  }
  template <class Visit>
  void visit_prefix(const Units& units, size_t dimension, uint64_t key, const Visit& visit) const {
    if (dimension == dimensions_) return visit(key);
    for (int i = units[dimension + 1] + 1; i > 0; i -= i & -i)
      visit_prefix(units, dimension + 1, child(key, i), visit);
  }
  template <class Visit>
  void visit_suffix(const Units& units, size_t dimension, uint64_t key, const Visit& visit) const {
    if (dimension == dimensions_) return visit(key);
    for (int i = units[dimension + 1] + 1; i <= size_; i += i & -i)
      visit_suffix(units, dimension + 1, child(key, i), visit);
  }

  size_t dimensions_;
  int size_;
  size_t k_;
  std::unordered_map<uint64_t, std::vector<double>> nodes_;
};

// By layer and state.
template <class T>
using PerState = std::vector<std::vector<T>>;

// What no completion of a label can exceed (Lagrangian relaxation: value - mu * units + mu *
// budget, with mu >= 0 near the least such bound of the whole).
class Bound {
 public:
  Bound(const Trellis& trellis, const PerCandidate& value, size_t devices,
        const std::vector<std::vector<std::vector<Units>>>& units)
      : trellis_(trellis), value_(value), units_(units), mu_(devices) {
    double spread = 0;
    for (const auto& u : value)
      spread += *std::max_element(u.begin(), u.end()) - *std::min_element(u.begin(), u.end());
    double least = measure();
    for (int round = 0; round < 3 && spread > 0; ++round) {
      for (double& mu : mu_) least = minimise(mu, least, spread / kUnits);
    }
    measure();
  }

  double of(const Label& label, size_t layer, size_t state) const {
    return label.reduced + to_go_[layer][state] + allowance();
  }
  double price(const Units& units) const {
    double sum = 0;
    for (size_t d = 0; d < mu_.size(); ++d) sum += mu_[d] * units[d];
    return sum;
  }

 private:
  double allowance() const {
    double sum = 0;
    for (const double mu : mu_) sum += mu * kUnits;
    return sum;
  }

  // The bound of the whole with the present mu.
  double measure() {
    to_go_.assign(trellis_.layers.size(), {});
    to_go_.back() = {0};
    for (size_t step = trellis_.steps(); step-- > 0;) {
      const auto& layer = trellis_.layers[step];
      for (size_t s = 0; s < layer.size(); ++s) {
        double best = -kInfinity;
        for (size_t j = 0; j < layer[s].arcs.size(); ++j) {
          const Arc& arc = layer[s].arcs[j];
          if (!arc.open()) continue;
          const double u = step < value_.size() ? value_[step][j] : 0;
          best = std::max(best, u - price(units_[step][s][j]) + to_go_[step + 1][arc.to]);
        }
        to_go_[step].push_back(best);
      }
    }
    return to_go_[0][0] + allowance();
  }

  // The bound is convex in every mu: doubles an interval around its least value, then shrinks it.
  // Keeps the old mu where that is no worse. Returns the bound.
  double minimise(double& mu, double bound, double first) {
    const double old = mu;
    const auto at = [&](double value) {
      mu = value;
      return measure();
    };
    double high = first;
    for (int i = 0; i < 40 && at(2 * high) < at(high); ++i) high *= 2;
    double low = 0;
    high *= 2;
    for (int i = 0; i < 40; ++i) {
      const double a = low + (high - low) / 3, b = high - (high - low) / 3;
      (at(a) < at(b) ? high : low) = at(a) < at(b) ? b : a;
    }
    const double found = at((low + high) / 2);
    if (found < bound) return found;
    mu = old;
    return bound;
  }

  const Trellis& trellis_;
  const PerCandidate& value_;
  const std::vector<std::vector<std::vector<Units>>>& units_;
  std::vector<double> mu_;
  PerState<double> to_go_;
};

// The dynamic program, from coarse units to fine ones: a choice that fits in coarse units fits in
// fine ones, so each pass gives the next the value that its labels must be able to reach.
//
// A label is dropped where k others at its state make it superfluous: each is worth as much,
// costs no more on any device, and can stand in for it in every completion. Labels of equal cost
// always can. Cheaper ones can once every completion is above the floor; before, they may miss the
// floor where the dearer label meets it.
class KBest {
 public:
  KBest(const Trellis& trellis, const PerCandidate& value, const Budgets& budgets, int k)
      : trellis_(trellis),
        value_(value),
        devices_(budgets.size()),
        k_(static_cast<size_t>(k)),
        fine_units_(round_up(budgets)),
        bound_(trellis, value, devices_, fine_units_) {}

  // The k best that use at least `floor_units` on some device.
  std::vector<Choice> operator()(int floor_units) {
    best_.clear();
    for (int coarseness = 512; coarseness >= 1; coarseness /= 2) {
      if (!improve(coarseness, floor_units)) break;
    }
    std::vector<Choice> choices;
    for (auto& [value, choice] : best_) choices.push_back(std::move(choice));
    return choices;
  }

 private:
  using Scored = std::pair<double, Choice>;

  // Of every arc. More than a budget is all the same.
  std::vector<std::vector<std::vector<Units>>> round_up(const Budgets& budgets) const {
    std::vector<std::vector<std::vector<Units>>> all;
    for (const auto& layer : trellis_.layers) {
      auto& of_layer = all.emplace_back();
      for (const State& state : layer) {
        auto& of_state = of_layer.emplace_back(state.arcs.size());
        for (size_t j = 0; j < state.arcs.size(); ++j) {
          for (size_t d = 0; state.arcs[j].open() && d < budgets.size(); ++d) {
            const double units = state.arcs[j].ms(d) * (kUnits / budgets[d]);
            of_state[j][d] = static_cast<int>(std::min(std::ceil(units), kUnits + 1.0));
          }
        }
      }
    }
    return all;
  }

  Units coarse(const Units& fine, int coarseness) const {
    Units units = fine;
    for (int& u : units) u = (u + coarseness - 1) / coarseness;
    return units;
  }

  // One pass. False where it would take too many labels.
  bool improve(int coarseness, int floor_units) {
    const int most = kUnits / coarseness;
    const int floor = floor_units / coarseness;
    measure_to_go(coarseness);
    PerState<std::vector<Origin>> origins = {{{{}}}};
    std::vector<std::vector<Label>> labels = {{{}}};
    for (size_t step = 0; step < trellis_.steps(); ++step) {
      auto next = extend(step, labels, coarseness, most, floor);
      if (next.empty()) return false;
      auto& kept = origins.emplace_back();
      for (size_t t = 0; t < next.size(); ++t) {
        next[t] = select(std::move(next[t]), step + 1, t, most, floor);
        auto& list = kept.emplace_back();
        for (const Label& label : next[t]) list.push_back(label.origin);
      }
      labels = std::move(next);
    }
    for (size_t i = 0; i < labels.front().size(); ++i) {
      keep(trace(origins, {0, static_cast<int>(i), 0}), labels.front()[i].value, floor_units);
    }
    return true;
  }

  void measure_to_go(int coarseness) {
    const size_t layers = trellis_.layers.size();
    least_to_go_.assign(layers, {});
    greatest_to_go_.assign(layers, {});
    least_to_go_.back() = greatest_to_go_.back() = {Units{}};
    for (size_t step = layers - 1; step-- > 0;) {
      for (size_t s = 0; s < trellis_.layers[step].size(); ++s) {
        Units least, greatest;
        least.fill(std::numeric_limits<int>::max());
        greatest.fill(0);
        const auto& arcs = trellis_.layers[step][s].arcs;
        for (size_t j = 0; j < arcs.size(); ++j) {
          if (!arcs[j].open()) continue;
          const Units units = coarse(fine_units_[step][s][j], coarseness);
          for (size_t d = 0; d < devices_; ++d) {
            least[d] = std::min(least[d], units[d] + least_to_go_[step + 1][arcs[j].to][d]);
            greatest[d] =
                std::max(greatest[d], units[d] + greatest_to_go_[step + 1][arcs[j].to][d]);
          }
        }
        least_to_go_[step].push_back(least);
        greatest_to_go_[step].push_back(greatest);
      }
    }
  }

  // Every label with every candidate, by the state that it leads to; empty where they are too many.
  std::vector<std::vector<Label>> extend(size_t step, const std::vector<std::vector<Label>>& labels,
                                         int coarseness, int most, int floor) const {
    std::vector<std::vector<Label>> next(trellis_.layers[step + 1].size());
    size_t count = 0;
    for (size_t s = 0; s < labels.size(); ++s) {
      const auto& arcs = trellis_.layers[step][s].arcs;
      for (size_t j = 0; j < arcs.size(); ++j) {
        if (!arcs[j].open()) continue;
        const auto to = static_cast<size_t>(arcs[j].to);
        const double u = step < value_.size() ? value_[step][j] : 0;
        const Units& fine = fine_units_[step][s][j];
        const Units units = coarse(fine, coarseness);
        for (size_t l = 0; l < labels[s].size(); ++l) {
          Label label = labels[s][l];
          for (size_t d = 0; d < devices_; ++d) label.units[d] += units[d];
          label.value += u;
          label.reduced += u - bound_.price(fine);
          label.origin = {static_cast<int>(s), static_cast<int>(l), static_cast<int>(j)};
          if (can_fit(label, step + 1, to, most) && can_reach(label, step + 1, to, floor) &&
              can_improve(label, step + 1, to)) {
            next[to].push_back(label);
            if (++count > kMostLabels) return {};
          }
        }
      }
    }
    return next;
  }

  bool can_fit(const Label& label, size_t layer, size_t state, int most) const {
    for (size_t d = 0; d < devices_; ++d) {
      if (label.units[d] + least_to_go_[layer][state][d] > most) return false;
    }
    return true;
  }
  bool can_reach(const Label& label, size_t layer, size_t state, int floor) const {
    for (size_t d = 0; d < devices_; ++d) {
      if (label.units[d] + greatest_to_go_[layer][state][d] >= floor) return true;
    }
    return false;
  }
  bool must_reach(const Label& label, size_t layer, size_t state, int floor) const {
    for (size_t d = 0; d < devices_; ++d) {
      if (label.units[d] + least_to_go_[layer][state][d] >= floor) return true;
    }
    return false;
  }
  bool can_improve(const Label& label, size_t layer, size_t state) const {
    if (best_.size() < k_) return true;
    const double least = best_.back().first;
    return bound_.of(label, layer, state) > least + 1e-11 * (1 + std::abs(least));
  }

  std::vector<Label> select(std::vector<Label> labels, size_t layer, size_t state, int most,
                            int floor) const {
    std::sort(labels.begin(), labels.end(), before);
    Rivals rivals(devices_, most, k_);
    std::vector<Label> kept;
    size_t equal = 0;  // kept ones of this cost
    for (const Label& label : labels) {
      if (kept.empty() || kept.back().units != label.units) equal = 0;
      if (equal == k_) continue;
      if (must_reach(label, layer, state, floor)) {
        if (rivals.beat(label)) continue;
        rivals.insert(label);
      }
      ++equal;
      kept.push_back(label);
    }
    return kept;
  }

  // Among the best, unless in fine units it misses the floor.
  void keep(Choice choice, double value, int floor_units) {
    Units sum = {};
    size_t state = 0;
    for (size_t step = 0; step < trellis_.steps(); ++step) {
      const size_t j = step < choice.size() ? static_cast<size_t>(choice[step]) : 0;
      for (size_t d = 0; d < devices_; ++d) sum[d] += fine_units_[step][state][j][d];
      state = static_cast<size_t>(trellis_.layers[step][state].arcs[j].to);
    }
    const Scored scored = {value, std::move(choice)};
    if (*std::max_element(sum.begin(), sum.end()) < floor_units ||
        std::any_of(best_.begin(), best_.end(),
                    [&](const Scored& known) { return known.second == scored.second; }))
      return;
    const auto worse = [](const Scored& a, const Scored& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    };
    best_.insert(std::upper_bound(best_.begin(), best_.end(), scored, worse), scored);
    if (best_.size() > k_) best_.pop_back();
  }

  static Choice trace(const PerState<std::vector<Origin>>& origins, Origin at) {
    Choice choice(origins.size() - 2);
    for (size_t layer = origins.size(); layer-- > 1;) {
      at = origins[layer][at.state][at.label];
      if (layer <= choice.size()) choice[layer - 1] = at.candidate;
    }
    return choice;
  }

  static constexpr size_t kMostLabels = 3'000'000;

  const Trellis& trellis_;
  const PerCandidate& value_;
  size_t devices_;
  size_t k_;
  std::vector<std::vector<std::vector<Units>>> fine_units_;  // by layer, state and arc
  Bound bound_;
  PerState<Units> least_to_go_, greatest_to_go_;  // of this pass
  std::vector<Scored> best_;                      // at most k, best first
};

}  // namespace

std::vector<ScoredChoice> best_choices(const PricedSpace& priced, const Budgets& budgets,
                                       const PerCandidate& value, double budget_floor, int k) {
  check_numbers(priced.space(), value, "value");
  if (budgets.empty() || budgets.size() > most_budgets)
    fail("a search keeps 1 to ", most_budgets, " budgets, not ", budgets.size());
  if (std::ranges::any_of(budgets, [](double budget) { return !(budget > 0); }) || k < 1) return {};
  const Trellis& trellis = priced.trellis();
  KBest k_best(trellis, value, budgets, k);
  std::vector<Choice> choices =
      k_best(static_cast<int>(std::ceil(std::clamp(budget_floor, 0.0, 1.0) * kUnits)));
  if (choices.empty()) choices = k_best(0);
  if (choices.empty()) choices = {cheapest_choice(trellis)};  // may fit but for the rounding

  std::vector<ScoredChoice> scored;
  for (Choice& choice : choices) {
    ScoredChoice s{.choice = std::move(choice), .costs = {}};
    s.value = sum_of(value, s.choice);
    s.costs = *priced.costs(s.choice);
    if (used_share(s.costs, budgets) <= 1) scored.push_back(std::move(s));
  }
  return scored;
}

}  // namespace vpunas
