#include <iostream>

#include "arch/zoo.h"
#include "base/text.h"
#include "cli/cli.h"
#include "myriadx/time.h"
#include "output/table.h"

namespace vpunas::cli {

void add_explain(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("explain", "what a network costs on MyriadX, node by node");
  struct Options {
    std::string network;
    int size = 0, channels = 0, streams = 2;
  };
  auto options = std::make_shared<Options>();
  verb->add_option("NETWORK", options->network, "a network of the zoo, or an architecture file")
      ->required();
  verb->add_option("--size", options->size, "input side (default: the network's)")
      ->check(CLI::Range(1, 4096));
  verb->add_option("--streams", options->streams, "1, 2 or 3 streams share the chip (default: 2)");
  verb->footer(
      "Examples: vpunas explain mobilenet_v2\n          vpunas explain "
      "runs/quick/architectures/found.json");
  verb->callback([&action, options] {
    action = [options](const Work&) {
      Architecture network = find_network(options->network, data_folder());
      if (options->size > 0) {
        network =
            with_input(network, {network.input.c, options->size, options->size}, network.classes);
      }
      const myriadx::TimeModel model = myriadx::read_time_model(data_folder() / "myriadx.json");
      const myriadx::Mapping mapping =
          myriadx::map(lower(network, {}), myriadx::resources(options->streams));
      std::vector<std::vector<std::string>> rows;
      for (const myriadx::NodeCost& node : myriadx::explain(mapping, model)) {
        rows.push_back({node.node, cat(node.stages), cat(node.nce_stages), cat(node.shave_stages),
                        cat(node.dma_stages), fixed(node.nce_mcycles, 3), fixed(node.ms, 3)});
      }
      const Latency total = myriadx::total_ms(mapping, model);
      std::cout << text_table({"node", "stages", "NCE", "SHAVE", "DMA", "Mcycles", "ms"}, rows)
                << '\n'
                << network.name << " at " << network.input << ": " << fixed(total.ms, 2) << " ms ("
                << fixed(total.low_ms, 2) << " to " << fixed(total.high_ms, 2) << ") for one of "
                << options->streams << " streams on MYRIADX\n";
    };
  });
}

}  // namespace vpunas::cli
