// The command line: a file for a verb, or for those alike. A verb adds its options to the parser
// and, when it is chosen, leaves what to do in `action`; run_program() does it and turns errors
// into one line and an exit code.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/progress.h"
#include "latency/table.h"
#include "pipeline/class_names.h"
#include "pipeline/run.h"
#include "training/process_group.h"

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
  // Whether `network` is one of a run, and not one that comes with weights of its own.
  bool of_a_run(const std::string& network) const;
};

// Groups of options, as --help names them.
inline constexpr const char *of_a_run = "Options of a run", *of_networks = "Options of NETWORK";

// Puts the options that `verb` has so far into the group of a run, but for --help and for `others`,
// which have an effect outside a run, too.
void group_of_a_run(CLI::App& verb, const std::vector<std::string>& others);

// Options that would do nothing are mistakes. `outside`, as NETWORK, leads outside a run; `of_run`
// says what a run has in the place of its options.
void check_groups(const CLI::App& verb, const CLI::Option& outside, const char* of_run = "");

// Options of the verbs that work in a run folder.
class RunOptions {
 public:
  void add_to(CLI::App& verb);
  // Of verbs that use what a run has and do none of its stages.
  void add_reading_to(CLI::App& verb);
  // An option of one verb that is short for --set `key`=.
  void add_shortcut(CLI::App& verb, const char* flags, const char* key, const char* type);
  // The command line laid over -c, or without it over the settings of the run that is in folder().
  Config config() const;
  // The command line laid over -c alone.
  Config config_outside_a_run() const;
  // Throws Error where --set gives a key that has no effect outside a run: one that begins with
  // none of `used`. `outside` as of check_groups().
  void check_sets(const std::vector<std::string>& used, const CLI::Option& outside) const;
  std::filesystem::path folder() const;
  // Of verbs that finish a run, which do not begin one with settings that nobody gave: throws Error
  // where there is neither -c nor a run. `or_else`: what else may be given.
  void require_run(const char* or_else = "") const;
  std::unique_ptr<Run> open() const;
  const std::string& output() const { return output_; }
  // Prints the resolved configuration where --print-config asks for it: then that is all to do.
  bool shows_config() const;

 private:
  struct Shortcut {
    std::string option, key;
    std::shared_ptr<std::string> value;
    Override as_set() const;
  };
  Config over(const std::filesystem::path& file) const;

  std::string config_path_, recipe_, output_;
  std::vector<std::string> sets_;
  std::vector<Shortcut> shortcuts_;
  bool restart_ = false, print_config_ = false;
  bool amp_ = false, blob_ = false, nn_archive_ = false;
};

// Opens the run and uses it, or, in a process that another one leads (mpirun, srun,
// torchrun), follows that one.
void in_run(const RunOptions& options, const Work& work,
            const std::function<void(Run&, const ProcessGroup&)>& use);

}  // namespace vpunas::cli
