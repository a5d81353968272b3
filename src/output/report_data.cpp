// Gathers a run folder into the one JSON that the report shows.
#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "arch/space.h"
#include "base/error.h"
#include "latency/latency.h"
#include "output/figures.h"
#include "output/report.h"
#include "output/width.h"

namespace vpunas {
namespace {

constexpr size_t kMostPoints = 400;  // of a curve: more than a screen shows
constexpr const char* kBaseline = "mobilenet_v2";

using Kind = Json::value_t;

// A member that the report needs of a file, and the part that is left out without it.
struct Wanted {
  const char* key;
  Kind kind;
  const char* part;
};

bool is_kind(const Json& json, Kind kind) {
  return kind == Kind::number_float ? json.is_number() : json.type() == kind;
}

class Gatherer {
 public:
  explicit Gatherer(const fs::path& run) : run_(run) {}

  // The file without its schema; null where there is none, which is a missing `part`.
  Json read(const std::string& file, const char* schema, const char* part,
            const std::vector<Wanted>& wanted = {}) {
    if (!there(file)) {
      lacks(file, part);
      return nullptr;
    }
    Json json = read_json(run_ / file, schema);
    json.erase("schema");
    for (const auto& [key, kind, what] : wanted) {
      if (!is_kind(at(json, key), kind)) lacks(file + ": " + key, what);
    }
    return json;
  }

  bool there(const std::string& file) const {
    std::error_code error;
    return fs::is_regular_file(run_ / file, error);
  }

  void lacks(const std::string& file, const std::string& part) {
    missing_.push_back({{"file", printable(file)}, {"part", part}});
  }

  std::string text(const char* file, const char* part) {
    if (there(file)) {
      std::string out;
      const std::string bytes = read_file(run_ / file);
      for (size_t begin = 0; begin < bytes.size();) {
        const size_t end = std::min(bytes.find('\n', begin), bytes.size());
        out += printable(std::string_view(bytes).substr(begin, end - begin)) + "\n";
        begin = end + 1;
      }
      return out;
    }
    lacks(file, part);
    return "";
  }

  // Names of the folders, or of the .json files, in `folder`.
  std::set<std::string> names(const char* folder) const {
    std::set<std::string> out;
    std::error_code error;
    for (auto i = fs::directory_iterator(run_ / folder, error);
         !error && i != fs::directory_iterator(); i.increment(error)) {
      const fs::path& path = i->path();
      if (i->is_directory(error)) out.insert(path.filename().string());
      if (path.extension() == ".json") out.insert(path.stem().string());
    }
    return out;
  }

  const fs::path& run() const { return run_; }
  const Json& missing() const { return missing_; }

 private:
  fs::path run_;
  Json missing_ = Json::array();
};

// --- Parts that are smaller here than in their files ---

// At most `most` of an array's values, the first and the last among them.
Json thinned(const Json& array, size_t most) {
  if (!array.is_array() || array.size() <= most) return array;
  Json out = Json::array();
  for (size_t i = 0; i < most; ++i) out.push_back(array[i * (array.size() - 1) / (most - 1)]);
  return out;
}

// Of the stages of an explanation what pictures show; null where there are none.
Json stage_list(const Json& explanation) {
  const Json& stages = at(explanation, "stages");
  if (!stages.is_array() || stages.empty()) return nullptr;
  Json out = Json::array();
  for (const Json& stage : stages) {
    Json kept = Json::object();
    for (const char* key : {"layer", "engine", "op", "kind", "ms", "in_shadow_of"})
      kept[key] = at(stage, key);
    out.push_back(std::move(kept));
  }
  return out;
}

// Some steps of a search's history with the probabilities of every slot, to four digits: a picture
// shows no more, and all of them are megabytes. Null where they were not recorded.
Json probability_history(const Json& history) {
  constexpr size_t kMostSteps = 60;
  if (!history.is_array()) return nullptr;
  Json recorded = Json::array();
  for (const Json& step : history) {
    if (number(at(step, "step")) && at(step, "probability").is_array() &&
        !at(step, "probability").empty())
      recorded.push_back(step);
  }
  if (recorded.size() < 2) return nullptr;
  Json out = Json::array();
  for (const Json& step : thinned(recorded, kMostSteps)) {
    Json slots = Json::array();
    for (const Json& slot : step["probability"]) {
      Json shares = Json::array();
      for (const double share : numbers(slot)) shares.push_back(std::round(1e4 * share) / 1e4);
      slots.push_back(std::move(shares));
    }
    out.push_back({{"step", step["step"]}, {"probability", std::move(slots)}});
  }
  return out;
}

// --- Blocks: what lies between a node and the network in an explanation. ---

// 0 for the stem with what precedes it, 1..blocks for the blocks, blocks + 1 for the head.
size_t group_of(const std::string& node, size_t blocks, size_t before) {
  constexpr std::string_view kPrefix = "features.";
  if (!node.starts_with(kPrefix)) return before == 0 ? 0 : blocks + 1;
  size_t index = 0;
  for (size_t i = kPrefix.size();
       i < node.size() && node[i] >= '0' && node[i] <= '9' && index <= blocks; ++i) {
    index = 10 * index + static_cast<size_t>(node[i] - '0');
  }
  return std::min(index, blocks + 1);
}

Json shape_json(const Shape& shape) { return Json::array({shape.c, shape.h, shape.w}); }

// Stem, blocks and head with MACs and parameters.
Json block_list(const Architecture& architecture) {
  const Graph graph = lower(architecture, Preprocess{});
  const size_t blocks = architecture.blocks.size();
  Json out = Json::array();
  const auto add = [&](const std::string& name, const std::string& kind, const std::string& what) {
    out.push_back({{"name", name}, {"kind", kind}, {"what", what}, {"macs", 0}, {"parameters", 0}});
  };
  add("stem", "stem",
      cat("conv k", architecture.stem.kernel, " c", architecture.stem.channels, " s",
          architecture.stem.stride));
  for (size_t i = 0; i < blocks; ++i) {
    const BlockSpec& block = architecture.blocks[i];
    add(cat(i + 1), kind_name(block.kind), describe(block));
    if (block.kind == BlockKind::skip) continue;
    out.back().update({{"kernel", block.kernel},
                       {"expansion", block.expansion},
                       {"channels", block.out_channels},
                       {"stride", block.stride},
                       {"se", block.se.has_value()},
                       {"act", act_name(block.act)}});
  }
  const auto conv = [](int channels) {
    return channels > 0 ? cat("conv k1 c", channels, ", ") : "";
  };
  add("head", "head",
      conv(architecture.head.channels) + "pool, " + conv(architecture.head.hidden) + "linear");

  size_t group = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    group = group_of(node.name, blocks, group);
    Json& entry = out[group];
    entry["macs"] = entry["macs"].get<int64_t>() + node_macs(graph, i);
    if (!node.inputs.empty() && node.name != "preprocess") {
      int64_t parameters = 0;
      const Shape& input = graph.nodes[static_cast<size_t>(node.inputs[0])].shape;
      for (const auto& [name, dims] : layer_parameters(node.layer, input)) {
        if (name.starts_with("running_")) continue;
        int64_t elements = 1;
        for (const int64_t d : dims) elements *= d;
        parameters += elements;
      }
      entry["parameters"] = entry["parameters"].get<int64_t>() + parameters;
    }
    entry["output"] = shape_json(node.shape);
  }
  for (size_t i = 0; i < out.size(); ++i) {  // a skip passes its input on
    if (!out[i].contains("output") && i > 0) out[i]["output"] = out[i - 1]["output"];
    out[i]["input"] = i > 0 ? out[i - 1]["output"] : shape_json(architecture.input);
  }
  return out;
}

// Adds ms and stage counts of an explanation to the blocks.
void add_costs(Json& blocks, const Json& explanation) {
  constexpr const char* kCounts[] = {"stages",     "nce_stages", "shave_stages",
                                     "dma_stages", "ms",         "nce_mcycles"};
  for (Json& block : blocks) {
    for (const char* key : kCounts) block[key] = 0.0;
  }
  size_t group = 0;
  for (const Json& node : at(explanation, "nodes")) {
    group = group_of(text(at(node, "node")), blocks.size() - 2, group);
    for (const char* key : kCounts) {
      blocks[group][key] = blocks[group][key].get<double>() + number(at(node, key)).value_or(0);
    }
  }
}

// --- Networks ---

// The bytes of each exported file beside its name.
Json with_sizes(Json exported, const fs::path& folder) {
  Json files = Json::array();
  if (at(exported, "files").is_array()) {
    for (const Json& file : exported["files"]) {
      const std::string name = text(file);
      std::error_code error;
      const bool inside = !name.empty() && fs::path(name).filename() == name;
      const auto bytes = inside ? fs::file_size(folder / name, error) : 0;
      files.push_back({{"name", name}, {"bytes", inside && !error ? Json(bytes) : Json()}});
    }
  }
  exported["files"] = files;
  return exported;
}

Json network_json(Gatherer& gather, const std::string& name) {
  const std::string train = "train/" + name + "/train.json",
                    exported = "export/" + name + "/export.json",
                    architecture = "architectures/" + name + ".json",
                    explained = "explain/" + name + ".json";
  Json out = {{"name", printable(name)}};
  out["train"] = gather.read(train, "vpunas.train/1", "accuracy and training curve",
                             {{"test_accuracy", Kind::number_float, "test accuracy"},
                              {"curve", Kind::array, "training curve"}});
  if (out["train"].is_object()) {
    out["train"]["curve"] = thinned(at(out["train"], "curve"), kMostPoints);
  }
  if (name == "found" || gather.there(exported)) {
    out["export"] = gather.read(exported, "vpunas.export/1", "exported files and their agreement",
                                {{"files", Kind::array, "list of exported files"}});
    if (out["export"].is_object()) {
      out["export"] = with_sizes(std::move(out["export"]), gather.run() / "export" / name);
    }
  }
  if (gather.there(architecture)) {
    const Architecture network = read_architecture(gather.run() / architecture);
    out["input"] = shape_json(network.input);
    out["classes"] = network.classes;
    out["blocks"] = block_list(network);
  } else {
    gather.lacks(architecture, "network block by block");
  }
  const Json explanation = gather.read(explained, "vpunas.explain/2", "MyriadX cost block by block",
                                       {{"nodes", Kind::array, "MyriadX cost block by block"}});
  if (explanation.is_object()) {
    out["explain"] = {{"device", text(at(explanation, "device"))},
                      {"total",
                       {{"ms", at(explanation, "total_ms")},
                        {"low_ms", at(explanation, "low_ms")},
                        {"high_ms", at(explanation, "high_ms")}}},
                      {"stages", stage_list(explanation)}};
    if (out.contains("blocks") && at(explanation, "nodes").is_array())
      add_costs(out["blocks"], explanation);
  }
  return out;
}

// The found network's explanation, without what its pictures do not show of a stage.
Json myriadx_json(const Gatherer& gather) {
  const char* file = "explain/found.json";
  if (!gather.there(file)) return nullptr;  // network_json() has said so
  Json explanation = read_json(gather.run() / file, "vpunas.explain/2");
  explanation.erase("schema");
  explanation["stages"] = stage_list(explanation);
  return explanation["stages"].is_null() ? Json() : explanation;
}

// Found first, then MobileNetV2, then the others by name.
std::vector<std::string> network_names(const Gatherer& gather) {
  std::set<std::string> names;
  for (const char* folder : {"architectures", "train", "export", "explain"})
    names.merge(gather.names(folder));
  std::vector<std::string> out;
  for (const char* first : {"found", kBaseline}) {
    if (names.erase(first) > 0) out.emplace_back(first);
  }
  out.insert(out.end(), names.begin(), names.end());
  return out;
}

const Json& find_network(const Json& networks, const std::string& name) {
  static const Json nothing;
  for (const Json& network : networks) {
    if (text(at(network, "name")) == name) return network;
  }
  return nothing;
}

// The prediction for a network on the search's device, from whichever file has it.
Json predicted(const Json& data, const Json& network) {
  const std::string name = text(at(network, "name")), device = text(at(data, "search", "device"));
  if (name == "found" && at(data, "search", "predicted").is_object())
    return at(data, "search", "predicted");
  for (const Json& row : at(data, "benchmark", "rows")) {
    if (text(at(row, "network")) == name && text(at(row, "device")) == device &&
        at(row, "predicted").is_object()) {
      return at(row, "predicted");
    }
  }
  if (text(at(network, "explain", "device")) == device) return at(network, "explain", "total");
  return nullptr;
}

Json first_of(std::initializer_list<Json> values) {
  for (const Json& value : values) {
    if (!value.is_null()) return value;
  }
  return nullptr;
}

// The figures of the report's head, each from the file that owns it, else from result.json.
Json headline(const Json& data) {
  const Json& found = find_network(data["networks"], "found");
  const Json& baseline = find_network(data["networks"], kBaseline);
  const Json& result = data["result"];
  Json out;
  out["test_accuracy"] =
      first_of({at(found, "train", "test_accuracy"), at(result, "test_accuracy")});
  out["test_images"] = at(found, "train", "test_images");
  out["baseline_accuracy"] =
      first_of({at(baseline, "train", "test_accuracy"), at(result, "mobilenet_v2_accuracy")});
  out["baseline_images"] = first_of({at(baseline, "train", "test_images"), out["test_images"]});
  out["predicted"] = at(found, "predicted");
  if (out["predicted"].is_null() && at(result, "predicted_ms").is_number()) {
    out["predicted"] = {{"ms", at(result, "predicted_ms")}};
  }
  out["baseline_ms"] = first_of({at(baseline, "predicted", "ms"), at(result, "mobilenet_v2_ms")});
  out["budget_ms"] = first_of({at(data, "search", "budget_ms"), at(result, "budget_ms")});
  out["device"] = text(at(data, "search", "device"));
  out["unit"] = unit_of(text(at(data, "search", "device")));
  out["mode"] = text(at(data, "search", "mode"));
  for (const Json& row : at(data, "benchmark", "rows")) {
    if (text(at(row, "network")) == "found" && text(at(row, "device")) == "CPU" &&
        at(row, "measured").is_object()) {
      out["cpu"] = at(row, "measured");
      out["cpu"]["mode"] = at(row, "mode");
    }
  }
  if (!out.contains("cpu") && at(result, "measured_cpu_ms").is_number()) {
    out["cpu"] = {{"median_ms", at(result, "measured_cpu_ms")}};
  }
  out["onnx_agreement"] =
      first_of({at(found, "export", "onnx", "top1_agreement"), at(result, "onnx_top1_agreement")});
  out["ir_agreement"] =
      first_of({at(found, "export", "ir", "top1_agreement"), at(result, "ir_top1_agreement")});
  out["verified_images"] = at(found, "export", "verified_images");
  out["seconds"] = at(result, "seconds_total");
  return out;
}

Json search_json(Gatherer& gather) {
  Json search = gather.read("search.json", "vpunas.search/2",
                            "search curves, probabilities and compared networks",
                            {{"predicted", Kind::object, "predicted latency"},
                             {"budget_ms", Kind::number_float, "budget"},
                             {"shortlist", Kind::array, "networks that the search compared"},
                             {"choice", Kind::array, "choice marked among the probabilities"},
                             {"probability", Kind::array, "probabilities by slot"},
                             {"history", Kind::array, "search curves"}});
  if (!search.is_object()) return search;
  if (at(search, "history").is_array()) {
    search["probability_history"] = probability_history(search["history"]);
    search["history"] = thinned(search["history"], kMostPoints);
    for (Json& step : search["history"]) {
      if (step.is_object()) step.erase("probability");
    }
  }
  search.erase("alpha");
  return search;
}

// Where the table came from, without its entries.
Json latency_json(Gatherer& gather) {
  Json table = gather.read("latency.json", "vpunas.latency/2", "provenance of the latency table");
  if (!table.is_object()) return table;
  table["entries"] = at(table, "blocks").is_array() ? table["blocks"].size() : 0;
  table.erase("blocks");
  table.erase("ends");
  return table;
}

}  // namespace

Json report_data(const fs::path& run) {
  std::error_code error;
  if (!fs::is_directory(run, error))
    fail(run.string(), ": no such run folder; give one that `vpunas run` has made");
  Gatherer gather(run);
  Json data = {{"schema", "vpunas.report/1"}};
  const fs::path full = fs::weakly_canonical(run, error);
  data["run"] = printable((error ? run : full).filename().string());
  data["result"] = gather.read("result.json", "vpunas.result/1", "time taken, machine and version");
  data["stages"] = gather.read("run.json", "vpunas.run/2", "what was done when");
  data["search"] = search_json(gather);
  data["latency"] = latency_json(gather);
  data["benchmark"] = gather.read("benchmark.json", "vpunas.benchmark/1", "measurements on devices",
                                  {{"rows", Kind::array, "measurements on devices"}});
  if (!at(data, "benchmark", "rows").is_array()) data["benchmark"] = nullptr;
  data["config"] = gather.text("config.toml", "configuration");
  data["networks"] = Json::array();
  const std::vector<std::string> names = network_names(gather);
  if (std::ranges::find(names, "found") == names.end())
    gather.lacks("architectures/found.json", "found network");
  for (const std::string& name : names) {
    Json network = network_json(gather, name);
    network["predicted"] = predicted(data, network);
    data["networks"].push_back(std::move(network));
  }
  data["myriadx"] = myriadx_json(gather);
  data["samples"] = gather.read(
      "train/found/samples.json", "vpunas.samples/1", "images classified",
      {{"spread", Kind::array, "images classified"}, {"surest_mistakes", Kind::array, "mistakes"}});
  data["headline"] = headline(data);
  data["missing"] = gather.missing();
  return data;
}

}  // namespace vpunas
