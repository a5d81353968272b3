#include "latency/table.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <set>

#include "arch/strict_json.h"
#include "base/error.h"
#include "latency/probes.h"
#include "latency/trellis.h"

namespace vpunas {
namespace {

constexpr const char* kSchema = "vpunas.latency/2";
constexpr double kMostMs = 1e9;  // keeps sums finite

// --- Building ---

// Prices each distinct graph once: blocks at one shape share their probe without a block, reference
// networks may coincide.
class Pricer {
 public:
  explicit Pricer(const LatencyFn& price) : price_(price) {}

  const std::optional<Latency>& operator()(Graph graph) {
    const auto found = std::find_if(known_.begin(), known_.end(),
                                    [&](const Known& k) { return k.graph == graph; });
    if (found != known_.end()) return found->latency;
    std::optional<Latency> latency = price_(graph);
    if (latency && !(latency->ms >= 0 && latency->ms <= kMostMs)) {
      fail("the device reported ", latency->ms,
           " ms for a network, which cannot be; measure again");
    }
    return known_.emplace_back(std::move(graph), std::move(latency)).latency;
  }

 private:
  struct Known {
    Known(Graph g, std::optional<Latency> l) : graph(std::move(g)), latency(std::move(l)) {}
    Graph graph;
    std::optional<Latency> latency;
  };
  const LatencyFn& price_;
  std::deque<Known> known_;
};

Latency difference(const Latency& whole, const Latency& part) {
  return {whole.ms - part.ms, whole.low_ms - part.low_ms, whole.high_ms - part.high_ms};
}

// Never under 0: noise can make a cheap block look faster than none, and a search would collect
// such blocks for the time they seem to give back. Free at best, they err on the safe side of a
// budget.
Latency at_least_free(const Latency& latency) {
  const double ms = std::max(0.0, latency.ms);
  return {ms, std::clamp(latency.low_ms, 0.0, ms), std::max(ms, latency.high_ms)};
}

// What the reference networks that end in `state` cost beyond their blocks, on average; nullopt
// where the device runs none.
std::optional<Latency> price_ends(const SearchSpace& space, const Preprocess& preprocess,
                                  const Trellis& trellis, const std::set<Choice>& references,
                                  Pricer& price) {
  Latency sum;
  int count = 0;
  for (const Choice& choice : references) {
    const auto& whole = price(lower(choose(space, choice, "reference"), preprocess));
    if (!whole) continue;
    sum = add(sum, difference(*whole, sum_latency(trellis, choice)));
    ++count;
  }
  if (count == 0) return std::nullopt;
  return at_least_free({sum.ms / count, sum.low_ms / count, sum.high_ms / count});
}

// Least, middle and greatest network by last shape: for each state behind the last slot that a path
// leads to.
std::vector<std::set<Choice>> reference_choices(const SearchSpace& space, const Trellis& trellis) {
  const LeastPaths least(trellis, [](size_t, int, const Arc& arc) { return arc.ms(); });
  const LeastPaths greatest(trellis, [](size_t, int, const Arc& arc) { return -arc.ms(); });
  const LeastPaths middle(trellis, [&](size_t step, int candidate, const Arc&) {
    if (step == space.slots.size()) return 0.0;
    return std::abs(candidate - (static_cast<double>(space.slots[step].size()) - 1) / 2);
  });
  std::vector<std::set<Choice>> references;
  const int states = static_cast<int>(trellis.layers[space.slots.size()].size());
  for (int state = 0; state < states; ++state) {
    references.push_back(
        {least.choice_to(state), middle.choice_to(state), greatest.choice_to(state)});
  }
  return references;
}

// --- Reading and writing ---

Json to_json(const Shape& shape) { return Json::array({shape.c, shape.h, shape.w}); }

Shape shape_from_json(const Json& json, const std::string& where) {
  const auto valid = [](const Json& n) { return n.is_number_integer() && n >= 1 && n <= 1 << 20; };
  if (!json.is_array() || json.size() != 3 || !std::all_of(json.begin(), json.end(), valid)) {
    fail(where, ": must be a shape as [32, 14, 14]");
  }
  return {json[0].get<int>(), json[1].get<int>(), json[2].get<int>()};
}

void put(Json& json, const Latency& latency) {
  json["ms"] = latency.ms;
  json["low_ms"] = latency.low_ms;
  json["high_ms"] = latency.high_ms;
}

double required_ms(StrictObject& object, const char* key) {
  object.require(key);
  return object.number(key, 0, 0, kMostMs);
}

Latency latency_from(StrictObject& object) {
  const Latency latency = {required_ms(object, "ms"), required_ms(object, "low_ms"),
                           required_ms(object, "high_ms")};
  if (latency.low_ms > latency.ms || latency.ms > latency.high_ms) {
    fail(object.where(), ": ms must lie within low_ms and high_ms");
  }
  return latency;
}

std::string required_text(StrictObject& object, const char* key) {
  object.require(key);
  return object.text(key, "");
}

Provenance provenance_from(StrictObject& object) {
  Provenance provenance;
  provenance.device = required_text(object, "device");
  provenance.runtime = required_text(object, "runtime");
  provenance.mode = parse_mode(required_text(object, "mode"));
  provenance.precision = required_text(object, "precision");
  object.require("repeats");
  provenance.repeats = static_cast<int>(object.integer("repeats", 0, 0, 1'000'000'000));
  provenance.date = required_text(object, "date");
  return provenance;
}

Json to_json(const TableCheck& check) {
  Json networks = Json::array();
  for (const auto& network : check.networks) {
    networks.push_back(
        {{"predicted_ms", network.predicted_ms}, {"measured_ms", network.measured_ms}});
  }
  return {{"fitted", check.fitted},
          {"reference_ms", check.reference_ms},
          {"mean_abs_error", check.mean_abs_error()},
          {"spearman", check.rank_correlation()},
          {"repeat_mean_abs_difference", check.repeat_mean_abs_difference()},
          {"repeat_spearman", check.repeat_rank_correlation()},
          {"networks", networks}};
}

TableCheck check_from(const Json& json, const std::string& where) {
  TableCheck check;
  check.fitted = json_get<int>(json, "fitted", where);
  check.reference_ms = json_get<double>(json, "reference_ms", where);
  const Json networks = json_get<Json>(json, "networks", where);
  if (!networks.is_array()) fail(where, ": networks: must be a list");
  for (size_t i = 0; i < networks.size(); ++i) {
    const std::string at = cat(where, ": networks[", i, "]");
    auto& network = check.networks.emplace_back();
    network.predicted_ms = json_get<double>(networks[i], "predicted_ms", at);
    network.measured_ms = json_get<std::vector<double>>(networks[i], "measured_ms", at);
    const auto possible = [](double ms) { return ms > 0 && ms <= kMostMs; };
    if (!possible(network.predicted_ms) || network.measured_ms.empty() ||
        !std::all_of(network.measured_ms.begin(), network.measured_ms.end(), possible)) {
      fail(at, ": needs a predicted_ms and a measured_ms greater than 0");
    }
  }
  return check;
}

}  // namespace

const Latency& LatencyTable::cost(const BlockSpec& block, const Shape& input) const {
  static const Latency free;
  if (!has_layers(block)) return free;
  const auto found = blocks.find({block, input});
  if (found != blocks.end()) return found->second;
  fail("latency table of space ", space, " on ", provenance.device, ": has no ", describe(block),
       " on ", input, "; the device cannot run it, or the network is not of this space");
}

std::optional<Latency> LatencyTable::find(const Architecture& architecture) const {
  Shape shape = stem_shape(architecture.stem, architecture.input);
  for (const BlockSpec& block : architecture.blocks) {
    if (has_layers(block) && !blocks.contains({block, shape})) return std::nullopt;
    shape = output_shape(block, shape);
  }
  if (!ends.contains(shape)) return std::nullopt;
  return predict(architecture);
}

Latency LatencyTable::predict(const Architecture& architecture) const {
  Shape shape = stem_shape(architecture.stem, architecture.input);
  Latency sum;
  for (const BlockSpec& block : architecture.blocks) {
    sum = add(sum, cost(block, shape));
    shape = output_shape(block, shape);
  }
  const auto end = ends.find(shape);
  if (end == ends.end()) {
    fail("latency table of space ", space, " on ", provenance.device, ": has no end behind ", shape,
         "; the network is not of this space");
  }
  return add(sum, end->second);
}

LatencyTable build_table(const SearchSpace& space, const Preprocess& preprocess,
                         const LatencyFn& price_graph, Provenance provenance, const Work& work) {
  LatencyTable table{std::move(provenance), space.name, space_hash(space), {}, {}, {}};
  Pricer price(price_graph);
  const std::vector<PlacedBlock> placed = placed_blocks(space);
  const auto total = static_cast<int64_t>(placed.size()) + 1;  // the ends are the last unit
  int64_t done = 0;
  const auto report = [&](Event::Kind kind) {
    work.report({kind, "profile", table.provenance.device, done, total, {}});
  };

  report(Event::Kind::begin);
  for (const PlacedBlock& place : placed) {
    if (work.stop.stop_requested()) {
      throw Interrupted(cat("interrupted after ", done, " of ", total,
                            " measurements; none are kept, run again"));
    }
    const std::optional<Latency> without = price(probe_graph(space, place.input, nullptr));
    const std::optional<Latency> with = price(probe_graph(space, place.input, &place.block));
    if (with && without) table.blocks[place] = at_least_free(difference(*with, *without));
    ++done;
    report(Event::Kind::step);
  }

  const Trellis trellis = make_trellis(space, {&table}, Ends::free);
  const auto references = reference_choices(space, trellis);
  for (size_t state = 0; state < references.size(); ++state) {
    const auto ends = price_ends(space, preprocess, trellis, references[state], price);
    if (ends) table.ends[trellis.layers[space.slots.size()][state].shape] = *ends;
  }
  make_trellis(space, {&table});  // throws where nothing can be run from end to end
  ++done;
  report(Event::Kind::end);
  return table;
}

LatencyTable read_table(const fs::path& path, const SearchSpace& space) {
  const Json json = read_json(path, kSchema);
  StrictObject object(json, path.string());
  LatencyTable table;
  table.provenance = provenance_from(object);
  table.space = required_text(object, "space");
  table.space_hash = required_text(object, "space_hash");
  if (table.space_hash != space_hash(space)) {
    fail(path.string(), ": is of ",
         table.space == space.name ? "another version of space " : "space ", table.space,
         ", not of ", space.name, " as it is now; make a new one with vpunas profile");
  }
  const Json& ends = object.array("ends");
  for (size_t i = 0; i < ends.size(); ++i) {
    StrictObject entry(ends[i], cat(path.string(), ": ends[", i, "]"));
    const Shape shape = shape_from_json(entry.require("shape"), entry.path("shape"));
    const Latency latency = latency_from(entry);
    if (!table.ends.emplace(shape, latency).second)
      fail(entry.where(), ": a second entry of ", shape);
    entry.finish();
  }
  const Json& blocks = object.array("blocks");
  for (size_t i = 0; i < blocks.size(); ++i) {
    StrictObject entry(blocks[i], cat(path.string(), ": blocks[", i, "]"));
    const Shape input = shape_from_json(entry.require("input"), entry.path("input"));
    const BlockSpec block = block_from_json(entry.require("block"), entry.path("block"));
    const Latency latency = latency_from(entry);
    if (!table.blocks.emplace(PlacedBlock{block, input}, latency).second) {
      fail(entry.where(), ": a second entry of ", describe(block), " on ", input);
    }
    entry.finish();
  }
  if (const Json* check = object.find("check"))
    table.check = check_from(*check, object.path("check"));
  object.finish();
  make_trellis(space, {&table});  // throws where no network can be priced
  return table;
}

void write_table(const fs::path& path, const LatencyTable& table) {
  const Provenance& provenance = table.provenance;
  Json json = {{"device", provenance.device},
               {"runtime", provenance.runtime},
               {"mode", mode_name(provenance.mode)},
               {"precision", provenance.precision},
               {"repeats", provenance.repeats},
               {"date", provenance.date},
               {"space", table.space},
               {"space_hash", table.space_hash}};
  Json& ends = json["ends"] = Json::array();
  for (const auto& [shape, latency] : table.ends) {
    Json entry = {{"shape", to_json(shape)}};
    put(entry, latency);
    ends.push_back(std::move(entry));
  }
  Json& blocks = json["blocks"] = Json::array();
  for (const auto& [place, latency] : table.blocks) {
    Json entry = {{"input", to_json(place.input)}, {"block", vpunas::to_json(place.block)}};
    put(entry, latency);
    blocks.push_back(std::move(entry));
  }
  if (table.check.fitted > 0) json["check"] = to_json(table.check);
  write_json(path, kSchema, json);
}

}  // namespace vpunas
