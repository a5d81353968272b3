#include "latency/chain.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "latency/lattice.h"

namespace vpunas {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// --- Expected latency ---
//
// V_n = 0, V_i(s) = sum_j p_ij (c(s, j) + V_{i+1}(s')), E = V_0; with P_i(s) the probability of
// standing in s, dE/dp_ij = sum_s P_i(s) (c(s, j) + V_{i+1}(s')). The cost c is a weighted sum over
// the tables.

using PerState = std::vector<std::vector<double>>;  // by layer and state
using Weights = std::vector<double>;                // by table

double weighted(const Arc& arc, const Weights& weights) {
  double sum = 0;
  for (size_t d = 0; d < weights.size(); ++d) sum += weights[d] * arc.ms(d);
  return sum;
}

Weights only(size_t table, size_t tables) {
  Weights weights(tables);
  weights[table] = 1;
  return weights;
}

// The end's one candidate is always taken.
PerCandidate with_end(PerCandidate p) {
  p.push_back({1});
  return p;
}

// `p` has the end as its last slot; candidates of probability 0 are not looked at.
PerState expected_to_go(const Lattice& lattice, const Weights& weights, const PerCandidate& p) {
  PerState value(lattice.layers.size());
  value.back() = {0};
  for (size_t step = lattice.steps(); step-- > 0;) {
    for (const State& state : lattice.layers[step]) {
      double sum = 0;
      for (size_t j = 0; j < state.arcs.size(); ++j) {
        const Arc& arc = state.arcs[j];
        if (p[step][j] != 0)
          sum += arc.open() ? p[step][j] * (weighted(arc, weights) + value[step + 1][arc.to])
                            : kInfinity;
      }
      value[step].push_back(sum);
    }
  }
  return value;
}

// dE/dp of one slot; infinite for a candidate that cannot run where the slots before lead.
std::vector<double> marginal_ms(const std::vector<State>& layer, const Weights& weights,
                                const std::vector<double>& reach,
                                const std::vector<double>& to_go) {
  std::vector<double> gradient(layer.front().arcs.size());
  for (size_t s = 0; s < layer.size(); ++s) {
    if (reach[s] == 0) continue;
    for (size_t j = 0; j < gradient.size(); ++j) {
      const Arc& arc = layer[s].arcs[j];
      gradient[j] += arc.open() ? reach[s] * (weighted(arc, weights) + to_go[arc.to]) : kInfinity;
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
      if (arc.open()) next[arc.to] += reach[s] * p[j];
    }
  }
  return next;
}

// --- The price ---

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
        if (reach[s] > 0 && !layer[s].arcs[j].open()) runs[j] = false;
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

// softmax(u - price) over the `runs`.
std::vector<double> softmax(const std::vector<double>& u, const std::vector<double>& price,
                            const std::vector<bool>& runs) {
  std::vector<double> p(u.size());
  double greatest = -kInfinity, sum = 0;
  for (size_t j = 0; j < p.size(); ++j) {
    p[j] = runs[j] ? u[j] - price[j] : -kInfinity;
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

  // p = softmax(u - dC/dp) with C = sum_d mu_d E_d: slot by slot with the others fixed, where it is
  // the exact greatest of sum p u + entropy(p) - C(p), which is bounded; so sweeps climb to a fixed
  // point. Without varying widths the first sweep is already there.
  PricedChoice at(const Weights& mu) const {
    constexpr int kMostSweeps = 100;
    PricedChoice priced{without_price(), mu, {}};
    for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
      if (sweep_once(mu, priced.probability) < 1e-12) break;
    }
    const PerCandidate p = with_end(priced.probability);
    for (size_t d = 0; d < mu.size(); ++d)
      priced.expected_ms.push_back(expected_to_go(lattice_, only(d, mu.size()), p)[0][0]);
    return priced;
  }

 private:
  PerCandidate without_price() const {
    PerCandidate p;
    for (size_t i = 0; i < u_.size(); ++i)
      p.push_back(softmax(u_[i], std::vector<double>(u_[i].size()), runs_[i]));
    return p;
  }

  // The greatest change of a probability.
  double sweep_once(const Weights& mu, PerCandidate& p) const {
    const PerState to_go = expected_to_go(lattice_, mu, with_end(p));
    std::vector<double> reach = {1};
    double change = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      const auto& layer = lattice_.layers[i];
      std::vector<double> updated =
          softmax(u_[i], marginal_ms(layer, mu, reach, to_go[i + 1]), runs_[i]);
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

// The least mu_d that keeps the budget of device d with the other prices as they are, to 1e-12 of
// itself; nullopt where none does.
std::optional<PricedChoice> solve_one(const Pricing& pricing, Weights mu, size_t d,
                                      double budget_ms) {
  const auto at = [&](double price) {
    mu[d] = price;
    return pricing.at(mu);
  };
  const auto fits = [&](const PricedChoice& priced) { return priced.expected_ms[d] <= budget_ms; };

  const double start = mu[d] > 0 ? mu[d] : 1 / std::max(budget_ms, 1e-9);
  PricedChoice best = at(0);
  if (fits(best)) return best;
  double too_low = 0;
  best = at(start);
  for (int doubling = 0; !fits(best); ++doubling) {
    if (doubling == 60) return std::nullopt;
    too_low = best.mu[d];
    best = at(2 * too_low);
  }
  while (best.mu[d] - too_low > 1e-12 * best.mu[d]) {
    const double middle = (too_low + best.mu[d]) / 2;
    if (middle <= too_low || middle >= best.mu[d]) break;
    PricedChoice priced = at(middle);
    if (fits(priced))
      best = std::move(priced);
    else
      too_low = middle;
  }
  return best;
}

// The greatest share by which a budget with a price above 0 is missed, on either side.
double miss(const PricedChoice& priced, const std::vector<Constraint>& constraints) {
  double most = 0;
  for (size_t d = 0; d < constraints.size(); ++d) {
    if (priced.mu[d] > 0)
      most = std::max(most, std::abs(priced.expected_ms[d] / constraints[d].budget_ms - 1));
  }
  return most;
}

// x with a x = b, by elimination with pivots; not finite where a is singular.
std::vector<double> solve_linear(std::vector<std::vector<double>> a, std::vector<double> b) {
  const size_t n = b.size();
  for (size_t i = 0; i < n; ++i) {
    size_t pivot = i;
    for (size_t r = i; r < n; ++r) pivot = std::abs(a[r][i]) > std::abs(a[pivot][i]) ? r : pivot;
    std::swap(a[i], a[pivot]);
    std::swap(b[i], b[pivot]);
    for (size_t r = 0; r < n; ++r) {
      if (r == i) continue;
      const double factor = a[r][i] / a[i][i];
      for (size_t c = i; c < n; ++c) a[r][c] -= factor * a[i][c];
      b[r] -= factor * b[i];
    }
  }
  for (size_t i = 0; i < n; ++i) b[i] /= a[i][i];
  return b;
}

// Newton's steps for the prices above 0, as long as they lessen the miss and keep them above 0:
// where devices agree about what is dear, prices solved in turn come near only slowly.
PricedChoice refine(const Pricing& pricing, PricedChoice priced,
                    const std::vector<Constraint>& constraints) {
  constexpr int kMostSteps = 20;
  std::vector<size_t> paid;
  for (size_t d = 0; d < constraints.size(); ++d) {
    if (priced.mu[d] > 0) paid.push_back(d);
  }
  for (int step = 0; paid.size() > 1 && step < kMostSteps; ++step) {
    std::vector<double> slack;
    for (const size_t d : paid) slack.push_back(constraints[d].budget_ms - priced.expected_ms[d]);
    std::vector<std::vector<double>> slope(paid.size());  // dE_row / dmu_column
    for (const size_t column : paid) {
      Weights mu = priced.mu;
      const double h = 1e-6 * mu[column];
      mu[column] += h;
      const PricedChoice moved = pricing.at(mu);
      for (size_t row = 0; row < paid.size(); ++row)
        slope[row].push_back((moved.expected_ms[paid[row]] - priced.expected_ms[paid[row]]) / h);
    }
    const std::vector<double> change = solve_linear(std::move(slope), std::move(slack));
    Weights mu = priced.mu;
    for (size_t i = 0; i < paid.size(); ++i) {
      mu[paid[i]] += change[i];
      if (!(mu[paid[i]] > 0 && std::isfinite(mu[paid[i]]))) return priced;
    }
    PricedChoice better = pricing.at(mu);
    if (!(miss(better, constraints) < miss(priced, constraints))) return priced;
    priced = std::move(better);
  }
  return priced;
}

// A choice that keeps every budget, or else costs least as a sum of shares of the budgets.
Choice cheapest_choice(const SearchSpace& space, const std::vector<Constraint>& constraints,
                       const Lattice& lattice) {
  PerCandidate zero;
  for (const Slot& slot : space.slots) zero.emplace_back(slot.candidates.size());
  const auto fitting = best_choices(space, constraints, zero, 0, 1);
  if (!fitting.empty()) return fitting.front().choice;
  Weights shares;
  for (const Constraint& c : constraints) shares.push_back(1 / std::max(c.budget_ms, 1e-9));
  return LeastPaths(lattice, [&](size_t, int, const Arc& arc) { return weighted(arc, shares); })
      .choice();
}

PerCandidate one_hot(const SearchSpace& space, const Choice& choice) {
  PerCandidate p;
  for (size_t i = 0; i < choice.size(); ++i) {
    p.emplace_back(space.slots[i].candidates.size())[choice[i]] = 1;
  }
  return p;
}

}  // namespace

ExpectedLatency expected_latency(const SearchSpace& space, const LatencyTable& table,
                                 const PerCandidate& probability) {
  check_numbers(space, probability, "probability");
  const Lattice lattice = make_lattice(space, {&table});
  const PerState to_go = expected_to_go(lattice, {1}, with_end(probability));
  ExpectedLatency expected{to_go[0][0], {}};
  std::vector<double> reach = {1};
  for (size_t i = 0; i < probability.size(); ++i) {
    const auto& layer = lattice.layers[i];
    expected.gradient.push_back(marginal_ms(layer, {1}, reach, to_go[i + 1]));
    reach = step_on(layer, reach, probability[i], to_go[i + 1].size());
  }
  return expected;
}

// With fixed widths the mu minimise a convex function of which budget_d - E_d is the gradient, and
// solving for one after the other is its coordinate descent.
PricedChoice price_choice(const SearchSpace& space, const std::vector<Constraint>& constraints,
                          const PerCandidate& preference) {
  check_numbers(space, preference, "preference");
  const Lattice lattice = make_lattice(space, constraints);
  const Pricing pricing(space, lattice, preference);
  const size_t devices = constraints.size();
  PricedChoice priced = pricing.at(Weights(devices));
  size_t settled = 0;  // in a row, without a change
  for (size_t step = 0; step < 100 * devices; ++step) {
    const size_t d = step % devices;
    auto solved = solve_one(pricing, priced.mu, d, constraints[d].budget_ms);
    if (!solved) {
      const Choice cheapest = cheapest_choice(space, constraints, lattice);
      priced.probability = one_hot(space, cheapest);
      for (size_t e = 0; e < devices; ++e)
        priced.expected_ms[e] = sum_latency(lattice, cheapest, e).ms;
      return priced;
    }
    const double before = priced.mu[d];
    const bool same = std::abs(solved->mu[d] - before) <= 1e-9 * before;
    priced = std::move(*solved);
    settled = same ? settled + 1 : 0;
    if (step + 1 >= devices && settled + 1 >= devices) break;
    if (d + 1 == devices) priced = refine(pricing, std::move(priced), constraints);
  }
  return priced;
}

}  // namespace vpunas
