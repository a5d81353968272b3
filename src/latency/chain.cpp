#include "latency/chain.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "latency/lattice.h"

namespace vpunas {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// --- Expected latency ---
//
// V_n = 0, V_i(s) = sum_j p_ij (c(s, j) + V_{i+1}(s')), E = V_0; with P_i(s) the probability of
// standing in s, dE/dp_ij = sum_s P_i(s) (c(s, j) + V_{i+1}(s')).

using PerState = std::vector<std::vector<double>>;  // by layer and state

// The end's one candidate is always taken.
PerCandidate with_end(PerCandidate p) {
  p.push_back({1});
  return p;
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
    priced.expected_ms = expected_to_go(lattice_, with_end(priced.probability))[0][0];
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
    const PerState to_go = expected_to_go(lattice_, with_end(p));
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

ExpectedLatency expected_latency(const SearchSpace& space, const LatencyTable& table,
                                 const PerCandidate& probability) {
  check_numbers(space, probability, "probability");
  const Lattice lattice = make_lattice(space, table);
  const PerState to_go = expected_to_go(lattice, with_end(probability));
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
