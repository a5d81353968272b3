#include "latency/trellis.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

constexpr Latency kFree = {};

int find_or_add(std::vector<State>& states, const Shape& shape) {
  const auto found =
      std::find_if(states.begin(), states.end(), [&](const State& s) { return s.shape == shape; });
  const auto index = static_cast<int>(found - states.begin());
  if (found == states.end()) states.push_back({shape, {}});
  return index;
}

const Latency* find_cost(const LatencyTable& table, const BlockSpec* block, const Shape& input) {
  if (!block || !has_layers(*block)) return &kFree;
  const auto found = table.blocks.find({placed(*block, input), input});
  return found == table.blocks.end() ? nullptr : &found->second;
}

std::string devices_of(const std::vector<const LatencyTable*>& tables) {
  std::vector<std::string> names;
  for (const LatencyTable* table : tables) names.push_back(table->provenance.device);
  return join(names, " with ");
}

[[noreturn]] void fail_at_slot(const SearchSpace& space,
                               const std::vector<const LatencyTable*>& tables, size_t slot,
                               const Shape& input) {
  fail("space ", space.name, ", slot ", slot, ": ", devices_of(tables),
       " can run none of its candidates (such as ", describe(space.slots[slot], 0), " on ", input,
       "); give the slot others or take another device");
}

// Drops arcs into states from which nothing leads on.
void prune(Trellis& trellis) {
  for (size_t step = trellis.steps() - 1; step-- > 0;) {
    const auto& next = trellis.layers[step + 1];
    for (State& state : trellis.layers[step]) {
      for (Arc& arc : state.arcs) {
        if (!arc.open()) continue;
        const auto& onward = next[arc.to].arcs;
        if (std::none_of(onward.begin(), onward.end(), [](const Arc& a) { return a.open(); }))
          arc = {};
      }
    }
  }
}

}  // namespace

Trellis make_trellis(const SearchSpace& space, const std::vector<const LatencyTable*>& tables,
                     Ends ends) {
  // The costs of one place by every table; empty where one of them has none.
  const auto collect = [&](const auto& find) {
    std::vector<Latency> costs;
    for (const LatencyTable* table : tables) {
      if (const Latency* cost = find(*table)) costs.push_back(*cost);
    }
    if (costs.size() < tables.size()) costs.clear();
    return costs;
  };

  check_inputs_apart(space);
  Trellis trellis;
  trellis.layers.push_back({{stem_shape(space.stem, space.input), {}}});
  for (size_t slot = 0; slot < space.slots.size(); ++slot) {
    std::vector<State> next;
    for (State& state : trellis.layers.back()) {
      for (int j = 0; j < static_cast<int>(space.slots[slot].size()); ++j) {
        const BlockSpec* block = block_of(space.slots[slot], j);
        Arc& arc = state.arcs.emplace_back();
        arc.costs =
            collect([&](const LatencyTable& t) { return find_cost(t, block, state.shape); });
        if (arc.open()) arc.to = find_or_add(next, shape_behind(space, slot, j, state.shape));
      }
    }
    if (next.empty()) fail_at_slot(space, tables, slot, trellis.layers.back().front().shape);
    trellis.layers.push_back(std::move(next));
  }

  bool any = false;
  for (State& state : trellis.layers.back()) {
    Arc& arc = state.arcs.emplace_back();
    arc.costs = collect([&](const LatencyTable& table) -> const Latency* {
      if (ends == Ends::free) return &kFree;
      const auto found = table.ends.find(state.shape);
      return found == table.ends.end() ? nullptr : &found->second;
    });
    if (!arc.open()) continue;
    arc.to = 0;
    any = true;
  }
  if (!any)
    fail("space ", space.name, ": ", devices_of(tables),
         " can run none of its networks; take another device");
  trellis.layers.push_back({State{}});
  prune(trellis);
  return trellis;
}

LeastPaths::LeastPaths(const Trellis& trellis, const ArcScore& score) {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  for (const auto& layer : trellis.layers) best_.emplace_back(layer.size(), Step{kNone});
  best_.front().front().score = 0;
  for (size_t step = 0; step < trellis.steps(); ++step) {
    for (size_t s = 0; s < trellis.layers[step].size(); ++s) {
      if (best_[step][s].score == kNone) continue;
      const auto& arcs = trellis.layers[step][s].arcs;
      for (size_t j = 0; j < arcs.size(); ++j) {
        if (!arcs[j].open()) continue;
        const int candidate = static_cast<int>(j);
        const double sum = best_[step][s].score + score(step, candidate, arcs[j]);
        Step& there = best_[step + 1][arcs[j].to];
        if (sum < there.score) there = {sum, static_cast<int>(s), candidate};
      }
    }
  }
}

Choice LeastPaths::choice_to(int state) const {
  Choice choice(best_.size() - 2);
  for (size_t slot = choice.size(); slot-- > 0;) {
    const Step& step = best_[slot + 1][state];
    choice[slot] = step.candidate;
    state = step.from;
  }
  return choice;
}

Choice LeastPaths::choice() const { return choice_to(best_.back().front().from); }

Latency add(const Latency& a, const Latency& b) {
  return {a.ms + b.ms, a.low_ms + b.low_ms, a.high_ms + b.high_ms};
}

Choice cheapest_choice(const Trellis& trellis) {
  return LeastPaths(trellis, [](size_t, int, const Arc& arc) { return arc.ms(); }).choice();
}

Latency sum_latency(const Trellis& trellis, const Choice& choice, size_t table) {
  Latency sum;
  int state = 0;
  for (size_t step = 0; step < trellis.steps(); ++step) {
    const Arc& arc = trellis.layers[step][state].arcs[step < choice.size() ? choice[step] : 0];
    sum = add(sum, arc.costs[table]);
    state = arc.to;
  }
  return sum;
}

}  // namespace vpunas
