#include "latency/chain.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "latency/lattice.h"

namespace vpunas {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void check_numbers(const SearchSpace& space, const PerCandidate& values, const char* what) {
  if (values.size() != space.slots.size())
    throw std::invalid_argument(cat(what, ": one row a slot"));
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].size() != space.slots[i].candidates.size())
      throw std::invalid_argument(cat(what, ": one value a candidate"));
    for (size_t j = 0; j < values[i].size(); ++j) {
      if (!std::isfinite(values[i][j])) {
        fail(what, " of slot ", i, ", candidate ", j, " is ", values[i][j],
             ": the search has diverged; lower search.arch_lr");
      }
    }
  }
}

// ------------------------------------------------------------------------------------------------------------------------
// The best choices under a budget
// ------------------------------------------------------------------------------------------------------------------------

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

// ------------------------------------------------------------------------------------------------------------------------
// Expected latency: V_n = 0, V_i(s) = sum_j p_ij (c(s, j) + V_{i+1}(s')), E = V_0; with P_i(s) the
// probability of standing in s, dE/dp_ij = sum_s P_i(s) (c(s, j) + V_{i+1}(s')).
// ------------------------------------------------------------------------------------------------------------------------

using PerState = std::vector<std::vector<double>>;  // by layer and state

PerCandidate with_end(PerCandidate values, double end) {
  values.push_back({end});
  return values;
}

// `p` has the end as its last slot; candidates of probability 0 are not looked at.
PerState expected_to_go(const Lattice& lattice, const PerCandidate& p) {
  PerState value(lattice.layers.size());
  value.back() = {0};
  for (size_t step = lattice.steps(); step-- > 0;) {
    for (const State& state : lattice.layers[step]) {
      double sum = 0;
      for (size_t j = 0; j < state.arcs.size(); ++j) {
        const Arc& arc = state.arcs[j];
        if (p[step][j] != 0)
          sum += arc.cost ? p[step][j] * (arc.cost->ms + value[step + 1][arc.to]) : kInfinity;
      }
      value[step].push_back(sum);
    }
  }
  return value;
}

// dE/dp of one slot; infinite for a candidate that cannot run where the slots before lead.
std::vector<double> marginal_ms(const std::vector<State>& layer, const std::vector<double>& reach,
                                const std::vector<double>& to_go) {
  std::vector<double> gradient(layer.front().arcs.size());
  for (size_t s = 0; s < layer.size(); ++s) {
    if (reach[s] == 0) continue;
    for (size_t j = 0; j < gradient.size(); ++j) {
      const Arc& arc = layer[s].arcs[j];
      gradient[j] += arc.cost ? reach[s] * (arc.cost->ms + to_go[arc.to]) : kInfinity;
    }
  }
  return gradient;
}

// The probabilities of the next layer's states.
std::vector<double> step_on(const std::vector<State>& layer, const std::vector<double>& reach,
                            const std::vector<double>& p, size_t states) {
  std::vector<double> next(states);
  for (size_t s = 0; s < layer.size(); ++s) {
    for (size_t j = 0; j < p.size(); ++j) {
      const Arc& arc = layer[s].arcs[j];
      if (arc.cost) next[arc.to] += reach[s] * p[j];
    }
  }
  return next;
}

// ------------------------------------------------------------------------------------------------------------------------
// The price
// ------------------------------------------------------------------------------------------------------------------------

// Per slot, the candidates that run at every shape to which such candidates of the slots before
// lead: only those can have a probability that does not depend on the other slots.
std::vector<std::vector<bool>> free_candidates(const SearchSpace& space, const Lattice& lattice) {
  std::vector<std::vector<bool>> all;
  std::vector<double> reach = {1};
  for (size_t slot = 0; slot < space.slots.size(); ++slot) {
    const auto& layer = lattice.layers[slot];
    std::vector<bool> runs(space.slots[slot].candidates.size(), true);
    for (size_t s = 0; s < layer.size(); ++s) {
      for (size_t j = 0; j < runs.size(); ++j) {
        if (reach[s] > 0 && !layer[s].arcs[j].cost) runs[j] = false;
      }
    }
    if (std::find(runs.begin(), runs.end(), true) == runs.end()) {
      fail("space ", space.name, ", slot ", slot,
           ": no candidate can run on the device at every width that the slots before give; "
           "take out the blocks that it cannot run");
    }
    reach = step_on(layer, reach, std::vector<double>(runs.begin(), runs.end()),
                    lattice.layers[slot + 1].size());
    all.push_back(std::move(runs));
  }
  return all;
}

// softmax(u - mu * cost) over the `runs`.
std::vector<double> softmax(const std::vector<double>& u, double mu,
                            const std::vector<double>& cost, const std::vector<bool>& runs) {
  std::vector<double> p(u.size());
  double greatest = -kInfinity, sum = 0;
  for (size_t j = 0; j < p.size(); ++j) {
    p[j] = runs[j] ? u[j] - mu * cost[j] : -kInfinity;
    greatest = std::max(greatest, p[j]);
  }
  for (double& x : p) sum += x = std::exp(x - greatest);
  for (double& x : p) x /= sum;
  return p;
}

class Pricing {
 public:
  Pricing(const SearchSpace& space, const Lattice& lattice, const PerCandidate& u)
      : lattice_(lattice), u_(u), runs_(free_candidates(space, lattice)) {}

  // p = softmax(u - mu * dE/dp): slot by slot with the others fixed, where it is the exact greatest
  // of sum p u + entropy(p) - mu E(p), which is bounded; so sweeps climb to a fixed point. Without
  // varying widths the first sweep is already there.
  PricedChoice at(double mu) const {
    constexpr int kMostSweeps = 100;
    PricedChoice priced{without_price(), mu, 0};
    for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
      if (sweep_once(mu, priced.probability) < 1e-12) break;
    }
    priced.expected_ms = expected_to_go(lattice_, with_end(priced.probability, 1))[0][0];
    return priced;
  }

 private:
  PerCandidate without_price() const {
    PerCandidate p;
    for (size_t i = 0; i < u_.size(); ++i) p.push_back(softmax(u_[i], 0, u_[i], runs_[i]));
    return p;
  }

  // The greatest change of a probability.
  double sweep_once(double mu, PerCandidate& p) const {
    const PerState to_go = expected_to_go(lattice_, with_end(p, 1));
    std::vector<double> reach = {1};
    double change = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      const auto& layer = lattice_.layers[i];
      std::vector<double> updated =
          softmax(u_[i], mu, marginal_ms(layer, reach, to_go[i + 1]), runs_[i]);
      for (size_t j = 0; j < updated.size(); ++j)
        change = std::max(change, std::abs(updated[j] - p[i][j]));
      p[i] = std::move(updated);
      reach = step_on(layer, reach, p[i], to_go[i + 1].size());
    }
    return change;
  }

  const Lattice& lattice_;
  const PerCandidate& u_;
  std::vector<std::vector<bool>> runs_;
};

PerCandidate one_hot(const SearchSpace& space, const Choice& choice) {
  PerCandidate p;
  for (size_t i = 0; i < choice.size(); ++i) {
    p.emplace_back(space.slots[i].candidates.size())[choice[i]] = 1;
  }
  return p;
}

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

ExpectedLatency expected_latency(const SearchSpace& space, const LatencyTable& table,
                                 const PerCandidate& probability) {
  check_numbers(space, probability, "probability");
  const Lattice lattice = make_lattice(space, table);
  const PerState to_go = expected_to_go(lattice, with_end(probability, 1));
  ExpectedLatency expected{to_go[0][0], {}};
  std::vector<double> reach = {1};
  for (size_t i = 0; i < probability.size(); ++i) {
    const auto& layer = lattice.layers[i];
    expected.gradient.push_back(marginal_ms(layer, reach, to_go[i + 1]));
    reach = step_on(layer, reach, probability[i], to_go[i + 1].size());
  }
  return expected;
}

PricedChoice price_choice(const SearchSpace& space, const LatencyTable& table,
                          const PerCandidate& preference, double budget_ms) {
  check_numbers(space, preference, "preference");
  const Lattice lattice = make_lattice(space, table);
  const Pricing pricing(space, lattice, preference);
  PricedChoice fits = pricing.at(0);
  if (fits.expected_ms <= budget_ms) return fits;

  double too_low = 0, mu = 1 / std::max(budget_ms, 1e-9);
  for (int doubling = 0; (fits = pricing.at(mu)).expected_ms > budget_ms; ++doubling) {
    if (doubling == 60) {
      const Choice cheapest = cheapest_choice(lattice);
      return {one_hot(space, cheapest), mu, sum_latency(lattice, cheapest).ms};
    }
    too_low = mu;
    mu *= 2;
  }
  while (fits.mu - too_low > 1e-12 * fits.mu) {
    const double middle = (too_low + fits.mu) / 2;
    if (middle <= too_low || middle >= fits.mu) break;
    PricedChoice priced = pricing.at(middle);
    if (priced.expected_ms <= budget_ms)
      fits = std::move(priced);
    else
      too_low = middle;
  }
  return fits;
}

}  // namespace vpunas
