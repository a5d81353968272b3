// Which nodes of a graph run as one.
#pragma once

#include <vector>

#include "arch/graph.h"

namespace vpunas {

// Nodes that run together. A step of one node is that node. One of several is
//   [before [before_act]] depthwise norm [act]     or
//   norm [act], or norm add,
// by whichever of these are not -1; no other step reads what only passes between them.
struct Step {
  std::vector<int> nodes;     // in order; the last one's output is the step's
  std::vector<int> releases;  // nodes whose outputs nobody reads after this step
  int before = -1, before_act = -1, depthwise = -1;
  int norm = -1, act = -1, add = -1;
  bool is_fused() const { return norm >= 0; }
};

// The graph in order of execution; without `fuse` a step a node. Fused are depthwise convolutions
// of 3, 5 or 7 with stride 1 or 2 and padding "same", with the batch norms and clamping activations
// (relu, relu6) around them; and any other batch norm with a clamping activation or an addition
// behind it.
std::vector<Step> plan_steps(const Graph& graph, bool fuse);

}  // namespace vpunas
