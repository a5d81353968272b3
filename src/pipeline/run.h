// The run folder (docs/formats.md) and the stages that fill it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "arch/space.h"
#include "pipeline/config.h"

namespace vpunas {

enum class Stage { profile, search, train, exporting, benchmark, report };
inline constexpr Stage all_stages[] = {Stage::profile,   Stage::search,    Stage::train,
                                       Stage::exporting, Stage::benchmark, Stage::report};
const char* stage_name(Stage stage);

// What happens to a folder that holds a run already.
enum class Existing { resume, restart };

// A run folder opened for writing. Only one process at a time may hold it.
class Run {
 public:
  // Creates the folder or opens a run whose settings are the same; settings of export and
  // benchmark, and of training while there is no folder train/, may change and make these stages
  // due again. Throws Error with the keys that differ otherwise. Existing::restart clears what is
  // there. Before anything is begun, begun again or cleared, check_settings().
  Run(Config config, std::filesystem::path folder, Existing existing);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  const Config& config() const { return config_; }
  const std::filesystem::path& folder() const { return folder_; }

  bool is_done(Stage stage) const;
  void set_done(Stage stage, double seconds);
  double seconds(Stage stage) const;  // 0 where it is not done

  // "found" and the baselines, in this order.
  std::vector<std::string> networks() const;

 private:
  void write_state() const;

  Config config_;
  std::filesystem::path folder_;
  int lock_ = -1;
  std::string created_;
  std::map<Stage, std::pair<double, std::string>> done_;  // seconds, finished
};

// Throws Error where the folder holds a run that an earlier version made: its settings and files
// have other names.
void check_version(const std::filesystem::path& run_folder);

// Input sides at which networks are delivered, and searched and trained.
struct InputSides {
  int deploy = 0, train = 0;
};
InputSides input_sides(const Config& config);

// A search space at deployment or training size with the data's channels and classes.
struct Spaces {
  SearchSpace deploy, train;
  Preprocess preprocess;

  // A network of deployment at its training size.
  Architecture trained(Architecture network) const;
};
Spaces spaces_of(const Config& config, int channels, const std::vector<std::string>& classes);

// The name in a run of a network that the user names: of "NAME=FILE" NAME, of a file its stem, else
// the text itself. Throws Error, beginning with `where`, for one that names no folder.
std::string name_in_run(const std::string& network, const char* where);

// A network with the classes of `space`. It keeps its own input where the space offers several and
// that is one of them, else it gets the space's.
Architecture fitted(Architecture network, const SearchSpace& space);

// "found" or "pareto_1", ... from the run's folder, or a network of the zoo, fitted() to `space`.
Architecture network_of(const std::filesystem::path& run_folder, const std::string& name,
                        const SearchSpace& space);

}  // namespace vpunas
