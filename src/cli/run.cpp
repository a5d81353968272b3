#include <iostream>

#include "base/files.h"
#include "base/text.h"
#include "cli/cli.h"
#include "latency/latency.h"
#include "output/table.h"
#include "pipeline/stages.h"

namespace vpunas::cli {
namespace {

// A figure of result.json as text, "-" where it is missing.
std::string figure(const Json& result, const char* key, double factor, int digits,
                   const std::string& unit) {
  const auto found = result.find(key);
  if (found == result.end() || !found->is_number()) return "-";
  return fixed(factor * found->get<double>(), digits) + unit;
}

void print_result(const Run& run) {
  const fs::path path = run.folder() / "result.json";
  if (!fs::exists(path)) return;
  const Json r = read_json(path, "vpunas.result/1");
  const std::string device = r.value("device", "MYRIADX");  // older runs knew no other
  const std::string unit = cat(" ", unit_of(device));
  std::cout << '\n'
            << text_table({"", "found", "mobilenet_v2"},
                          {{"test accuracy", figure(r, "test_accuracy", 100, 2, " %"),
                            figure(r, "mobilenet_v2_accuracy", 100, 2, " %")},
                           {"predicted on " + device, figure(r, "predicted_ms", 1, 3, unit),
                            figure(r, "mobilenet_v2_ms", 1, 3, unit)},
                           {"budget", figure(r, "budget_ms", 1, 3, unit), ""}})
            << "\nreport: " << (run.folder() / "report.html").string() << '\n';
}

enum class Start { new_run, existing_run };

void add_stage(CLI::App& app, Action& action, const std::string& name, const std::string& help,
               Start start, Stage last, const std::string& example) {
  CLI::App* verb = app.add_subcommand(name, help);
  auto options = std::make_shared<RunOptions>();
  options->add_to(*verb);
  verb->footer("Example: " + example);
  verb->callback([&action, options, start, last] {
    action = [options, start, last](const Work& work) {
      if (options->shows_config()) return;
      if (start == Start::existing_run) options->require_run();
      in_run(*options, work, [&](Run& run, const ProcessGroup& group) {
        run_until(run, last, group, work);
        if (last == Stage::report) print_result(run);
      });
    };
  });
}

// Of a run's networks, or of any others by the run's recipe.
void add_train(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand(
      "train", "train the found network and the baselines, or any networks from scratch");
  struct Options {
    RunOptions run;
    std::vector<std::string> networks;
  };
  auto options = std::make_shared<Options>();
  options->run.add_to(*verb);
  options->run.add_shortcut(*verb, "--init-from", "train.init_from", "FILE");
  verb->add_option("NETWORK", options->networks,
                   "instead, and without a search: of the zoo, or architecture files, as FILE or "
                   "NAME=FILE; into OUTPUT/train/NAME");
  verb->footer(
      "Examples: vpunas train -c configs/quick.toml --epochs 10 -o runs/longer\n"
      "          vpunas train mobilenet_v2 -c configs/quick.toml --seed 2 -o runs/seed_2");
  verb->callback([&action, options] {
    action = [options](const Work& work) {
      if (options->run.shows_config()) return;
      if (options->networks.empty()) options->run.require_run(" or a NETWORK");
      in_run(options->run, work, [&](Run& run, const ProcessGroup& group) {
        if (options->networks.empty())
          run_until(run, Stage::train, group, work);
        else
          train_networks(run, options->networks, group, work);
      });
    };
  });
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  add_stage(app, action, "run",
            "search, train, export, benchmark and report; resumes what was cut off", Start::new_run,
            Stage::report, "vpunas run -c configs/photos.toml --data ~/photos --budget 12.5ms");
  add_stage(app, action, "search", "find the best network within the budget", Start::new_run,
            Stage::search,
            "vpunas search -c configs/quick.toml --budget 0.8x:mobilenet_v2 -o runs/faster");
  add_train(app, action);
  add_stage(app, action, "report", "write report.html", Start::existing_run, Stage::report,
            "vpunas report -o runs/quick");
}

}  // namespace vpunas::cli
