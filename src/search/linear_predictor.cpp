#include "search/linear_predictor.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

namespace vpunas {
namespace {

// A column a candidate: 1 where a network has it; columns and losses are centred in each group, so
// that the groups' means need no columns of their own.
struct Regression {
  Eigen::MatrixXd design;         // [networks, candidates]
  Eigen::VectorXd loss;           // [networks]
  Eigen::VectorXd mean_leverage;  // [networks], of their group's mean
  std::vector<Eigen::Index> first_column;
};

// Takes every group's mean from its rows.
template <class Matrix>
void centre(Matrix& rows, const std::vector<int64_t>& group, const Eigen::VectorXd& members) {
  Eigen::MatrixXd means = Eigen::MatrixXd::Zero(members.size(), rows.cols());
  for (Eigen::Index i = 0; i < rows.rows(); ++i) means.row(group[i]) += rows.row(i);
  means.array().colwise() /= members.array();
  for (Eigen::Index i = 0; i < rows.rows(); ++i) rows.row(i) -= means.row(group[i]);
}

Regression regression(const SearchSpace& space, const std::vector<Choice>& networks,
                      const std::vector<double>& losses, std::vector<int64_t> group) {
  const auto n = static_cast<Eigen::Index>(networks.size());
  if (group.empty()) group.assign(networks.size(), 0);
  Regression r;
  Eigen::Index columns = 0;
  for (const Slot& slot : space.slots) {
    r.first_column.push_back(columns);
    columns += static_cast<Eigen::Index>(slot.size());
  }
  r.design = Eigen::MatrixXd::Zero(n, columns);
  for (Eigen::Index i = 0; i < n; ++i) {
    const Choice& network = networks[static_cast<size_t>(i)];
    for (size_t slot = 0; slot < network.size(); ++slot)
      r.design(i, r.first_column[slot] + network[slot]) = 1;
  }
  r.loss = Eigen::Map<const Eigen::VectorXd>(losses.data(), n);
  Eigen::VectorXd members = Eigen::VectorXd::Zero(*std::ranges::max_element(group) + 1);
  for (const int64_t g : group) members[g] += 1;
  r.mean_leverage.resize(n);
  for (Eigen::Index i = 0; i < n; ++i) r.mean_leverage[i] = 1 / members[group[i]];
  members = members.cwiseMax(1);  // a number that no network has
  centre(r.design, group, members);
  centre(r.loss, group, members);
  return r;
}

std::vector<double> list(const Eigen::VectorXd& x) { return {x.data(), x.data() + x.size()}; }

// The fit's effects, and the worst of a slot for candidates that no network has.
PerCandidate by_slot(const SearchSpace& space, const std::vector<Choice>& networks,
                     const Eigen::VectorXd& effects,
                     const std::vector<Eigen::Index>& first_column) {
  PerCandidate result = zeros_like(space);
  for (size_t slot = 0; slot < result.size(); ++slot) {
    auto& of_slot = result[slot];
    std::vector<bool> seen(of_slot.size(), false);
    for (const Choice& network : networks) seen[static_cast<size_t>(network[slot])] = true;
    double worst = -std::numeric_limits<double>::infinity();
    for (size_t j = 0; j < of_slot.size(); ++j) {
      of_slot[j] = effects[first_column[slot] + static_cast<Eigen::Index>(j)];
      if (seen[j]) worst = std::max(worst, of_slot[j]);
    }
    for (size_t j = 0; j < of_slot.size(); ++j) {
      if (!seen[j]) of_slot[j] = worst;
    }
  }
  return result;
}

}  // namespace

LinearPredictor fit_linear_predictor(const SearchSpace& space, const std::vector<Choice>& networks,
                                     const std::vector<double>& losses,
                                     const std::vector<int64_t>& groups) {
  if (networks.size() < 3) return {.effect = zeros_like(space)};
  const Regression r = regression(space, networks, losses, groups);
  // With X = U S V' the ridge's predictions are U diag(e / (e + ridge)) U' y, e = S^2, and the
  // errors on networks left out follow from them (Golub, Heath and Wahba 1979, equation 2.2), with
  // more leverage for the group's mean.
  const Eigen::BDCSVD<Eigen::MatrixXd> svd(r.design, Eigen::ComputeThinU | Eigen::ComputeThinV);
  const Eigen::MatrixXd &u = svd.matrixU(), squares = u.array().square();
  const Eigen::ArrayXd s = svd.singularValues(), e = s.square();
  const Eigen::ArrayXd projected = u.transpose() * r.loss;
  double least = std::numeric_limits<double>::infinity();
  Eigen::VectorXd effects, left_out;
  for (double ridge = 1e-3; ridge < 1e5; ridge *= 1.5) {
    const Eigen::ArrayXd shrink = e / (e + ridge);
    const Eigen::ArrayXd leverage = (squares * shrink.matrix() + r.mean_leverage).array();
    const Eigen::ArrayXd predicted = (u * (shrink * projected).matrix()).array();
    const Eigen::VectorXd errors = (r.loss.array() - predicted) / (1 - leverage).max(1e-9);
    const double error = errors.squaredNorm() / static_cast<double>(errors.size());
    if (error >= least) continue;
    least = error;
    left_out = r.loss - errors;
    effects = svd.matrixV() * (s * projected / (e + ridge)).matrix();
  }
  const double candidates =
      static_cast<double>(r.design.cols()) / static_cast<double>(space.slots.size());
  return {.effect = by_slot(space, networks, effects, r.first_column),
          .deviation = std::sqrt(least * candidates / static_cast<double>(networks.size())),
          .agreement = kendall_tau(list(left_out), list(r.loss))};
}

double kendall_tau(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0, pairs_a = 0, pairs_b = 0;
  const auto sign = [](double x) { return static_cast<double>((x > 0) - (x < 0)); };
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const double of_a = sign(a[i] - a[j]), of_b = sign(b[i] - b[j]);
      sum += of_a * of_b;
      pairs_a += std::abs(of_a);
      pairs_b += std::abs(of_b);
    }
  }
  return pairs_a > 0 && pairs_b > 0 ? sum / std::sqrt(pairs_a * pairs_b) : 0;
}

}  // namespace vpunas
