#include <iostream>

#include "cli/cli.h"
#include "pipeline/cost_model.h"
#include "pipeline/stages.h"

namespace vpunas::cli {
namespace {

struct Options {
  RunOptions run;
  std::string space, emit, import;
  int size = 0, channels = 0, classes = 0, rows = 10;
};

// A space outside a run: its table into a folder, no images needed.
void profile_space(const Options& options, const CLI::Option& space_option, const Work& work) {
  const Config config = options.run.config_outside_a_run();
  options.run.check_sets(
      {"profile.", "latency.device", "latency.mode", "latency.runner", "data.mean"}, space_option);
  SearchSpace space = find_space(options.space, data_folder());
  const int side = options.size > 0 ? options.size : space.input.h;
  space = with_input(space, {options.channels > 0 ? options.channels : space.input.c, side, side},
                     options.classes > 0 ? options.classes : space.classes);
  validate(space);
  Preprocess preprocess;
  preprocess.mean = config.data.mean;
  const ProbeCounts counts = profile_options(config.profile).counts;
  if (!options.emit.empty()) {
    emit_probes(space, preprocess, counts, options.emit, work);
    std::cout << options.emit
              << ": time every .onnx there, fill in timings.csv, and read it by --import\n";
    return;
  }
  const std::string& device = config.latency.device;
  const Mode mode = mode_for(config.latency.mode, device);
  const fs::path folder = options.run.output().empty()
                              ? fs::path("profiles") / cat(space.name, "_", side, "_", device)
                              : fs::path(options.run.output());
  const LatencyTable table =
      options.import.empty()
          ? make_latency_table(space, preprocess, cost_model(device, mode, config.latency.runner),
                               config.profile, folder / "timings.json", work)
          : import_timings(space, preprocess, counts, options.import, device, mode);
  write_table(folder / "latency.json", table);
  std::cout << table_text(space, table, options.rows) << '\n'
            << (folder / "latency.json").string() << '\n';
}

}  // namespace

void add_profile(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand(
      "profile", "make the latency table of a search space on the device, and check it");
  auto options = std::make_shared<Options>();
  options->run.add_to(*verb);
  group_of_a_run(*verb, {"--config", "--output", "--set", "--device", "--print-config"});
  options->run.add_shortcut(*verb, "--mode", "latency.mode", "MODE");
  options->run.add_shortcut(*verb, "--runner", "latency.runner", "COMMAND");
  CLI::Option* space = verb->add_option(
      "--space", options->space, "a space outside a run: a preset of data/spaces, or a file");
  verb->add_option("--size", options->size, "its input side (default: its own)")
      ->check(CLI::Range(1, 4096))
      ->needs(space);
  verb->add_option("--channels", options->channels, "channels of its input (default: its own)")
      ->check(CLI::Range(1, 4))
      ->needs(space);
  verb->add_option("--classes", options->classes, "its classes (default: its own)")
      ->check(CLI::Range(1, 1000000))
      ->needs(space);
  verb->add_option("--rows", options->rows, "how many of its dearest blocks to show")
      ->check(CLI::Range(0, 1000000))
      ->needs(space);
  verb->add_option("--emit", options->emit,
                   "write the models to time by hand, and the list to fill in")
      ->type_name("FOLDER")
      ->needs(space);
  verb->add_option("--import", options->import, "make the table of such a list")
      ->type_name("FILE")
      ->needs(space);
  verb->footer(
      "Examples: vpunas profile -c configs/quick.toml -d CPU -o runs/cpu\n"
      "          vpunas profile --space vpu --size 64 -d CPU\n"
      "          vpunas profile --space vpu -d CPU --runner 'examples/ssh_runner.py user@board'\n"
      "          vpunas profile --space vpu --emit to_time\n"
      "          vpunas profile --space vpu -d PHONE --import to_time/timings.csv");
  verb->callback([&action, options, verb, space] {
    action = [options, verb, space](const Work& work) {
      if (options->run.shows_config()) return;
      check_groups(*verb, *space);
      if (!options->space.empty())
        profile_space(*options, *space, work);
      else
        run_until(*options->run.open(), Stage::profile, {}, work);
    };
  });
}

}  // namespace vpunas::cli
