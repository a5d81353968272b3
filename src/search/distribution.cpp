#include "search/distribution.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "search/optimizer.h"

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
PerState expected_to_go(const Trellis& trellis, const Weights& weights, const PerCandidate& p) {
  PerState value(trellis.layers.size());
  value.back() = {0};
  for (size_t step = trellis.steps(); step-- > 0;) {
    for (const State& state : trellis.layers[step]) {
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
std::vector<double> marginal_cost(const std::vector<State>& layer, const Weights& weights,
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

// --- Under budgets ---

// Per slot, the candidates that run at every shape to which such candidates of the slots before
// lead: only those can have a probability that does not depend on the other slots.
std::vector<std::vector<bool>> free_candidates(const SearchSpace& space, const Trellis& trellis) {
  std::vector<std::vector<bool>> all;
  std::vector<double> reach = {1};
  for (size_t slot = 0; slot < space.slots.size(); ++slot) {
    const auto& layer = trellis.layers[slot];
    std::vector<bool> runs(space.slots[slot].size(), true);
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
                    trellis.layers[slot + 1].size());
    all.push_back(std::move(runs));
  }
  return all;
}

// softmax(alpha - price) over the `runs`.
std::vector<double> softmax(const std::vector<double>& alpha, const std::vector<double>& price,
                            const std::vector<bool>& runs) {
  std::vector<double> p(alpha.size());
  double greatest = -kInfinity, sum = 0;
  for (size_t j = 0; j < p.size(); ++j) {
    p[j] = runs[j] ? alpha[j] - price[j] : -kInfinity;
    greatest = std::max(greatest, p[j]);
  }
  for (double& x : p) sum += x = std::exp(x - greatest);
  for (double& x : p) x /= sum;
  return p;
}

class Lagrangian {
 public:
  Lagrangian(const PricedSpace& priced, const PerCandidate& alpha)
      : trellis_(priced.trellis()),
        alpha_(alpha),
        runs_(free_candidates(priced.space(), trellis_)) {}

  // p = softmax(alpha - dC/dp) with C = sum_d mu_d E_d: slot by slot with the others fixed, where
  // it is the exact greatest of sum p alpha + entropy(p) - C(p), which is bounded; so sweeps climb
  // to a fixed point. Without varying widths the first sweep is already there.
  BudgetedDistribution at(const Weights& mu) const {
    constexpr int kMostSweeps = 100;
    BudgetedDistribution priced{without_budgets(), mu, {}};
    for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
      if (sweep_once(mu, priced.probability) < 1e-12) break;
    }
    const PerCandidate p = with_end(priced.probability);
    for (size_t d = 0; d < mu.size(); ++d)
      priced.expected_cost.push_back(expected_to_go(trellis_, only(d, mu.size()), p)[0][0]);
    return priced;
  }

 private:
  PerCandidate without_budgets() const {
    PerCandidate p;
    for (size_t i = 0; i < alpha_.size(); ++i)
      p.push_back(softmax(alpha_[i], std::vector<double>(alpha_[i].size()), runs_[i]));
    return p;
  }

  // The greatest change of a probability.
  double sweep_once(const Weights& mu, PerCandidate& p) const {
    const PerState to_go = expected_to_go(trellis_, mu, with_end(p));
    std::vector<double> reach = {1};
    double change = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      const auto& layer = trellis_.layers[i];
      std::vector<double> updated =
          softmax(alpha_[i], marginal_cost(layer, mu, reach, to_go[i + 1]), runs_[i]);
      for (size_t j = 0; j < updated.size(); ++j)
        change = std::max(change, std::abs(updated[j] - p[i][j]));
      p[i] = std::move(updated);
      reach = step_on(layer, reach, p[i], to_go[i + 1].size());
    }
    return change;
  }

  const Trellis& trellis_;
  const PerCandidate& alpha_;
  std::vector<std::vector<bool>> runs_;
};

// The least mu_d that keeps the budget of device d with the other prices as they are, to 1e-12 of
// itself; nullopt where none does.
std::optional<BudgetedDistribution> solve_one(const Lagrangian& lagrangian, Weights mu, size_t d,
                                              double budget) {
  const auto at = [&](double price) {
    mu[d] = price;
    return lagrangian.at(mu);
  };
  const auto fits = [&](const BudgetedDistribution& priced) {
    return priced.expected_cost[d] <= budget;
  };

  const double start = mu[d] > 0 ? mu[d] : 1 / std::max(budget, 1e-9);
  BudgetedDistribution best = at(0);
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
    BudgetedDistribution priced = at(middle);
    if (fits(priced))
      best = std::move(priced);
    else
      too_low = middle;
  }
  return best;
}

// The greatest share by which a budget with a price above 0 is missed, on either side.
double miss(const BudgetedDistribution& priced, const Budgets& budgets) {
  double most = 0;
  for (size_t d = 0; d < budgets.size(); ++d) {
    if (priced.mu[d] > 0) most = std::max(most, std::abs(priced.expected_cost[d] / budgets[d] - 1));
  }
  return most;
}

// Newton's steps for the multipliers above 0, as long as they lessen the miss and keep them above
// 0: where devices agree about what is dear, multipliers solved in turn come near only slowly.
BudgetedDistribution refine(const Lagrangian& lagrangian, BudgetedDistribution found,
                            const Budgets& budgets) {
  constexpr int kMostSteps = 20;
  std::vector<size_t> bound;  // devices whose budget binds
  for (size_t d = 0; d < budgets.size(); ++d) {
    if (found.mu[d] > 0) bound.push_back(d);
  }
  const auto n = static_cast<Eigen::Index>(bound.size());
  for (int step = 0; n > 1 && step < kMostSteps; ++step) {
    Eigen::VectorXd slack(n);
    Eigen::MatrixXd slope(n, n);  // dE_row / dmu_column
    for (Eigen::Index column = 0; column < n; ++column) {
      const size_t d = bound[static_cast<size_t>(column)];
      slack[column] = budgets[d] - found.expected_cost[d];
      Weights mu = found.mu;
      const double h = 1e-6 * mu[d];
      mu[d] += h;
      const BudgetedDistribution moved = lagrangian.at(mu);
      for (Eigen::Index row = 0; row < n; ++row) {
        const size_t e = bound[static_cast<size_t>(row)];
        slope(row, column) = (moved.expected_cost[e] - found.expected_cost[e]) / h;
      }
    }
    const Eigen::VectorXd change = slope.partialPivLu().solve(slack);
    Weights mu = found.mu;
    for (Eigen::Index i = 0; i < n; ++i) {
      double& moved = mu[bound[static_cast<size_t>(i)]];
      moved += change[i];
      if (!(moved > 0 && std::isfinite(moved))) return found;  // also where slope is singular
    }
    BudgetedDistribution better = lagrangian.at(mu);
    if (!(miss(better, budgets) < miss(found, budgets))) return found;
    found = std::move(better);
  }
  return found;
}

// A choice that keeps every budget, or else costs least as a sum of shares of the budgets.
Choice nearest_choice(const PricedSpace& priced, const Budgets& budgets) {
  const auto fitting = best_choices(priced, budgets, zeros_like(priced.space()), 0, 1);
  if (!fitting.empty()) return fitting.front().choice;
  Weights shares;
  for (const double budget : budgets) shares.push_back(1 / std::max(budget, 1e-9));
  const auto score = [&](size_t, int, const Arc& arc) { return weighted(arc, shares); };
  return LeastPaths(priced.trellis(), score).choice();
}

}  // namespace

ExpectedCost expected_cost(const PricedSpace& priced, size_t d, const PerCandidate& probability) {
  check_numbers(priced.space(), probability, "probability");
  const Trellis& trellis = priced.trellis();
  const Weights weights = only(d, priced.devices());
  const PerState to_go = expected_to_go(trellis, weights, with_end(probability));
  ExpectedCost expected{to_go[0][0], {}};
  std::vector<double> reach = {1};
  for (size_t i = 0; i < probability.size(); ++i) {
    const auto& layer = trellis.layers[i];
    expected.gradient.push_back(marginal_cost(layer, weights, reach, to_go[i + 1]));
    reach = step_on(layer, reach, probability[i], to_go[i + 1].size());
  }
  return expected;
}

// With fixed widths the mu minimise a convex function of which budget_d - E_d is the gradient, and
// solving for one after the other is its coordinate descent.
BudgetedDistribution distribution_within(const PricedSpace& priced, const Budgets& budgets,
                                         const PerCandidate& alpha) {
  check_numbers(priced.space(), alpha, "architecture parameter");
  const Lagrangian lagrangian(priced, alpha);
  const size_t devices = budgets.size();
  BudgetedDistribution found = lagrangian.at(Weights(devices));
  size_t settled = 0;  // in a row, without a change
  for (size_t step = 0; step < 100 * devices; ++step) {
    const size_t d = step % devices;
    auto solved = solve_one(lagrangian, found.mu, d, budgets[d]);
    if (!solved) {
      const Choice nearest = nearest_choice(priced, budgets);
      found.probability = one_hot(priced.space(), nearest);
      found.expected_cost = *priced.costs(nearest);
      return found;
    }
    const double before = found.mu[d];
    const bool same = std::abs(solved->mu[d] - before) <= 1e-9 * before;
    found = std::move(*solved);
    settled = same ? settled + 1 : 0;
    if (step + 1 >= devices && settled + 1 >= devices) break;
    if (d + 1 == devices) found = refine(lagrangian, std::move(found), budgets);
  }
  return found;
}

}  // namespace vpunas
