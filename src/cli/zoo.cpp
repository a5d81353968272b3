#include "arch/zoo.h"

#include <iostream>

#include "base/text.h"
#include "cli/cli.h"
#include "output/table.h"
#include "pipeline/networks.h"

namespace vpunas::cli {
namespace {

std::string millions(int64_t count, int digits) {
  return fixed(static_cast<double>(count) / 1e6, digits);
}

// A published figure, "-" where there is none.
std::string published(double figure, int digits) {
  return figure > 0 ? fixed(figure, digits) : "-";
}

const char* checked(const ZooEntry& entry) {
  return entry.top1 > 0 && !entry.verified ? "from memory" : "";
}

// The entries of `family`, or all for "". Throws Error where there is no such family.
std::vector<ZooEntry> entries_of(const std::string& family) {
  std::vector<ZooEntry> chosen;
  std::vector<std::string> families;
  for (ZooEntry& entry : zoo_entries(data_folder())) {
    if (families.empty() || families.back() != entry.family) families.push_back(entry.family);
    if (family.empty() || entry.family == family) chosen.push_back(std::move(entry));
  }
  if (chosen.empty())
    fail("--family ", family, ": no such family", did_you_mean(family, families), "; there are ",
         join(families));
  return chosen;
}

Json figure_or_null(double figure) { return figure > 0 ? Json(figure) : Json(); }

void write_list(const std::string& family, const std::string& path) {
  Json rows = Json::array();
  for (const ZooEntry& entry : entries_of(family)) {
    const Graph graph = find_graph(entry.name, data_folder());
    const Shape& input = graph.input_shape();
    rows.push_back({{"network", entry.name},
                    {"family", entry.family},
                    {"has_blocks", entry.has_blocks},
                    {"input", {input.c, input.h, input.w}},
                    {"macs", count_macs(graph)},
                    {"parameters", count_parameters(graph)},
                    {"top1", figure_or_null(entry.top1 / 100)},
                    {"verified", entry.verified},
                    {"source", entry.source}});
  }
  write_or_print(path, "vpunas.zoo_list/1", {{"networks", rows}});
}

void print_list(const std::string& family) {
  std::vector<std::vector<std::string>> rows;
  for (const ZooEntry& entry : entries_of(family)) {
    const Graph graph = find_graph(entry.name, data_folder());
    rows.push_back({entry.name, entry.family, entry.has_blocks ? "blocks" : "layers",
                    cat(graph.input_shape()), millions(count_macs(graph), 1),
                    millions(count_parameters(graph), 2), published(entry.top1, 1),
                    checked(entry)});
  }
  std::cout << text_table(
                   {"network", "family", "form", "input", "M MACs", "M params", "top-1 %", ""},
                   rows)
            << "\nOnly networks of blocks can be trained. Top-1 as published, on ImageNet.\n";
}

void print_published(const ZooEntry& entry) {
  std::cout << "published: top-1 " << published(entry.top1, 2) << " %, "
            << published(entry.macs_m, 1) << " M MACs, " << published(entry.parameters_m, 2)
            << " M parameters (" << entry.source
            << (entry.verified || entry.source.empty() ? "" : "; from memory") << ")\n";
  for (const std::string& text : {entry.note, entry.deviation})
    if (!text.empty()) std::cout << text << '\n';
}

void print_network(const std::string& name, int size) {
  const Graph graph = load_graph(name, size);
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    rows.push_back(
        {node.name, layer_name(node.layer), cat(node.shape), millions(node_macs(graph, i), 3)});
  }
  std::cout << text_table({"node", "layer", "output", "M MACs"}, rows) << '\n'
            << graph.name << ": " << millions(count_macs(graph), 1) << " M MACs, "
            << count_parameters(graph) << " parameters, counted by us\n";
  for (const ZooEntry& entry : zoo_entries(data_folder()))
    if (entry.name == name) print_published(entry);
}

// A word behind `zoo` that is none of its verbs: most likely a network.
[[noreturn]] void fail_unknown(const std::string& word) {
  const std::vector<std::string> verbs = {"list", "show"};
  const std::string near = did_you_mean(word, verbs);
  fail("unknown ", word, near.empty() ? cat("; did you mean `vpunas zoo show ", word, "`?") : near);
}

}  // namespace

void add_zoo(CLI::App& app, Action& action) {
  struct Options {
    std::string family, network, json;
    int size = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("zoo", "published networks, or one of them layer by layer");
  verb->footer(
      "Examples: vpunas zoo --family MobileNet\n          vpunas zoo show vgg16 --size 112");
  CLI::App* list = verb->add_subcommand("list", "the networks (the default)");
  CLI::App* show = verb->add_subcommand("show", "a network layer by layer, and its source");
  show->add_option("NETWORK", options->network,
                   "a network of the zoo, or an architecture, graph or ONNX file")
      ->required();
  show->add_option("--size", options->size, "input side (default: the network's)")
      ->check(CLI::Range(1, 4096));
  for (CLI::App* lists : {verb, list}) {
    lists->add_option("--family", options->family, "only those of this family");
    lists->add_option("--json", options->json, "write them as JSON; - for standard output")
        ->type_name("FILE");
  }
  show->excludes(verb->get_option("--family"))->excludes(verb->get_option("--json"));
  verb->allow_extras();  // after its verbs, which would inherit it
  verb->callback([&action, options, verb, show] {
    const std::vector<std::string> unknown = verb->remaining();
    if (!unknown.empty() && unknown[0].starts_with('-'))
      throw CLI::ExtrasError(std::vector<std::string>{unknown[0]});
    const bool one = show->parsed();
    action = [options, unknown, one](const Work&) {
      if (!unknown.empty())
        fail_unknown(unknown[0]);
      else if (one)
        print_network(options->network, options->size);
      else if (!options->json.empty())
        write_list(options->family, options->json);
      else
        print_list(options->family);
    };
  });
}

}  // namespace vpunas::cli
