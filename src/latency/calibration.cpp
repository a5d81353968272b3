#include "latency/calibration.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/statistics.h"
#include "latency/trellis.h"

namespace vpunas {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr size_t kLeastNetworks = 8;

// ms of every probe, one a sheet that it is on, at the reference's typical speed; probes that
// cannot run have none.
using ProbeMs = std::map<std::string, std::vector<double>>;

ProbeMs aligned(const ProbePlan& plan, const Timings& timings) {
  const std::string& clock = plan.probes.front().name;
  std::vector<double> clocks;
  for (const auto& [place, sheet] : timings.sheets) {
    const auto found = sheet.ms.find(clock);
    if (found == sheet.ms.end() || !found->second) {
      fail(timings.device,
           " cannot run the reference network of the plan; take another device or "
           "space");
    }
    clocks.push_back(*found->second);
  }
  if (clocks.empty()) fail("nothing is timed on ", timings.device);
  const double typical = median(clocks);
  ProbeMs result;
  for (const auto& [place, sheet] : timings.sheets) {
    const double scale = typical / *sheet.ms.at(clock);
    for (const auto& [name, ms] : sheet.ms) {
      if (ms) result[name].push_back(*ms * scale);
    }
  }
  return result;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// The unknowns, in order: every block with a timing, then the ends by last shape.
struct Unknowns {
  std::vector<PlacedBlock> blocks;
  std::map<PlacedBlock, int> block_at;
  std::map<Shape, int> end_at;
  std::vector<double> prior;
  int size() const { return static_cast<int>(prior.size()); }
};

Unknowns unknowns_of(const ProbePlan& plan, const Timings& timings, const ProbeMs& ms) {
  Unknowns u;
  const double typical = median(ms.at(plan.probes.front().name));
  for (const auto& [place, sheet] : timings.sheets) {
    // Block and bare probe of one sheet were timed in turns, so their difference is of one moment.
    const double clock = *sheet.ms.at(plan.probes.front().name);
    for (const size_t p : plan.sheets[place]) {
      const Probe& probe = plan.probes[p];
      if (probe.kind != ProbeKind::block) continue;
      const auto& with = sheet.ms.at(probe.name);
      const auto& bare = sheet.ms.at(plan.probes[plan.sheets[place][1]].name);
      if (!with || !bare) continue;
      u.block_at[probe.place] = u.size();
      u.blocks.push_back(probe.place);
      u.prior.push_back(std::max(0.0, (*with - *bare) * typical / clock));
    }
  }
  return u;
}

// Which unknowns a network is the sum of; empty where one of its blocks has no timing.
std::vector<int> parts(const SearchSpace& space, const Choice& choice, Unknowns& u) {
  std::vector<int> result;
  Shape shape = stem_shape(space.stem, space.input);
  for (size_t slot = 0; slot < choice.size(); ++slot) {
    const BlockSpec* block = block_of(space.slots[slot], choice[slot]);
    if (block && has_layers(*block)) {
      const auto found = u.block_at.find({placed(*block, shape), shape});
      if (found == u.block_at.end()) return {};
      result.push_back(found->second);
    }
    shape = shape_behind(space, slot, choice[slot], shape);
  }
  const auto [end, added] = u.end_at.emplace(shape, u.size());
  if (added) u.prior.push_back(0);
  result.push_back(end->second);
  return result;
}

struct Networks {
  std::vector<std::vector<int>> parts;
  std::vector<double> ms;
};

// How the entries may move away from their prior: standard deviations as shares of an entry.
struct Freedom {
  double own, kernel, size;
};

class Fit {
 public:
  Fit(const Unknowns& u, const Networks& networks) : u_(u) {
    const auto n = static_cast<Eigen::Index>(networks.ms.size());
    rows_ = MatrixXd::Zero(n, u.size());  // in relative errors: divided by the network's ms
    for (Eigen::Index i = 0; i < n; ++i) {
      for (const int part : networks.parts[static_cast<size_t>(i)])
        rows_(i, part) += 1 / networks.ms[static_cast<size_t>(i)];
    }
    prior_ = Eigen::Map<const VectorXd>(u.prior.data(), u.size());
    residual_ = VectorXd::Ones(n) - rows_ * prior_;
  }

  // Relative errors on networks left out, one after the other.
  VectorXd left_out(const Freedom& freedom) const {
    const MatrixXd inverse =
        kernel(freedom).llt().solve(MatrixXd::Identity(rows_.rows(), rows_.rows()));
    return (inverse * residual_).cwiseQuotient(inverse.diagonal());
  }

  VectorXd entries(const Freedom& freedom) const {
    const VectorXd dual = kernel(freedom).llt().solve(residual_);
    return prior_ + covariance(freedom) * (rows_.transpose() * dual);
  }

 private:
  // Of the measured networks' relative times.
  MatrixXd kernel(const Freedom& freedom) const {
    constexpr double kNoise = 0.01;
    return rows_ * covariance(freedom) * rows_.transpose() +
           kNoise * kNoise * MatrixXd::Identity(rows_.rows(), rows_.rows());
  }

  MatrixXd covariance(const Freedom& freedom) const {
    constexpr double kTogether = 0.3, kEnds = 0.5, kFloor = 0.1;
    const auto blocks = static_cast<Eigen::Index>(u_.blocks.size());
    const double floor = kFloor * (blocks > 0 ? prior_.head(blocks).mean() : 0);
    MatrixXd c = MatrixXd::Zero(u_.size(), u_.size());
    for (Eigen::Index i = 0; i < blocks; ++i) {
      const PlacedBlock& a = u_.blocks[static_cast<size_t>(i)];
      for (Eigen::Index j = 0; j < blocks; ++j) {
        const PlacedBlock& b = u_.blocks[static_cast<size_t>(j)];
        double share = kTogether * kTogether;
        if (a.block.kind == b.block.kind && a.block.kernel == b.block.kernel)
          share += freedom.kernel * freedom.kernel;
        if (a.input.h == b.input.h) share += freedom.size * freedom.size;
        c(i, j) = share * prior_(i) * prior_(j);
      }
      c(i, i) += freedom.own * freedom.own * (prior_(i) * prior_(i) + floor * floor);
    }
    for (Eigen::Index i = blocks; i < u_.size(); ++i)
      c(i, i) = kEnds * kEnds * (prior_(i) * prior_(i) + floor * floor);
    return c;
  }

  const Unknowns& u_;
  MatrixXd rows_;      // [networks, unknowns]
  VectorXd prior_;     // [unknowns], ms
  VectorXd residual_;  // [networks], relative
};

Freedom best_freedom(const Fit& fit) {
  Freedom best{};
  double least = std::numeric_limits<double>::infinity();
  for (const double own : {0.02, 0.05, 0.1, 0.2, 0.4}) {
    for (const double kernel : {0.0, 0.1, 0.3}) {
      for (const double size : {0.0, 0.1, 0.3}) {
        const double error = fit.left_out({own, kernel, size}).cwiseAbs().mean();
        if (error < least) {
          least = error;
          best = {own, kernel, size};
        }
      }
    }
  }
  return best;
}

// Ends: what networks take beyond their blocks, typically.
void set_prior_of_ends(Unknowns& u, const Networks& networks) {
  std::map<int, std::vector<double>> beyond;
  for (size_t i = 0; i < networks.ms.size(); ++i) {
    double blocks = 0;
    for (const int part : networks.parts[i]) blocks += u.prior[static_cast<size_t>(part)];
    beyond[networks.parts[i].back()].push_back(networks.ms[i] - blocks);
  }
  for (auto& [end, values] : beyond)
    u.prior[static_cast<size_t>(end)] = std::max(0.0, median(std::move(values)));
}

TableCheck check_table(const SearchSpace& space, const LatencyTable& table, const ProbePlan& plan,
                       const ProbeMs& ms) {
  TableCheck check;
  for (const Probe& probe : plan.probes) {
    const auto found = ms.find(probe.name);
    if (probe.kind != ProbeKind::checked || found == ms.end()) continue;
    if (const auto predicted = table.find(choose(space, probe.choice, probe.name)))
      check.networks.push_back({predicted->ms, found->second});
  }
  return check;
}

}  // namespace

double TableCheck::mean_abs_error() const {
  double sum = 0;
  for (const Network& network : networks)
    sum += std::abs(network.predicted_ms / mean(network.measured_ms) - 1);
  return networks.empty() ? 0 : sum / static_cast<double>(networks.size());
}

double TableCheck::rank_correlation() const {
  std::vector<double> predicted, measured;
  for (const Network& network : networks) {
    predicted.push_back(network.predicted_ms);
    measured.push_back(mean(network.measured_ms));
  }
  return spearman(predicted, measured);
}

double TableCheck::repeat_rank_correlation() const {
  std::vector<double> first, second;
  for (const Network& network : networks) {
    if (network.measured_ms.size() < 2) return 0;
    first.push_back(network.measured_ms.front());
    second.push_back(network.measured_ms.back());
  }
  return spearman(first, second);
}

double TableCheck::repeat_mean_abs_difference() const {
  double sum = 0;
  for (const Network& network : networks) {
    if (network.measured_ms.size() < 2) return 0;
    sum += std::abs(network.measured_ms.back() / network.measured_ms.front() - 1);
  }
  return networks.empty() ? 0 : sum / static_cast<double>(networks.size());
}

LatencyTable calibrated_table(const SearchSpace& space, const ProbePlan& plan,
                              const Timings& timings, Provenance provenance) {
  const ProbeMs ms = aligned(plan, timings);
  Unknowns u = unknowns_of(plan, timings, ms);
  Networks networks;
  for (const Probe& probe : plan.probes) {
    const auto found = ms.find(probe.name);
    const bool to_fit = probe.kind == ProbeKind::fitted || probe.kind == ProbeKind::reference;
    if (!to_fit || found == ms.end()) continue;
    std::vector<int> of_network = parts(space, probe.choice, u);
    if (of_network.empty()) continue;
    networks.parts.push_back(std::move(of_network));
    networks.ms.push_back(mean(found->second));
  }
  if (networks.ms.size() < kLeastNetworks) {
    fail("only ", networks.ms.size(), " whole networks could be timed on ", timings.device,
         ", and a table needs ", kLeastNetworks,
         "; raise profile.networks or profile.minutes, or take another space");
  }
  set_prior_of_ends(u, networks);
  const Fit fit(u, networks);
  const Freedom freedom = best_freedom(fit);
  const VectorXd entries = fit.entries(freedom);
  const VectorXd errors = fit.left_out(freedom).cwiseAbs();
  std::vector<double> sorted(errors.data(), errors.data() + errors.size());
  std::sort(sorted.begin(), sorted.end());
  const double margin = quantile(sorted, 0.9);

  LatencyTable table{std::move(provenance), space.name, space_hash(space), {}, {}, {}};
  // Not under 0: a search would collect such blocks for the time they seem to give back.
  const auto latency = [&](int at) {
    const double value = std::max(0.0, entries(at));
    return Latency{value, value * std::max(0.0, 1 - margin), value * (1 + margin)};
  };
  for (const auto& [place, at] : u.block_at) table.blocks[place] = latency(at);
  for (const auto& [shape, at] : u.end_at) table.ends[shape] = latency(at);
  make_trellis(space, {&table});  // throws where nothing can be run from end to end
  table.check = check_table(space, table, plan, ms);
  table.check.fitted = static_cast<int>(networks.ms.size());
  table.check.reference_ms = median(ms.at(plan.probes.front().name));
  return table;
}

}  // namespace vpunas
