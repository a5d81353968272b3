// The additive model through which a search sees a device: marginal cost of every (block, input
// shape) of a space.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "arch/space.h"
#include "base/progress.h"
#include "latency/latency.h"

namespace vpunas {

struct Provenance {
  std::string device = {};   // "MYRIADX", "CPU", ...
  std::string runtime = {};  // "vpunas model 2" or the runtime's version
  Mode mode = Mode::throughput;
  std::string precision = {};  // "FP16", "bf16", ...
  int repeats = 0;             // measurements behind each figure; 0: a model
  std::string date = {};
  bool operator==(const Provenance&) const = default;
};

// How a table that was fitted to measured networks predicts others. Figures are 0 where there are
// no networks or, of the repeats, only one measurement each.
struct TableCheck {
  struct Network {
    double predicted_ms = 0;
    std::vector<double> measured_ms = {};  // of independent measurements
    bool operator==(const Network&) const = default;
  };
  int fitted = 0;           // networks that it was fitted to
  double reference_ms = 0;  // of the plan's reference network: the clock of the table's scale
  std::vector<Network> networks = {};

  double mean_abs_error() const;    // |predicted / mean of measured - 1|
  double rank_correlation() const;  // Spearman's, of predicted and measured
  // The same of the first and the last measurement: what no prediction can beat by much.
  double repeat_rank_correlation() const;
  double repeat_mean_abs_difference() const;
  bool operator==(const TableCheck&) const = default;
};

struct LatencyTable {
  Provenance provenance;
  std::string space;              // its name
  std::string space_hash;         // and space_hash()
  std::map<Shape, Latency> ends;  // stem and head together, by the shape behind the last block
  std::map<PlacedBlock, Latency> blocks;  // skips cost nothing and are not in it
  TableCheck check = {};                  // of a measured table

  // Cost of a block at a place; a skip is 0. Throws Error where the table has no such entry.
  const Latency& cost(const BlockSpec& block, const Shape& input) const;
  // The same as predict(); nullopt where the table lacks a part of the network.
  std::optional<Latency> find(const Architecture& architecture) const;
  // ends + blocks. Intervals of blocks are taken as fully correlated (sums of low and high).
  Latency predict(const Architecture& architecture) const;
};

// Marginal costs: the cost of a block b on shape s is
//   price(in(s) -> b -> out(t)) - price(in(s) -> out(s)),
// with in(s) a 1x1 convolution that produces s and out(t) global pooling and a linear layer. What
// the two ends differ by is a function of the shape alone and so cancels along a chain. `ends` is
// what makes the reference networks (the middle candidate of every slot, and the least and
// greatest) exact on average. Throws Error where the device cannot run a block that no choice can
// avoid; other such blocks are left out.
LatencyTable build_table(const SearchSpace& space, const Preprocess& preprocess,
                         const LatencyFn& price, Provenance provenance, const Work& work = {});

// schema vpunas.latency/2. Throws Error where the table is of another space.
LatencyTable read_table(const std::filesystem::path& path, const SearchSpace& space);
void write_table(const std::filesystem::path& path, const LatencyTable& table);

}  // namespace vpunas
