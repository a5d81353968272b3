#include <algorithm>
#include <iostream>

#include "base/text.h"
#include "cli/cli.h"
#include "latency/census.h"
#include "output/table.h"
#include "pipeline/pricing.h"

namespace vpunas::cli {
namespace {

struct Options {
  std::string name, device = "MYRIADX", mode = "throughput";
  int size = 0, rows = 10;
};

// "MYRIADX (throughput): 3.132 to 17.718 ms, median 9.735".
std::string range_text(const SearchSpace& space, const LatencyTable& table) {
  const LatencyRange range = latency_range(space, table);
  const std::string& device = table.provenance.device;
  const std::string mode = cat(" (", mode_name(table.provenance.mode), ")");
  return cat(device, device == macs_device ? "" : mode, ": ", fixed(range.least.ms, 3), " to ",
             fixed(range.greatest.ms, 3), ' ', unit_of(device), ", median ",
             fixed(range.median_ms, 3), '\n');
}

// The `rows` blocks of greatest cost, wherever in the space they stand.
std::string dearest_blocks(const LatencyTable& table, int rows) {
  std::vector<std::pair<PlacedBlock, Latency>> blocks(table.blocks.begin(), table.blocks.end());
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](const auto& a, const auto& b) { return a.second.ms > b.second.ms; });
  blocks.resize(std::min(blocks.size(), static_cast<size_t>(rows)));
  std::vector<std::vector<std::string>> cells;
  for (const auto& [placed, latency] : blocks)
    cells.push_back({describe(placed.block), cat(placed.input), fixed(latency.ms, 3)});
  return text_table({"dearest blocks", "input", unit_of(table.provenance.device)}, cells);
}

void show(const Options& options, const Work& work) {
  SearchSpace space = find_space(options.name, data_folder());
  if (options.size > 0)
    space = with_input(space, {space.input.c, options.size, options.size}, space.classes);
  const Mode mode = parse_mode(options.mode);
  const LatencyTable table = price_space(space, {}, pricing(options.device, mode), work);
  std::cout << table_text(space, table, options.rows);
}

}  // namespace

std::string table_text(const SearchSpace& space, const LatencyTable& table, int rows) {
  const Provenance& provenance = table.provenance;
  std::string text =
      cat("space ", space.name, ": input ", space.input, ", ", space.classes, " classes, ",
          space.slots.size(), " slots, ", count_networks(space), " distinct networks, ",
          table.blocks.size(), " distinct blocks\n", range_text(space, table));
  if (provenance.device != macs_device) {
    text += range_text(space, price_space(space, {}, pricing(macs_device, provenance.mode), {}));
  }
  if (const std::string check = check_text(table); !check.empty())
    text += cat(provenance.device, ": ", check, '\n');
  return cat(text, '\n', dearest_blocks(table, rows));
}

void add_space(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("space", "size, cost range and the dearest blocks of a search space");
  auto options = std::make_shared<Options>();
  verb->add_option("NAME", options->name, "a space of data/spaces, or a file")->required();
  verb->add_option("-d,--device", options->device, "device that prices it (default: MYRIADX)");
  verb->add_option("--mode", options->mode, "throughput or latency");
  verb->add_option("--size", options->size, "input side (default: the space's)")
      ->check(CLI::Range(1, 4096));
  verb->add_option("--rows", options->rows, "how many of the dearest blocks to show")
      ->check(CLI::Range(0, 1000000));
  verb->footer("Example: vpunas space vpu -d MYRIADX --size 192");
  verb->callback(
      [&action, options] { action = [options](const Work& work) { show(*options, work); }; });
}

}  // namespace vpunas::cli
