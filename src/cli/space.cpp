#include <algorithm>
#include <iostream>

#include "base/text.h"
#include "cli/cli.h"
#include "latency/census.h"
#include "output/table.h"

namespace vpunas::cli {

void add_space(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("space", "size, cost range and the dearest blocks of a search space");
  struct Options {
    std::string name, device = "MYRIADX", mode = "throughput";
    int size = 0, rows = 10;
  };
  auto options = std::make_shared<Options>();
  verb->add_option("NAME", options->name, "a space of data/spaces, or a file")->required();
  verb->add_option("-d,--device", options->device, "device that prices it (default: MYRIADX)");
  verb->add_option("--mode", options->mode, "throughput or latency");
  verb->add_option("--size", options->size, "input side (default: the space's)")
      ->check(CLI::Range(1, 4096));
  verb->add_option("--rows", options->rows, "how many of the dearest blocks to show");
  verb->footer("Example: vpunas space quick -d MYRIADX");
  verb->callback([&action, options] {
    action = [options](const Work& work) {
      SearchSpace space = find_space(options->name, data_folder());
      if (options->size > 0)
        space = with_input(space, {space.input.c, options->size, options->size}, space.classes);
      const Pricing device = pricing(options->device, parse_mode(options->mode));
      const LatencyTable table = price_space(space, {}, device, work);
      const LatencyRange range = latency_range(space, table);
      std::cout << "space " << space.name << ": input " << space.input << ", " << space.classes
                << " classes, " << space.slots.size() << " slots, " << count_networks(space)
                << " networks, " << table.blocks.size() << " distinct blocks\n"
                << "latency on " << device.device << " (" << mode_name(device.mode)
                << "): " << fixed(range.least.ms, 3) << " to " << fixed(range.greatest.ms, 3) << ' '
                << unit_of(device.device) << "\n\n";
      std::vector<std::pair<double, std::vector<std::string>>> rows;
      for (const auto& [placed, latency] : table.blocks) {
        rows.push_back(
            {latency.ms, {describe(placed.block), cat(placed.input), fixed(latency.ms, 3)}});
      }
      std::sort(rows.begin(), rows.end(),
                [](const auto& a, const auto& b) { return a.first > b.first; });
      std::vector<std::vector<std::string>> shown;
      for (const auto& row : rows) {
        if (static_cast<int>(shown.size()) < options->rows) shown.push_back(row.second);
      }
      std::cout << text_table({"dearest blocks", "input", unit_of(device.device)}, shown);
    };
  });
}

}  // namespace vpunas::cli
