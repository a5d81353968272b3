#include "latency/probes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "latency/trellis.h"

namespace vpunas {
namespace {

constexpr size_t kOnASheet = 12;  // few enough to stay compiled side by side
constexpr uint64_t kSeed = 1;

// A walk through the trellis that takes an arc with a probability proportional to exp(-tilt x cost
// / mean cost of the step): evenly at 0, nearly always the cheapest at 4, the dearest at -4.
Choice tilted_choice(const Trellis& trellis, double tilt, Random& random) {
  Choice choice;
  int state = 0;
  for (size_t step = 0; step + 1 < trellis.steps(); ++step) {
    const auto& arcs = trellis.layers[step][state].arcs;
    double mean = 0;
    int open = 0;
    for (const Arc& arc : arcs) {
      if (!arc.open()) continue;
      mean += arc.ms();
      ++open;
    }
    mean = std::max(mean / open, 1e-12);
    std::vector<double> weight;
    double sum = 0;
    for (const Arc& arc : arcs) {
      weight.push_back(arc.open() ? std::exp(-tilt * arc.ms() / mean) : 0);
      sum += weight.back();
    }
    double left = random.uniform() * sum;
    int taken = -1;
    for (size_t j = 0; j < arcs.size(); ++j) {
      if (!arcs[j].open()) continue;
      taken = static_cast<int>(j);
      left -= weight[j];
      if (left < 0) break;
    }
    choice.push_back(taken);
    state = arcs[taken].to;
  }
  return choice;
}

// Up to `count` networks by rising multiply-accumulates, spread evenly over their range.
std::vector<Choice> spread_choices(const SearchSpace& space, const Preprocess& preprocess,
                                   size_t count) {
  const LatencyTable macs = build_table(space, preprocess, count_mmacs, {.device = macs_device});
  const Trellis trellis = make_trellis(space, {&macs});
  Random random{kSeed};
  std::map<Choice, double> drawn;
  for (size_t i = 0; i < 40 * count; ++i) {
    const double tilt =
        8 * (static_cast<double>(i) + 0.5) / (40.0 * static_cast<double>(count)) - 4;
    const Choice choice = canonical(space, tilted_choice(trellis, tilt, random));
    drawn.emplace(choice, sum_latency(trellis, choice).ms);
  }
  std::vector<std::pair<double, Choice>> sorted;
  for (const auto& [choice, cost] : drawn) sorted.emplace_back(cost, choice);
  std::sort(sorted.begin(), sorted.end());
  const double least = sorted.front().first, range = sorted.back().first - least;
  count = std::min(count, sorted.size());
  // Each place of an even ladder takes the nearest network that is left.
  std::set<std::pair<double, Choice>> left(sorted.begin(), sorted.end());
  std::vector<std::pair<double, Choice>> taken;
  for (size_t i = 0; i < count; ++i) {
    const double wanted =
        least + range * (static_cast<double>(i) + 0.5) / static_cast<double>(count);
    auto above = left.lower_bound({wanted, {}});
    if (above == left.end() ||
        (above != left.begin() && wanted - std::prev(above)->first < above->first - wanted))
      --above;
    taken.push_back(*above);
    left.erase(above);
  }
  std::sort(taken.begin(), taken.end());
  std::vector<Choice> choices;
  for (auto& [cost, choice] : taken) choices.push_back(std::move(choice));
  return choices;
}

class Planner {
 public:
  Planner(const SearchSpace& space, const Preprocess& preprocess)
      : space_(space), preprocess_(preprocess) {}

  void add_reference(const Choice& choice) {
    plan_.probes.push_back(network("reference", ProbeKind::reference, choice));
  }

  void add_blocks() {
    std::map<Shape, std::vector<size_t>> by_shape;
    std::vector<Shape> order;
    for (const PlacedBlock& place : placed_blocks(space_)) {
      auto& blocks = by_shape[place.input];
      if (blocks.empty()) order.push_back(place.input);
      blocks.push_back(plan_.probes.size());
      plan_.probes.push_back({.name = cat("block_", plan_.probes.size() - 1),
                              .kind = ProbeKind::block,
                              .graph = probe_graph(space_, place.input, &place.block),
                              .place = place});
    }
    for (const Shape& shape : order) {
      const size_t bare = plan_.probes.size();
      plan_.probes.push_back({.name = cat("bare_", shape),
                              .kind = ProbeKind::bare,
                              .graph = probe_graph(space_, shape, nullptr),
                              .place = {{}, shape}});
      add_sheets(by_shape[shape], {0, bare});
    }
  }

  std::vector<size_t> add_networks(ProbeKind kind, const std::string& prefix,
                                   std::vector<Choice> choices) {
    Random random{kSeed, static_cast<uint64_t>(kind)};
    random.shuffle(choices);
    std::vector<size_t> probes;
    for (size_t i = 0; i < choices.size(); ++i) {
      probes.push_back(plan_.probes.size());
      plan_.probes.push_back(network(cat(prefix, i), kind, choices[i]));
    }
    return probes;
  }

  // Sheets of `probes` in even parts, each behind `with`.
  void add_sheets(const std::vector<size_t>& probes, const Sheet& with) {
    const size_t room = kOnASheet - with.size();
    const size_t sheets = (probes.size() + room - 1) / room;
    for (size_t s = 0; s < sheets; ++s) {
      Sheet& sheet = plan_.sheets.emplace_back(with);
      for (size_t i = s; i < probes.size(); i += sheets) sheet.push_back(probes[i]);
    }
  }

  ProbePlan take() { return std::move(plan_); }

 private:
  Probe network(std::string name, ProbeKind kind, const Choice& choice) const {
    const Architecture architecture = choose(space_, choice, name);
    return {.name = std::move(name),
            .kind = kind,
            .graph = lower(architecture, preprocess_),
            .choice = choice};
  }

  const SearchSpace& space_;
  const Preprocess& preprocess_;
  ProbePlan plan_;
};

}  // namespace

Graph probe_graph(const SearchSpace& space, const Shape& shape, const BlockSpec* block) {
  Graph graph{"probe", {}, {}};
  const Shape image = {space.input.c, shape.h, shape.w};
  int last = graph.add("image", Input{image}, {});
  last = graph.add("in", Conv{.out_channels = shape.c, .bias = true}, {last});
  if (block) last = lower(*block, "block", last, space.rules, graph);
  last = graph.add("pool", GlobalPool{}, {last});
  graph.add("out", Linear{.out_features = space.classes}, {last});
  return graph;
}

ProbePlan plan_probes(const SearchSpace& space, const Preprocess& preprocess,
                      const ProbeCounts& counts) {
  const auto wanted = static_cast<size_t>(counts.fitted + counts.checked) + 1;
  std::vector<Choice> choices = spread_choices(space, preprocess, wanted);
  Planner planner(space, preprocess);
  planner.add_reference(choices[choices.size() / 2]);
  choices.erase(choices.begin() + static_cast<std::ptrdiff_t>(choices.size() / 2));

  const size_t missing = wanted - 1 - choices.size();
  const size_t checked =
      static_cast<size_t>(counts.checked) - std::min(static_cast<size_t>(counts.checked), missing);
  std::vector<Choice> to_fit, to_check;  // every so many of the ladder is checked
  for (size_t i = 0; i < choices.size(); ++i) {
    const bool check = (i + 1) * checked / choices.size() > i * checked / choices.size();
    (check ? to_check : to_fit).push_back(choices[i]);
  }
  planner.add_blocks();
  const auto checks = planner.add_networks(ProbeKind::checked, "check_", std::move(to_check));
  const auto fits = planner.add_networks(ProbeKind::fitted, "network_", std::move(to_fit));
  planner.add_sheets(checks, {0});
  planner.add_sheets(fits, {0});
  planner.add_sheets(checks, {0});
  return planner.take();
}

}  // namespace vpunas
