// What is timed to learn what the blocks of a space cost on a device. The plan follows from the
// space alone, so that timing can be resumed, or done elsewhere and by hand.
#pragma once

#include <string>
#include <vector>

#include "arch/space.h"

namespace vpunas {

enum class ProbeKind {
  reference,  // a network of the space of middling cost, timed again and again as a clock
  bare,       // image -> 1x1 convolution to a shape -> pooling -> linear
  block,      // the same with a block behind the convolution
  fitted,     // a network of the space, which the table is fitted to
  checked     // one that it is not fitted to, which the table is judged by
};

struct Probe {
  std::string name;  // "reference", "bare_32x56x56", "block_7", "network_12", "check_3"
  ProbeKind kind = ProbeKind::reference;
  Graph graph = {};
  PlacedBlock place = {};  // of a block; of a bare probe its `input`
  Choice choice = {};      // of a network
};

// Probes, by index, that are timed in turns; the reference is the first of each sheet. Bare probes
// share their sheets with the blocks on their shape. Networks to be checked are on two sheets, one
// before and one after the networks to fit to.
using Sheet = std::vector<size_t>;

struct ProbePlan {
  std::vector<Probe> probes;  // probes[0] is the reference
  std::vector<Sheet> sheets;
};

struct ProbeCounts {
  int fitted = 80, checked = 30;
};

// Networks are drawn with multiply-accumulates spread evenly from the least to the greatest; where
// the space has fewer of them than are asked for, those to fit to come first.
ProbePlan plan_probes(const SearchSpace& space, const Preprocess& preprocess,
                      const ProbeCounts& counts);

// image -> 1x1 convolution to `shape` -> `block`, where there is one -> pooling -> linear. What
// surrounds the block depends on the shape alone.
Graph probe_graph(const SearchSpace& space, const Shape& shape, const BlockSpec* block);

}  // namespace vpunas
