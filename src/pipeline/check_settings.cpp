#include "pipeline/check_settings.h"

#include <algorithm>

#include "arch/zoo.h"
#include "base/error.h"
#include "data/readers.h"
#include "latency/latency.h"
#include "myriadx/compiler.h"
#include "pipeline/run.h"

namespace vpunas {
namespace {

// A network of the zoo or a file; `name` may be NAME=FILE.
void check_network(const std::string& name, const char* key) {
  try {
    find_network(name.substr(name.find('=') + 1), data_folder());
  } catch (const Error& error) {
    fail(key, ": ", error.what());
  }
}

void check_file(const std::string& path, const char* key) {
  std::error_code none;
  if (!fs::is_regular_file(path, none)) fail(key, ": there is no file ", path);
}

}  // namespace

void check_settings(const Config& config) {
  const auto is_baseline = [&](const std::string& name) {
    return std::ranges::any_of(config.run.baselines, [&](const std::string& baseline) {
      return name_in_run(baseline, "run.baselines") == name;
    });
  };
  for (const auto& point : parse_budgets(config.latency.budget, config.latency.device)) {
    for (const Budget& budget : point) {
      if (!budget.reference.empty() && !is_baseline(budget.reference))
        check_network(budget.reference, "latency.budget");
    }
  }
  check(config.search.search);
  input_sides(config);  // throws where there is no such space or size
  find_format(config.data);
  for (const std::string& baseline : config.run.baselines) {
    if (name_in_run(baseline, "run.baselines") == "found")
      fail("run.baselines: \"", baseline, "\": found is what the search finds");
    const bool names_file = baseline.find('=') != std::string::npos;
    if (names_file || !baseline.starts_with("pareto_")) check_network(baseline, "run.baselines");
  }
  const TrainConfig& train = config.train;
  if (!train.init_from.empty()) check_file(train.init_from, "train.init_from");
  if (!train.teacher.empty()) {
    check_network(train.teacher, "train.teacher");
    if (train.teacher_weights.empty())
      fail("train.teacher: ", train.teacher, " has no weights; give train.teacher_weights");
    check_file(train.teacher_weights, "train.teacher_weights");
  }
  resources_of(config.exporting);  // throws where the chip has not as many
  if (config.exporting.blob) myriadx::require_compiler(myriadx::compiler_root());
}

}  // namespace vpunas
