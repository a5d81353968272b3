#include <algorithm>
#include <iostream>

#include "arch/zoo.h"
#include "base/text.h"
#include "cli/cli.h"
#include "output/table.h"
#include "pipeline/cost_model.h"
#include "pipeline/run.h"
#include "search/feasibility.h"
#include "search/sampling.h"

namespace vpunas::cli {
namespace {

struct Options {
  std::string name, device = "MYRIADX", mode = "throughput", budget = "0.87x:mobilenet_v2",
                    output = "drawn";
  int size = 0, classes = 0, rows = 10, draw = 0;
  double floor = 0.88;
  uint64_t seed = 1;
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

// Architectures of random networks that keep the budget and use the floor's share of it, into
// files.
void draw(const Options& options, const SearchSpace& space, const CostModel& device,
          const LatencyTable& table) {
  const auto sweep = parse_budgets(options.budget, options.device);
  const Budget& budget = sweep.front().front();
  if (sweep.size() > 1 || sweep.front().size() > 1 || budget.device != options.device)
    fail("--budget \"", options.budget, "\": give one, on ", options.device);
  double limit = budget.value;
  if (!budget.reference.empty()) {
    const Architecture reference = fitted(find_network(budget.reference, data_folder()), space);
    limit *= estimate_latency(device, lower(reference, {})).ms;
  }
  const SearchProblem problem{
      .priced = PricedSpace(space, {table}),
      .whole = {[&](const Architecture& a) { return device.estimate(lower(a, {})); }}};
  check_feasible(problem.priced, {limit});
  int number = 0;
  for (const Choice& choice :
       draw_fitting(problem, {limit}, options.floor, options.draw, options.seed)) {
    const std::string name = cat("random_", ++number);
    const fs::path path = fs::path(options.output) / (name + ".json");
    write_architecture(path, choose(space, choice, name));
    std::cout << path.string() << ": " << fixed(whole_costs(problem, choice)->front().ms, 3) << ' '
              << unit_of(options.device) << " of " << fixed(limit, 3) << '\n';
  }
}

void show(const Options& options, const Work& work) {
  SearchSpace space = find_space(options.name, data_folder());
  const int side = options.size > 0 ? options.size : space.input.h;
  space = with_input(space, {space.input.c, side, side},
                     options.classes > 0 ? options.classes : space.classes);
  const CostModel device = cost_model(options.device, parse_mode(options.mode));
  const LatencyTable table = make_latency_table(space, {}, device, work);
  if (options.draw > 0)
    draw(options, space, device, table);
  else
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
    text += range_text(space,
                       make_latency_table(space, {}, cost_model(macs_device, provenance.mode), {}));
  }
  if (const std::string check = check_text(table); !check.empty())
    text += cat(provenance.device, ": ", check, '\n');
  return cat(text, '\n', dearest_blocks(table, rows));
}

void add_space(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand(
      "space", "size, cost range and dearest blocks of a search space, or random networks of it");
  auto options = std::make_shared<Options>();
  verb->add_option("NAME", options->name, "a space of data/spaces, or a file")->required();
  verb->add_option("-d,--device", options->device, "device that prices it (default: MYRIADX)");
  verb->add_option("--mode", options->mode, "throughput or latency");
  verb->add_option("--size", options->size, "input side (default: the space's)")
      ->check(CLI::Range(1, 4096));
  verb->add_option("--rows", options->rows, "how many of the dearest blocks to show")
      ->check(CLI::Range(0, 1000000));
  verb->add_option("--classes", options->classes, "its classes (default: the space's)")
      ->check(CLI::Range(1, 1000000));
  CLI::Option* draw = verb->add_option("--draw", options->draw,
                                       "instead, write so many random networks within --budget")
                          ->check(CLI::Range(1, 10000));
  verb->add_option("--budget", options->budget, "of theirs (default: 0.87x:mobilenet_v2)")
      ->needs(draw);
  verb->add_option("--floor", options->floor, "the least share of it (default: 0.88)")
      ->check(CLI::Range(0.0, 1.0))
      ->needs(draw);
  verb->add_option("--seed", options->seed, "of the draw (default: 1)")->needs(draw);
  verb->add_option("-o,--output", options->output, "folder of their architectures (default: drawn)")
      ->needs(draw);
  verb->footer(
      "Examples: vpunas space vpu -d MYRIADX --size 192\n"
      "          vpunas space vpu --draw 6 --budget 12.5ms -o random");
  verb->callback(
      [&action, options] { action = [options](const Work& work) { show(*options, work); }; });
}

}  // namespace vpunas::cli
