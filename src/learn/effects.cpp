#include "learn/effects.h"

#include <algorithm>
#include <cmath>

#include "learn/paths.h"
#include "learn/torch.h"

namespace vpunas {
namespace {

// A column a candidate: 1 where a network has it; columns and losses are centred in each group, so
// that the groups' means need no columns of their own.
struct Regression {
  torch::Tensor design;         // [networks, candidates]
  torch::Tensor loss;           // [networks]
  torch::Tensor mean_leverage;  // [networks], of their group's mean
  std::vector<int64_t> first_column;
};

Regression regression(const SearchSpace& space, const std::vector<Choice>& networks,
                      const std::vector<double>& losses, const std::vector<int64_t>& groups) {
  Regression r;
  int64_t columns = 0;
  for (const Slot& slot : space.slots) {
    r.first_column.push_back(columns);
    columns += static_cast<int64_t>(slot.candidates.size());
  }
  r.design = torch::zeros({static_cast<int64_t>(networks.size()), columns}, torch::kFloat64);
  auto cells = r.design.accessor<double, 2>();
  for (size_t i = 0; i < networks.size(); ++i) {
    for (size_t slot = 0; slot < networks[i].size(); ++slot)
      cells[static_cast<int64_t>(i)][r.first_column[slot] + networks[i][slot]] = 1;
  }
  const auto group = groups.empty() ? torch::zeros(r.design.size(0), torch::kInt64)
                                    : torch::tensor(groups, torch::kInt64);
  const auto members = group.bincount().to(torch::kFloat64);
  r.mean_leverage = (1 / members).index_select(0, group);
  const auto centred = [&](const torch::Tensor& rows) {
    const auto sums =
        torch::zeros({members.size(0), rows.size(1)}, torch::kFloat64).index_add_(0, group, rows);
    return rows - (sums / members.unsqueeze(1)).index_select(0, group);
  };
  r.design = centred(r.design);
  r.loss = centred(torch::tensor(losses, torch::kFloat64).unsqueeze(1)).squeeze(1);
  return r;
}

}  // namespace

Effects fit_effects(const SearchSpace& space, const std::vector<Choice>& networks,
                    const std::vector<double>& losses, const std::vector<int64_t>& groups) {
  torch::NoGradGuard no_grad;
  Effects result{.effect = zeros_like(space)};
  if (networks.size() < 3) return result;
  const auto n = static_cast<int64_t>(networks.size());
  const Regression r = regression(space, networks, losses, groups);
  // With X = U S V' the ridge's predictions are U diag(e / (e + ridge)) U' y, e = S^2, and the
  // errors on networks left out follow from them (Golub, Heath and Wahba 1979, equation 2.2), with
  // more leverage for the group's mean.
  const auto [u, s, vt] = torch::linalg_svd(r.design, /*full_matrices=*/false);
  const auto e = s.square(), squares = u.square();
  const auto projected = u.t().matmul(r.loss);
  double least = std::numeric_limits<double>::infinity();
  torch::Tensor effects, left_out;
  for (double ridge = 1e-3; ridge < 1e5; ridge *= 1.5) {
    const auto shrink = e / (e + ridge);
    const auto leverage = squares.matmul(shrink) + r.mean_leverage;
    const auto errors = (r.loss - u.matmul(shrink * projected)) / (1 - leverage).clamp_min(1e-9);
    const double error = errors.square().mean().item<double>();
    if (error >= least) continue;
    least = error;
    left_out = r.loss - errors;
    effects = vt.t().matmul(s * projected / (e + ridge));
  }
  for (size_t slot = 0; slot < result.effect.size(); ++slot) {
    auto& of_slot = result.effect[slot];
    std::vector<bool> seen(of_slot.size(), false);
    for (const Choice& network : networks) seen[static_cast<size_t>(network[slot])] = true;
    double worst = -std::numeric_limits<double>::infinity();
    for (size_t j = 0; j < of_slot.size(); ++j) {
      of_slot[j] = effects[r.first_column[slot] + static_cast<int64_t>(j)].item<double>();
      if (seen[j]) worst = std::max(worst, of_slot[j]);
    }
    for (size_t j = 0; j < of_slot.size(); ++j) {
      if (!seen[j]) of_slot[j] = worst;
    }
  }
  const double candidates =
      static_cast<double>(r.design.size(1)) / static_cast<double>(space.slots.size());
  result.deviation = std::sqrt(least * candidates / static_cast<double>(n));
  const auto list = [n](const torch::Tensor& x) {
    return std::vector<double>(x.data_ptr<double>(), x.data_ptr<double>() + n);
  };
  result.agreement = kendall_tau(list(left_out), list(r.loss));
  return result;
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
