#include "learn/belief.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/statistics.h"
#include "learn/draws.h"
#include "learn/torch.h"

namespace vpunas {
namespace {

// Shares of the groups are multiples of 1 / kSteps of what is not noise.
constexpr int kSteps = 4;
constexpr double kNoise[] = {0.05, 0.15, 0.35, 0.6};
// Variance of the losses' mean by that of the losses: so large that it says nothing.
constexpr double kMeanVariance = 9;
// Fewer losses say nothing of their own scale.
constexpr size_t kEnough = 2;

// Every way to give `left` steps to groups from `group` on.
void split(size_t group, int left, std::vector<double>& shares,
           std::vector<std::vector<double>>& all) {
  if (group + 1 == shares.size()) {
    shares[group] = static_cast<double>(left) / kSteps;
    all.push_back(shares);
    return;
  }
  for (int steps = 0; steps <= left; ++steps) {
    shares[group] = static_cast<double>(steps) / kSteps;
    split(group + 1, left - steps, shares, all);
  }
}

torch::Tensor column(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat64);
}

std::vector<double> values(const torch::Tensor& column) {
  return {column.data_ptr<double>(), column.data_ptr<double>() + column.numel()};
}

// Sums of the networks' effects: [networks, directions].
template <class Directions>
torch::Tensor features(const Directions& directions, const std::vector<Choice>& networks) {
  std::vector<double> cells;
  for (const Choice& network : networks) {
    for (const auto& direction : directions) cells.push_back(sum_of(direction.effects, network));
  }
  return column(cells).reshape(
      {static_cast<int64_t>(networks.size()), static_cast<int64_t>(directions.size())});
}

}  // namespace

// Independent normal weights: [directions] each.
struct Belief::Weights {
  torch::Tensor expected, variance;
  double noise = 0;  // variance of losses beside them

  // Solves (covariance of losses) x = right; `features`: [networks, directions].
  torch::Tensor solve(const torch::Tensor& features, const torch::Tensor& right,
                      double* log_determinant = nullptr) const {
    const int64_t n = features.size(0);
    const auto covariance = (features * variance).matmul(features.t()) + kMeanVariance +
                            noise * torch::eye(n, torch::kFloat64);
    const auto root = torch::linalg_cholesky(covariance);
    if (log_determinant != nullptr)
      *log_determinant = 2 * root.diagonal().log().sum().item<double>();
    return torch::cholesky_solve(right, root);
  }
};

Belief::Belief(const SearchSpace& space, const std::vector<EffectGroup>& groups,
               const std::vector<Choice>& typical)
    : zero_(zeros_like(space)) {
  for (const EffectGroup& group : groups) {
    std::vector<double> means;
    double total = 0;
    for (const PerCandidate& direction : group.directions) {
      std::vector<double> sums;
      for (const Choice& choice : typical) sums.push_back(sum_of(direction, choice));
      means.push_back(std::accumulate(sums.begin(), sums.end(), 0.0) /
                      static_cast<double>(std::max<size_t>(1, sums.size())));
      total += variance(sums);
    }
    if (!(total > 1e-12)) continue;
    for (size_t i = 0; i < group.directions.size(); ++i) {
      // Centred on the typical networks, so that the mean has nothing of it.
      PerCandidate centred = scaled(group.directions[i], 1 / std::sqrt(total));
      const double part = means[i] / std::sqrt(total) / static_cast<double>(centred.size());
      for (auto& slot : centred) {
        for (double& effect : slot) effect -= part;
      }
      directions_.push_back({std::move(centred), groups_.size()});
    }
    groups_.push_back(group.name);
    expected_.push_back(group.expected);
  }
  if (groups_.empty()) return;
  std::vector<double> shares(groups_.size());
  std::vector<std::vector<double>> all;
  split(0, kSteps, shares, all);
  for (const double noise : kNoise) {
    for (std::vector<double> of_groups : all) {
      for (double& share : of_groups) share *= 1 - noise;
      hypotheses_.push_back({.shares = std::move(of_groups), .noise = noise});
    }
  }
  learn({}, {});
}

Belief::Weights Belief::prior(const Hypothesis& h) const {
  std::vector<double> expected, variance;
  for (const Direction& direction : directions_) {
    const double share = h.shares[direction.group], mean = expected_[direction.group];
    expected.push_back(std::sqrt(share) * mean);
    variance.push_back(share * (1 - mean * mean));
  }
  return {column(expected), column(variance), h.noise};
}

PerCandidate Belief::effects(const std::vector<double>& weights) const {
  PerCandidate sum = zero_;
  for (size_t d = 0; d < weights.size(); ++d) {
    for (size_t slot = 0; slot < sum.size(); ++slot) {
      for (size_t j = 0; j < sum[slot].size(); ++j)
        sum[slot][j] += weights[d] * directions_[d].effects[slot][j];
    }
  }
  return sum;
}

void Belief::learn(const std::vector<Choice>& networks, const std::vector<double>& losses) {
  torch::NoGradGuard no_grad;
  networks_ = networks;
  losses_ = losses;
  const auto n = static_cast<double>(networks.size());
  const double mean = std::accumulate(losses.begin(), losses.end(), 0.0) / std::max(1.0, n);
  for (double& loss : losses_) loss -= mean;
  for (Hypothesis& h : hypotheses_) {
    h.probability = 1 / static_cast<double>(hypotheses_.size());
    h.scale = 1;
  }
  if (networks.size() < kEnough || hypotheses_.empty()) return;

  const auto x = features(directions_, networks_);
  const auto y = column(losses_);
  std::vector<double> evidence;
  for (Hypothesis& h : hypotheses_) {
    // With losses / scale normal around e of covariance K, the scale is most likely where
    // n scale^2 + b scale - a = 0 for a = y' K^-1 y and b = y' K^-1 e.
    const Weights weights = prior(h);
    const auto e = x.matmul(weights.expected);
    double log_determinant = 0;
    const auto solved = weights.solve(x, torch::stack({y, e}, 1), &log_determinant);
    const double a = y.dot(solved.select(1, 0)).item<double>(),
                 b = y.dot(solved.select(1, 1)).item<double>(),
                 c = e.dot(solved.select(1, 1)).item<double>();
    const double s = std::max((std::sqrt(b * b + 4 * n * a) - b) / (2 * n), 1e-9);
    h.scale = s;
    evidence.push_back(-log_determinant / 2 - n * std::log(s) - (a / s / s - 2 * b / s + c) / 2);
  }
  const double most = *std::max_element(evidence.begin(), evidence.end());
  double total = 0;
  for (const double e : evidence) total += std::exp(e - most);
  for (size_t i = 0; i < evidence.size(); ++i)
    hypotheses_[i].probability = std::exp(evidence[i] - most) / total;
}

PerCandidate Belief::mean() const {
  torch::NoGradGuard no_grad;
  if (hypotheses_.empty()) return zero_;
  auto sum = torch::zeros({static_cast<int64_t>(directions_.size())}, torch::kFloat64);
  const auto x = features(directions_, networks_);
  for (const Hypothesis& h : hypotheses_) {
    if (h.probability < 1e-6) continue;
    const Weights weights = prior(h);
    auto posterior = weights.expected;
    if (!networks_.empty()) {
      const auto wrong = column(losses_) / h.scale - x.matmul(weights.expected);
      const auto solved = weights.solve(x, wrong.unsqueeze(1)).squeeze(1);
      posterior = posterior + weights.variance * x.t().matmul(solved);
    }
    sum += h.probability * h.scale * posterior;
  }
  return effects(values(sum));
}

// By Matheron's rule: a draw of the prior, corrected by what it gets wrong of the losses known.
PerCandidate Belief::draw(Random& random) const {
  torch::NoGradGuard no_grad;
  if (hypotheses_.empty()) return zero_;
  std::vector<double> probabilities;
  for (const Hypothesis& h : hypotheses_) probabilities.push_back(h.probability);
  const Hypothesis& h = hypotheses_[static_cast<size_t>(draw_index(probabilities, random))];
  const auto normal = [&](size_t count) {
    std::vector<double> numbers(count);
    for (double& number : numbers) number = random.normal();
    return column(numbers);
  };
  const Weights weights = prior(h);
  auto drawn = weights.expected + weights.variance.sqrt() * normal(directions_.size());
  if (!networks_.empty()) {
    const auto x = features(directions_, networks_);
    const auto wrong = column(losses_) / h.scale - x.matmul(drawn) -
                       std::sqrt(h.noise) * normal(networks_.size()) -
                       std::sqrt(kMeanVariance) * random.normal();
    const auto solved = weights.solve(x, wrong.unsqueeze(1)).squeeze(1);
    drawn = drawn + weights.variance * x.t().matmul(solved);
  }
  return effects(values(h.scale * drawn));
}

std::vector<std::pair<std::string, double>> Belief::shares() const {
  std::vector<std::pair<std::string, double>> result;
  for (const std::string& group : groups_) result.emplace_back(group, 0.0);
  result.emplace_back("noise", 0.0);
  for (const Hypothesis& h : hypotheses_) {
    for (size_t g = 0; g < groups_.size(); ++g) result[g].second += h.probability * h.shares[g];
    result.back().second += h.probability * h.noise;
  }
  return result;
}

}  // namespace vpunas
