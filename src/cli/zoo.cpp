#include "arch/zoo.h"

#include <iostream>

#include "base/text.h"
#include "cli/cli.h"
#include "output/table.h"

namespace vpunas::cli {
namespace {

std::vector<std::string> row_of(const Architecture& network) {
  const Graph graph = lower(network, {});
  return {network.name, cat(network.input), fixed(static_cast<double>(count_macs(graph)) / 1e6, 1),
          fixed(static_cast<double>(count_parameters(graph)) / 1e6, 3)};
}

void print_layers(const Architecture& network) {
  const Graph graph = lower(network, {});
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    rows.push_back({node.name, layer_name(node.layer), cat(node.shape),
                    fixed(static_cast<double>(node_macs(graph, i)) / 1e6, 3)});
  }
  std::cout << text_table({"node", "layer", "output", "M MACs"}, rows) << '\n'
            << network.name << ": " << fixed(static_cast<double>(count_macs(graph)) / 1e6, 1)
            << " M MACs, " << count_parameters(graph) << " parameters\n";
}

}  // namespace

void add_zoo(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("zoo", "published networks, or one of them layer by layer");
  auto name = std::make_shared<std::string>();
  verb->add_option("NAME", *name, "a network of the zoo, or an architecture file");
  verb->footer("Examples: vpunas zoo\n          vpunas zoo mobilenet_v2-0.5");
  verb->callback([&action, name] {
    action = [name](const Work&) {
      if (!name->empty()) return print_layers(find_network(*name, data_folder()));
      std::vector<std::vector<std::string>> rows;
      for (const std::string& each : zoo_names(data_folder()))
        rows.push_back(row_of(find_network(each, data_folder())));
      std::cout << text_table({"network", "input", "M MACs", "M parameters"}, rows);
    };
  });
}

}  // namespace vpunas::cli
