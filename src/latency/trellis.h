// The trellis of a space: its layers are the slots, its states the shapes that can stand in front
// of a slot, its arcs the candidates with their costs by latency tables. Every exact computation
// over all networks of a space runs over it.
#pragma once

#include <functional>
#include <vector>

#include "arch/space.h"
#include "latency/table.h"

namespace vpunas {

// One candidate at one shape. It is closed where a table has no entry (that device cannot run it)
// or where no path leads on from there.
struct Arc {
  std::vector<Latency> costs = {};  // by table; empty where it is closed
  int to = -1;                      // index of the state in the next layer
  bool open() const { return !costs.empty(); }
  double ms(size_t table = 0) const { return costs[table].ms; }
};

struct State {
  Shape shape;
  std::vector<Arc> arcs;  // by candidate
};

// layers[i] holds the shapes that can stand in front of slot i; layers[slots] those behind the last
// slot, each with the one arc of `ends`; the last layer is a single state without arcs. So the end
// is a slot like any other, with one candidate.
struct Trellis {
  std::vector<std::vector<State>> layers;
  size_t steps() const { return layers.size() - 1; }
};

enum class Ends { priced, free };  // free: cost 0, for a table whose ends are not known yet

// Throws Error naming the slot that no candidate gets past.
Trellis make_trellis(const SearchSpace& space, const std::vector<const LatencyTable*>& tables,
                     Ends ends = Ends::priced);

// Least sums of scores from the start, by dynamic program. score(step, candidate, arc) is any
// finite number.
using ArcScore = std::function<double(size_t step, int candidate, const Arc& arc)>;
class LeastPaths {
 public:
  LeastPaths(const Trellis& trellis, const ArcScore& score);
  // The choice of least score that ends in layers[slots][state]; one leads there.
  Choice choice_to(int state) const;
  // The choice of least score.
  Choice choice() const;

 private:
  struct Step {
    double score;
    int from = -1, candidate = -1;
  };
  std::vector<std::vector<Step>> best_;  // by layer and state
};

// Intervals add up as if fully correlated.
Latency add(const Latency& a, const Latency& b);

// The choice of least cost by the first table, and the cost of a choice by one of them.
Choice cheapest_choice(const Trellis& trellis);
Latency sum_latency(const Trellis& trellis, const Choice& choice, size_t table = 0);

}  // namespace vpunas
