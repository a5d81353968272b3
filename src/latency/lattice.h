// The paths of a space through its shapes, priced by tables: what every exact computation of this
// folder runs over.
#pragma once

#include <functional>
#include <vector>

#include "latency/chain.h"

namespace vpunas {

// One candidate at one shape. It is closed where a table has no entry (that device cannot run it)
// or where no path leads on from there.
struct Arc {
  std::vector<const Latency*> costs;  // by table; empty where it is closed
  int to = -1;                        // index of the state in the next layer
  bool open() const { return !costs.empty(); }
  double ms(size_t table = 0) const { return costs[table]->ms; }
};

struct State {
  Shape shape;
  std::vector<Arc> arcs;  // by candidate
};

// layers[i] holds the shapes that can stand in front of slot i; layers[slots] those behind the last
// slot, each with the one arc of `ends`; the last layer is a single state without arcs. So the end
// is a slot like any other, with one candidate.
struct Lattice {
  std::vector<std::vector<State>> layers;
  size_t steps() const { return layers.size() - 1; }
};

enum class Ends { priced, free };  // free: cost 0, for a table whose ends are not known yet

// Costs point into the tables. Throws Error naming the slot that no candidate gets past.
Lattice make_lattice(const SearchSpace& space, const std::vector<const LatencyTable*>& tables,
                     Ends ends = Ends::priced);
Lattice make_lattice(const SearchSpace& space, const std::vector<Constraint>& constraints);

// Least sums of scores from the start, by dynamic program. score(step, candidate, arc) is any
// finite number.
using Score = std::function<double(size_t step, int candidate, const Arc& arc)>;
class LeastPaths {
 public:
  LeastPaths(const Lattice& lattice, const Score& score);
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
Choice cheapest_choice(const Lattice& lattice);
Latency sum_latency(const Lattice& lattice, const Choice& choice, size_t table = 0);

// Throws Error where one of the `values` is no number, naming them by `what` and its place.
void check_numbers(const SearchSpace& space, const PerCandidate& values, const char* what);

}  // namespace vpunas
