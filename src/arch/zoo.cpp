#include "arch/zoo.h"
#include "arch/file_kind.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>

#include "arch/layers.h"
#include "arch/strict_json.h"
#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

constexpr double least_width = 0.1, most_width = 4;

// One network as its file has it: an architecture, a graph, or another entry at another width or
// size.
struct Entry {
  ZooEntry known;
  Json architecture, graph, modules;  // null where absent
  std::string where;                  // of the form that is there
  std::string of;                     // the other entry's name
  Variant variant;
  bool has_widths = false;
};

void read_published(const Json& json, const std::string& where, ZooEntry& entry) {
  StrictObject published(json, where);
  entry.top1 = published.number("top1", 0, 0, 100);
  entry.parameters_m = published.number("parameters_m", 0, 0, 1e5);
  entry.macs_m = published.number("macs_m", 0, 0, 1e7);
  entry.source = published.text("source", "");
  entry.verified = published.boolean("verified", false);
  published.finish();
}

// The one of "architecture", "graph" and "variant" that the entry has.
void read_form(StrictObject& object, Entry& entry) {
  const Json* architecture = object.find("architecture");
  const Json* graph = object.find("graph");
  const Json* variant = object.find("variant");
  if (!!architecture + !!graph + !!variant != 1)
    fail(object.where(), ": must have one of architecture, graph, variant");
  entry.where = object.path(architecture ? "architecture" : graph ? "graph" : "variant");
  const Json& form = architecture ? *architecture : graph ? *graph : *variant;
  if (architecture) entry.architecture = form;
  if (graph) entry.graph = form;
  StrictObject named(form, entry.where);
  entry.known.name = named.name();
  if (!variant) return;
  named.require("of");
  entry.of = named.text("of", "");
  entry.variant.width = named.number("width", 1, least_width, most_width);
  entry.variant.size = named.integer("size", 0, 1, 4096);
  named.finish();
}

void read_family(const fs::path& path, std::vector<Entry>& zoo) {
  const Json json = read_json(path, "vpunas.zoo/2");
  StrictObject family(json, path.string());
  const std::string name = family.text("family", "");
  const Json* modules = family.find("modules");
  const Json& networks = family.array("networks");
  family.finish();
  for (size_t i = 0; i < networks.size(); ++i) {
    StrictObject network(networks[i], family.path(cat("networks[", i, "]")));
    Entry entry;
    if (modules) entry.modules = *modules;
    entry.known.family = name;
    if (const Json* published = network.find("published"))
      read_published(*published, network.path("published"), entry.known);
    entry.known.measured = network.texts("measured");
    entry.known.note = network.text("note", "");
    entry.known.deviation = network.text("deviation", "");
    entry.has_widths = network.boolean("widths", false);
    read_form(network, entry);
    network.finish();
    zoo.push_back(std::move(entry));
  }
}

const Entry* find_entry(const std::vector<Entry>& zoo, const std::string& name) {
  const auto found = std::find_if(zoo.begin(), zoo.end(),
                                  [&](const Entry& entry) { return entry.known.name == name; });
  return found == zoo.end() ? nullptr : &*found;
}

// What a variant is a variant of; the entry itself where it is none.
const Entry& base_of(const std::vector<Entry>& zoo, const Entry& entry) {
  if (entry.of.empty()) return entry;
  const Entry* base = find_entry(zoo, entry.of);
  if (!base || !base->of.empty())
    fail(entry.where, ": of: ", excerpt(entry.of), " is no architecture or graph of the zoo");
  return *base;
}

std::vector<Entry> read_zoo(const fs::path& data) {
  const fs::path folder = data / "zoo";
  if (!fs::is_directory(folder))
    fail(folder.string(), ": no such folder; set VPUNAS_DATA to the project's data folder");
  std::vector<Entry> zoo;
  for (const auto& file : fs::directory_iterator(folder))
    if (file.path().extension() == ".json") read_family(file.path(), zoo);
  std::sort(zoo.begin(), zoo.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.known.family, a.known.name) < std::tie(b.known.family, b.known.name);
  });
  for (size_t i = 0; i < zoo.size(); ++i) {
    if (find_entry(zoo, zoo[i].known.name) != &zoo[i])
      fail(zoo[i].where, ": the name ", zoo[i].known.name, " is taken");
    zoo[i].known.has_blocks = !base_of(zoo, zoo[i]).architecture.is_null();
  }
  return zoo;
}

std::vector<std::string> names_of(const std::vector<Entry>& zoo) {
  std::vector<std::string> names;
  for (const Entry& entry : zoo) names.push_back(entry.known.name);
  std::sort(names.begin(), names.end());
  return names;
}

// A network of the zoo with the name that the user gave it.
struct Found {
  Entry entry;  // an architecture or a graph
  Variant variant;
  std::string name;
};

// "mobilenet_v2-0.5": a network that has widths at another one.
std::optional<Found> find_widened(const std::vector<Entry>& zoo, const std::string& name) {
  const size_t dash = name.rfind('-');
  if (dash == std::string::npos) return std::nullopt;
  const Entry* base = find_entry(zoo, name.substr(0, dash));
  const auto width = parse_number(name.substr(dash + 1));
  if (!base || !base->has_widths || !width) return std::nullopt;
  if (!(*width >= least_width && *width <= most_width))
    fail("network ", name, ": its width must be within ", least_width, "..", most_width);
  return Found{*base, {.width = *width, .size = 0}, name};
}

Found find_in_zoo(const std::string& name, const fs::path& data) {
  const std::vector<Entry> zoo = read_zoo(data);
  if (const Entry* found = find_entry(zoo, name))
    return {base_of(zoo, *found), found->variant, name};
  if (const auto found = find_widened(zoo, name)) return *found;
  fail("network ", excerpt(name), " is neither a file nor in the zoo",
       did_you_mean(name, names_of(zoo)), "; `vpunas zoo` lists it");
}

Architecture widened(Architecture network, double width) {
  const auto scaled = [&](int channels) { return round_to_8(width * channels); };
  network.stem.channels = scaled(network.stem.channels);
  for (BlockSpec& block : network.blocks) block.out_channels = scaled(block.out_channels);
  network.head.channels = std::max(network.head.channels, scaled(network.head.channels));
  return network;
}

// At the side `size`, 0 as it is.
Architecture resized(Architecture network, int size) {
  if (size == 0) return network;
  const Shape input = {network.input.c, size, size};
  const int classes = network.classes;
  return with_input(std::move(network), input, classes);
}

Architecture architecture_of(const Found& found) {
  Architecture network = architecture_from_json(found.entry.architecture, found.entry.where);
  if (found.variant.width != 1) network = widened(std::move(network), found.variant.width);
  network = resized(std::move(network), found.variant.size);
  network.name = found.name;
  return network;
}

bool is_file(const std::string& path) {
  std::error_code none;
  return fs::is_regular_file(path, none);
}

Graph graph_from_file(const std::string& path, int size) {
  const std::vector<std::string> schemas = {architecture_schema, graph_schema};
  refuse_foreign_file(path);
  const Json json = read_json(path, schemas);
  if (json["schema"] == graph_schema)
    return graph_from_json(json, path, {}, {.width = 1, .size = size});
  const Architecture network = resized(architecture_from_json(json, path), size);
  return lower(network, network.preprocess);
}

}  // namespace

std::vector<ZooEntry> zoo_entries(const std::filesystem::path& data) {
  std::vector<ZooEntry> entries;
  for (Entry& entry : read_zoo(data)) entries.push_back(std::move(entry.known));
  return entries;
}

std::vector<std::string> zoo_names(const std::filesystem::path& data) {
  return names_of(read_zoo(data));
}

Architecture find_network(const std::string& name_or_path, const std::filesystem::path& data) {
  if (is_file(name_or_path)) return read_architecture(name_or_path);
  const Found found = find_in_zoo(name_or_path, data);
  if (found.entry.architecture.is_null())
    fail("network ", name_or_path,
         " is a graph of layers, not an architecture of blocks: it can be "
         "shown, explained and exported, not trained or searched");
  return architecture_of(found);
}

Graph find_graph(const std::string& name_or_path, const std::filesystem::path& data, int size) {
  if (is_file(name_or_path)) return graph_from_file(name_or_path, size);
  refuse_foreign_file(name_or_path);
  Found found = find_in_zoo(name_or_path, data);
  if (size > 0) found.variant.size = size;
  if (!found.entry.architecture.is_null()) {
    const Architecture network = architecture_of(found);
    return lower(network, network.preprocess);
  }
  Graph graph =
      graph_from_json(found.entry.graph, found.entry.where, found.entry.modules, found.variant);
  graph.name = found.name;
  return graph;
}

}  // namespace vpunas
