#include "myriadx/explanation.h"

#include <map>
#include <set>

#include "base/error.h"

namespace vpunas::myriadx {
namespace {

constexpr double kMacsPerCycle = 256;  // of one NCE

Json shape_json(const Shape& shape) { return {shape.c, shape.h, shape.w}; }

// --- Stages ---

// Stages on the NCE that share a layer's work: strips, parts of its channels, depthwise groups.
using Tiles = std::map<std::pair<int, std::string>, int>;

Tiles count_tiles(const Mapping& mapping) {
  Tiles tiles;
  for (const Stage& stage : mapping.stages) {
    if (stage.engine == Engine::nce) ++tiles[{stage.node, stage.kind}];
  }
  return tiles;
}

Json stage_json(const Mapping& mapping, const Stage& stage, int tiles, double ms) {
  const bool nce = stage.engine == Engine::nce;
  return {
      {"layer", mapping.graph.nodes[size_t(stage.node)].name},
      {"stage", stage.name},
      {"engine", engine_name(stage.engine)},
      {"op", operation(stage)},
      {"kind", stage.kind},
      {"mode", nce ? Json(mode_name(stage.mode)) : Json()},
      {"descriptors", stage.descriptors},
      {"tiles", tiles},
      {"cycles", stage.cycles()},
      {"cycles_per_pixel", stage.cycles_per_pixel},
      {"output_pixels", stage.output_pixels},
      {"ms", ms},
      {"in", shape_json(stage.input)},
      {"out", shape_json(stage.output)},
      {"extended_in_channels", stage.extended_channels},
      {"in_location", place_name(stage.input_place)},
      {"out_location", place_name(stage.output_place)},
      {"bytes", stage.input_bytes + stage.output_bytes},
      {"in_bytes", stage.input_bytes},
      {"out_bytes", stage.output_bytes},
      {"weight_bytes", stage.weight_bytes},
      {"shaves", stage.shaves},
      {"in_shadow_of", stage.host < 0 ? Json() : Json(mapping.stages[size_t(stage.host)].name)}};
}

// --- Layers ---

std::string window_text(int kh, int kw, int sh, int sw) {
  return cat(kh, "x", kw, sh * sw > 1 ? sh == sw ? cat(" s", sh) : cat(" s", sh, "x", sw) : "");
}

// "conv 3x3 s2", "max pool 2x2 s2", for people.
std::string layer_text(const Mapping& mapping, const Node& node) {
  const auto conv = [&](const Conv& c) {
    const Shape& input = mapping.graph.nodes[size_t(node.inputs[0])].shape;
    const bool depthwise = c.groups > 1 && c.groups == input.c;
    const std::string kind = c.groups == 1 ? "conv" : depthwise ? "depthwise" : "grouped conv";
    return cat(kind, " ", window_text(c.kh, c.kw, c.sh, c.sw),
               c.dilation > 1 ? cat(" d", c.dilation) : "");
  };
  return std::visit(Overload{conv,
                             [](const Pool& p) {
                               return cat(p.kind == PoolKind::max ? "max" : "average", " pool ",
                                          window_text(p.kh, p.kw, p.sh, p.sw));
                             },
                             [](const Activation& a) { return std::string(act_name(a.act)); },
                             [](const GlobalPool&) { return std::string("global pool"); },
                             [&](const auto&) {
                               std::string name = layer_name(node.layer);
                               for (char& c : name) c = char(std::tolower(c));
                               return name;
                             }},
                    node.layer);
}

// The share of the multipliers' cycles that did work. Throws Error for more than there are, which
// says that MACs were counted that the NCE did not do.
Json utilisation(const std::string& what, int64_t macs, int64_t cycles) {
  if (cycles == 0 || macs == 0) return {};
  const double share = double(macs) / kMacsPerCycle / double(cycles);
  if (share > 1) fail(what, ": ", macs, " MACs in ", cycles, " cycles of the NCE is impossible");
  return share;
}

struct LayerSums {
  std::map<std::string, int> stages;  // by engine
  std::map<std::string, int> tiles;   // by kind
  std::set<std::string> modes;
  int64_t cycles = 0;
  int64_t shave_macs = 0;
  double ms = 0;
};

// MACs of the layers that the NCE computes alone; how much it does of others nothing tells.
int64_t nce_macs(const Mapping& mapping) {
  std::vector<char> on_nce(mapping.graph.nodes.size(), 0), on_shaves(on_nce);
  for (const Stage& stage : mapping.stages) {
    if (stage.engine == Engine::nce) on_nce[size_t(stage.node)] = 1;
    if (stage.macs > 0) on_shaves[size_t(stage.node)] = 1;
  }
  int64_t macs = 0;
  for (size_t i = 0; i < on_nce.size(); ++i)
    if (on_nce[i] && !on_shaves[i]) macs += node_macs(mapping.graph, i);
  return macs;
}

// The rows of explain(), with what the layer is and how the NCE computes it.
Json layers_json(const Mapping& mapping, const std::vector<double>& ms, double host_ms) {
  std::vector<LayerSums> sums(mapping.graph.nodes.size());
  for (size_t i = 0; i < ms.size(); ++i) {
    const Stage& stage = mapping.stages[i];
    LayerSums& sum = sums[size_t(stage.node)];
    ++sum.stages[engine_name(stage.engine)];
    sum.ms += ms[i];
    sum.shave_macs += stage.macs;
    if (stage.engine != Engine::nce) continue;
    ++sum.tiles[stage.kind];
    sum.modes.insert(mode_name(stage.mode));
    sum.cycles += stage.cycles();
  }
  Json layers = Json::array();
  for (size_t i = 0; i < sums.size(); ++i) {
    LayerSums& sum = sums[i];
    const Node& node = mapping.graph.nodes[i];
    if (sum.stages.empty()) continue;
    const int64_t macs = node_macs(mapping.graph, i);
    const Node& from = node.inputs.empty() ? node : mapping.graph.nodes[size_t(node.inputs[0])];
    layers.push_back(
        {{"node", node.name},
         {"what", layer_text(mapping, node)},
         {"in", shape_json(from.shape)},
         {"out", shape_json(node.shape)},
         {"stages", sum.stages["NCE"] + sum.stages["SHAVE"] + sum.stages["DMA"]},
         {"nce_stages", sum.stages["NCE"]},
         {"shave_stages", sum.stages["SHAVE"]},
         {"dma_stages", sum.stages["DMA"]},
         {"modes", sum.modes},
         {"macs", macs},
         {"nce_mcycles", double(sum.cycles) / 1e6},
         {"utilisation", utilisation(node.name, sum.shave_macs > 0 ? 0 : macs, sum.cycles)},
         {"ms", sum.ms}});
  }
  layers.push_back({{"node", "(network)"},
                    {"what", "fixed cost"},
                    {"stages", 0},
                    {"nce_stages", 0},
                    {"shave_stages", 0},
                    {"dma_stages", 0},
                    {"nce_mcycles", 0.0},
                    {"ms", host_ms}});
  return layers;
}

// --- Shares ---

// What a stage's time is booked under.
std::string share_of(const Stage& stage) {
  if (stage.engine == Engine::dma) return "copies";
  if (stage.engine == Engine::shave) return operation(stage);
  if (stage.kind == "depthwise") return "depthwise convolutions";
  return stage.weight_bytes == 0 ? "poolings" : "other convolutions";
}

Json shares_json(const Mapping& mapping, const std::vector<double>& ms, double host_ms,
                 double total_ms) {
  struct Share {
    int stages = 0;
    double ms = 0;
  };
  std::map<std::pair<Engine, std::string>, Share> shares;
  for (size_t i = 0; i < ms.size(); ++i) {
    Share& share = shares[{mapping.stages[i].engine, share_of(mapping.stages[i])}];
    ++share.stages;
    share.ms += ms[i];
  }
  Json json = Json::array();
  const auto add = [&](const Json& engine, const std::string& what, const Share& share) {
    json.push_back({{"what", what},
                    {"engine", engine},
                    {"stages", share.stages},
                    {"ms", share.ms},
                    {"share", share.ms / total_ms}});
  };
  for (const auto& [key, share] : shares) add(engine_name(key.first), key.second, share);
  add(nullptr, "host", {0, host_ms});
  return json;
}

// Bytes between the chip and its memory. The NCE reads an input in DDR once a descriptor.
Json traffic_json(const Mapping& mapping) {
  int64_t weights = 0, nce_input = 0, nce_output = 0, shave = 0, copies = 0;
  for (const Stage& stage : mapping.stages) {
    const int64_t in = stage.input_place == Place::ddr ? stage.input_bytes : 0,
                  out = stage.output_place == Place::ddr ? stage.output_bytes : 0;
    weights += stage.weight_bytes;
    if (stage.engine == Engine::nce) {
      nce_input += in * (stage.weight_bytes > 0 ? stage.descriptors : 1);
      nce_output += out;
    } else {
      (stage.engine == Engine::dma ? copies : shave) += in + out;
    }
  }
  return {{"weights", weights},
          {"nce_input", nce_input},
          {"nce_output", nce_output},
          {"shave", shave},
          {"copies", copies}};
}

}  // namespace

const char* engine_name(Engine engine) {
  return engine == Engine::nce ? "NCE" : engine == Engine::shave ? "SHAVE" : "DMA";
}

const char* place_name(Place place) { return place == Place::cmx ? "CMX" : "DDR"; }

const char* mode_name(int mode) {
  static constexpr const char* names[] = {"1_256", "2_128", "4_64", "8_32", "16_16"};
  return names[mode];
}

std::string operation(const Stage& stage) {
  if (stage.engine == Engine::nce) {
    if (stage.weight_bytes == 0) return "POOL";
    return stage.kind.ends_with("_pool") ? "CONV_POOL" : "CONV";
  }
  return compiler_type(stage);
}

Json explanation(const Mapping& mapping, const TimeModel& model) {
  const std::vector<double> ms = stage_ms(mapping, model);
  const Latency total = total_ms(mapping, model);
  double host_ms = total.ms;
  for (const double stage : ms) host_ms -= stage;
  const Tiles tiles = count_tiles(mapping);
  Json stages = Json::array();
  for (size_t i = 0; i < ms.size(); ++i) {
    const Stage& stage = mapping.stages[i];
    const auto count = tiles.find({stage.node, stage.kind});
    stages.push_back(stage_json(mapping, stage, count == tiles.end() ? 0 : count->second, ms[i]));
  }
  const Totals sums = totals(mapping);
  const int64_t macs = count_macs(mapping.graph), on_nce = nce_macs(mapping);
  const Resources& chip = mapping.resources;
  const int side_by_side = model.regime == Regime::throughput ? chip.streams : 1;
  return {{"network", mapping.graph.name},
          {"device", "MYRIADX"},
          {"mode", regime_name(model.regime)},
          {"streams", chip.streams},
          {"shaves", chip.shaves},
          {"cmx_slices", chip.cmx_slices},
          {"input", shape_json(mapping.graph.input_shape())},
          {"total_ms", total.ms},
          {"low_ms", total.low_ms},
          {"high_ms", total.high_ms},
          {"fps", 1e3 * side_by_side / total.ms},
          {"macs", macs},
          {"nce_mcycles", double(sums.nce_cycles) / 1e6},
          {"nce_macs", on_nce},
          {"utilisation", utilisation(mapping.graph.name, on_nce, sums.nce_cycles)},
          {"shares", shares_json(mapping, ms, host_ms, total.ms)},
          {"ddr_bytes", traffic_json(mapping)},
          {"nodes", layers_json(mapping, ms, host_ms)},
          {"stages", std::move(stages)}};
}

}  // namespace vpunas::myriadx
