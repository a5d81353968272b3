#include "search/surrogate.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/statistics.h"
#include "search/linear_predictor.h"

namespace vpunas {
namespace {

// Shares of the groups are multiples of 1 / kSteps of what is not noise.
constexpr int kSteps = 4;
constexpr double kNoise[] = {0.05, 0.15, 0.35, 0.6};
// Variance of the losses' mean by that of the losses: so large that it says nothing.
constexpr double kMeanVariance = 9;
// Fewer losses say nothing of their own scale.
constexpr size_t kEnough = 2;
// Expected weight of what was estimated before: one time in eleven its order is the reverse.
constexpr double kTrust = 0.8;
constexpr uint64_t kDeviationStream = 0x646576;  // apart from other uses of the seed

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

Eigen::VectorXd column(const std::vector<double>& values) {
  return Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
}

// Sums of the networks' effects: [networks, directions].
template <class Directions>
Eigen::MatrixXd features(const Directions& directions, const std::vector<Choice>& networks) {
  Eigen::MatrixXd x(networks.size(), directions.size());
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    for (Eigen::Index d = 0; d < x.cols(); ++d)
      x(i, d) =
          sum_of(directions[static_cast<size_t>(d)].effects, networks[static_cast<size_t>(i)]);
  }
  return x;
}

Eigen::VectorXd normal(size_t count, Random& random) {
  Eigen::VectorXd numbers(count);
  for (double& number : numbers) number = random.normal();
  return numbers;
}

double layers(const Graph& graph) {
  int count = 0;
  for (size_t node = 0; node < graph.nodes.size(); ++node) count += node_macs(graph, node) > 0;
  return count;
}

// The same work wherever it stands: "mbconv k3 e6 relu6" of any width and stride.
std::string kind_of(const Slot& slot, int candidate) {
  const BlockSpec* found = block_of(slot, candidate);
  if (found == nullptr) return describe(slot, candidate);
  BlockSpec block = *found;
  block.out_channels = 0;
  block.stride = 1;
  return describe(block);
}

}  // namespace

std::vector<EffectGroup> effect_groups(const SearchSpace& space, const std::string& source,
                                       const PerCandidate& alpha,
                                       const std::vector<Choice>& typical) {
  std::vector<double> macs, parameters, depths;
  for (const Choice& choice : typical) {
    const Graph graph = lower(choose(space, choice, "typical"), {});
    macs.push_back(static_cast<double>(count_macs(graph)));
    parameters.push_back(static_cast<double>(count_parameters(graph)));
    depths.push_back(layers(graph));
  }
  EffectGroup capacity{.name = "capacity", .directions = {}};
  for (const std::vector<double>* costs : {&macs, &parameters, &depths}) {
    // In units of their deviation, so that they share the group's variance alike.
    const double spread = std::sqrt(variance(*costs));
    if (spread > 0)
      capacity.directions.push_back(
          scaled(fit_linear_predictor(space, typical, *costs).effect, 1 / spread));
  }
  EffectGroup kinds{.name = "kinds", .directions = {}}, own{.name = "slots", .directions = {}};
  std::map<std::string, PerCandidate> by_kind;
  for (size_t slot = 0; slot < space.slots.size(); ++slot) {
    for (size_t j = 0; j < space.slots[slot].size(); ++j) {
      PerCandidate& kind =
          by_kind.try_emplace(kind_of(space.slots[slot], static_cast<int>(j)), zeros_like(space))
              .first->second;
      kind[slot][j] = 1;
      own.directions.push_back(zeros_like(space));
      own.directions.back()[slot][j] = 1;
    }
  }
  for (auto& [name, direction] : by_kind) kinds.directions.push_back(std::move(direction));
  return {{.name = source, .directions = {scaled(alpha, -1)}, .expected = kTrust},
          std::move(capacity),
          std::move(kinds),
          std::move(own)};
}

// Independent normal weights: [directions] each.
struct BayesianSurrogate::Weights {
  Eigen::VectorXd expected, variance;
  double noise = 0;  // variance of losses beside them

  // Solves (covariance of losses) y = right; `x` are features: [networks, directions].
  Eigen::MatrixXd solve(const Eigen::MatrixXd& x, const Eigen::MatrixXd& right,
                        double* log_determinant = nullptr) const {
    Eigen::MatrixXd covariance = x * variance.asDiagonal() * x.transpose();
    covariance.array() += kMeanVariance;
    covariance.diagonal().array() += noise;
    const Eigen::LLT<Eigen::MatrixXd> root(covariance);
    if (log_determinant != nullptr)
      *log_determinant = 2 * root.matrixLLT().diagonal().array().log().sum();
    return root.solve(right);
  }
};

BayesianSurrogate::BayesianSurrogate(const SearchSpace& space,
                                     const std::vector<EffectGroup>& groups,
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

BayesianSurrogate::Weights BayesianSurrogate::prior(const Hypothesis& h) const {
  const auto n = static_cast<Eigen::Index>(directions_.size());
  Weights weights{Eigen::VectorXd(n), Eigen::VectorXd(n), h.noise};
  for (Eigen::Index d = 0; d < n; ++d) {
    const size_t group = directions_[static_cast<size_t>(d)].group;
    const double share = h.shares[group], mean = expected_[group];
    weights.expected[d] = std::sqrt(share) * mean;
    weights.variance[d] = share * (1 - mean * mean);
  }
  return weights;
}

PerCandidate BayesianSurrogate::effects(const std::vector<double>& weights) const {
  PerCandidate sum = zero_;
  for (size_t d = 0; d < weights.size(); ++d) {
    for (size_t slot = 0; slot < sum.size(); ++slot) {
      for (size_t j = 0; j < sum[slot].size(); ++j)
        sum[slot][j] += weights[d] * directions_[d].effects[slot][j];
    }
  }
  return sum;
}

void BayesianSurrogate::learn(const std::vector<Choice>& networks,
                              const std::vector<double>& losses) {
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

  const Eigen::MatrixXd x = features(directions_, networks_);
  const Eigen::VectorXd y = column(losses_);
  std::vector<double> evidence;
  for (Hypothesis& h : hypotheses_) {
    // With losses / scale normal around e of covariance K, the scale is most likely where
    // n scale^2 + b scale - a = 0 for a = y' K^-1 y and b = y' K^-1 e.
    const Weights weights = prior(h);
    const Eigen::VectorXd e = x * weights.expected;
    Eigen::MatrixXd right(x.rows(), 2);
    right << y, e;
    double log_determinant = 0;
    const Eigen::MatrixXd solved = weights.solve(x, right, &log_determinant);
    const double a = y.dot(solved.col(0)), b = y.dot(solved.col(1)), c = e.dot(solved.col(1));
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

PerCandidate BayesianSurrogate::mean() const {
  if (hypotheses_.empty()) return zero_;
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(directions_.size()));
  const Eigen::MatrixXd x = features(directions_, networks_);
  for (const Hypothesis& h : hypotheses_) {
    if (h.probability < 1e-6) continue;
    const Weights weights = prior(h);
    Eigen::VectorXd posterior = weights.expected;
    if (!networks_.empty()) {
      const Eigen::VectorXd wrong = column(losses_) / h.scale - x * weights.expected;
      posterior += weights.variance.asDiagonal() * (x.transpose() * weights.solve(x, wrong));
    }
    sum += h.probability * h.scale * posterior;
  }
  return effects({sum.begin(), sum.end()});
}

// By Matheron's rule: a draw of the prior, corrected by what it gets wrong of the losses known.
PerCandidate BayesianSurrogate::draw(Random& random) const {
  if (hypotheses_.empty()) return zero_;
  std::vector<double> probabilities;
  for (const Hypothesis& h : hypotheses_) probabilities.push_back(h.probability);
  const Hypothesis& h = hypotheses_[static_cast<size_t>(draw_index(probabilities, random))];
  const Weights weights = prior(h);
  const Eigen::VectorXd spread = weights.variance.cwiseSqrt();
  Eigen::VectorXd drawn =
      weights.expected + spread.cwiseProduct(normal(directions_.size(), random));
  if (!networks_.empty()) {
    const Eigen::MatrixXd x = features(directions_, networks_);
    const Eigen::VectorXd noise = std::sqrt(h.noise) * normal(networks_.size(), random);
    const double mean = std::sqrt(kMeanVariance) * random.normal();
    const Eigen::VectorXd wrong = (column(losses_) / h.scale - x * drawn - noise).array() - mean;
    drawn += weights.variance.asDiagonal() * (x.transpose() * weights.solve(x, wrong));
  }
  drawn *= h.scale;
  return effects({drawn.begin(), drawn.end()});
}

double BayesianSurrogate::deviation(uint64_t seed) const {
  constexpr int kDraws = 64;
  PerCandidate sum = zero_, squares = zero_;
  for (uint64_t i = 0; i < kDraws; ++i) {
    Random random({seed, kDeviationStream, i});
    const PerCandidate effects = draw(random);
    for (size_t slot = 0; slot < effects.size(); ++slot) {
      for (size_t j = 0; j < effects[slot].size(); ++j) {
        sum[slot][j] += effects[slot][j] / kDraws;
        squares[slot][j] += effects[slot][j] * effects[slot][j] / kDraws;
      }
    }
  }
  double total = 0, count = 0;
  for (size_t slot = 0; slot < sum.size(); ++slot) {
    for (size_t j = 0; j < sum[slot].size(); ++j) {
      total += std::sqrt(std::max(0.0, squares[slot][j] - sum[slot][j] * sum[slot][j]));
      ++count;
    }
  }
  return total / count;
}

std::vector<std::pair<std::string, double>> BayesianSurrogate::shares() const {
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
