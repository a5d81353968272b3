// Which nodes of a graph run as one.
#pragma once

#include <vector>

#include "arch/graph.h"

namespace vpunas {

// Nodes that run together: one node, or a chain
//   [norm [act]] (conv norm [act])* [add]
// with at least one norm, where no other step reads what only passes between them. A conv is dense
// or depthwise.
struct Step {
  struct Stage {
    int conv = -1, norm = -1, act = -1;
  };
  std::vector<int> nodes = {};     // in order; the last one's output is the step's
  std::vector<int> releases = {};  // nodes whose outputs nobody reads after this step
  int before = -1, before_act = -1;
  std::vector<Stage> stages = {};
  int add = -1;
  bool is_fused() const { return before >= 0 || !stages.empty(); }
};

// The graph in order of execution; without `fuse` a step a node. Fused are convolutions without
// bias and with padding "same", dense with odd kernels or depthwise of 3, 5 or 7 with stride 1 or
// 2; batch norms; activations that clamp (relu, relu6) and additions of two.
std::vector<Step> plan_steps(const Graph& graph, bool fuse);

}  // namespace vpunas
