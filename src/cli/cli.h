// The command line: one file a verb. A verb adds its options to the parser and, when it is chosen,
// leaves what to do in `action`; main() does it and turns errors into one line and an exit code.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/progress.h"
#include "latency/table.h"
#include "learn/process_group.h"
#include "pipeline/class_names.h"
#include "pipeline/run.h"

namespace vpunas::cli {

using Action = std::function<void(const Work&)>;

void add_run(CLI::App& app, Action& action);  // run, search, train, report
void add_profile(CLI::App& app, Action& action);
void add_export(CLI::App& app, Action& action);
void add_benchmark(CLI::App& app, Action& action);
void add_evaluate(CLI::App& app, Action& action);
void add_classify(CLI::App& app, Action& action);
void add_devices(CLI::App& app, Action& action);
void add_data(CLI::App& app, Action& action);
void add_space(CLI::App& app, Action& action);
void add_zoo(CLI::App& app, Action& action);
void add_explain(CLI::App& app, Action& action);

// What a table says of its space: range of costs, how it was checked, and the `rows` dearest
// blocks.
std::string table_text(const SearchSpace& space, const LatencyTable& table, int rows);

// The program's whole command line: parses, acts, and returns the exit code. Errors go to standard
// error as one line.
int run_program(int argc, char** argv);

// Writes `json` with its schema to a file, or for "-" to standard output.
void write_or_print(const std::string& path, const char* schema, const Json& json);

// Options of the verbs that use a network's weights, from a run or from elsewhere.
struct WeightsOptions {
  std::string init_from, classes;
  int size = 0;
  void add_to(CLI::App& verb);
  // Of --classes, else the graph's labels; maybe none. Throws Error where they are not as many as
  // the graph has outputs.
  ClassNames class_names(const Graph& graph) const;
};

// Options of the verbs that work in a run folder.
class RunOptions {
 public:
  void add_to(CLI::App& verb);
  // An option of one verb that is short for --set `key`=.
  void add_shortcut(CLI::App& verb, const char* flags, const char* key, const char* type);
  Config config() const;
  std::filesystem::path folder(const Config& config) const;
  std::unique_ptr<Run> open() const;
  const std::string& output() const { return output_; }
  // Prints the resolved configuration where --print-config asks for it: then that is all to do.
  bool shows_config() const;

 private:
  std::string config_path_, recipe_, output_;
  std::vector<std::string> sets_;
  std::vector<std::pair<std::string, std::shared_ptr<std::string>>>
      shortcuts_;  // config key, value
  bool restart_ = false, resume_ = false, print_config_ = false;
  bool amp_ = false, blob_ = false, nn_archive_ = false;
};

// Opens the run and uses it, or, in a process that another one leads (mpirun, srun,
// torchrun), follows that one.
void in_run(const RunOptions& options, const Work& work,
            const std::function<void(Run&, const ProcessGroup&)>& use);

}  // namespace vpunas::cli
