// Runs the program as a user would.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "base/subprocess.h"

namespace vpunas::test {

inline ProcessResult vpunas(std::vector<std::string> arguments, int seconds = 120) {
  arguments.insert(arguments.begin(), (program_folder() / "vpunas").string());
  return run_process(arguments,
                     {.environment = {}, .folder = {}, .timeout = std::chrono::seconds(seconds)});
}

// A whole run small enough for a test: synthetic images, a few steps of everything.
inline std::vector<std::string> tiny_run(const fs::path& folder, const std::string& verb = "run") {
  std::vector<std::string> arguments{verb, "-o", (folder / "run").string()};
  for (const char* setting :
       {"data.format=synthetic", "data.test_limit=200", "space.deploy_size=28", "search.epochs=0.3",
        "search.networks=12", "search.held_out_images=64", "search.sweep=[1.2]",
        "search.batch_size=32", "search.budget_floor=0", "train.epochs=0.5", "train.batch_size=32",
        "run.baselines=mobilenet_v2-0.35", "export.verify_images=100", "benchmark.seconds=0.05",
        "run.workers=2", "latency.budget=0.9x:mobilenet_v2-0.35"}) {
    arguments.insert(arguments.end(), {"--set", setting});
  }
  return arguments;
}

}  // namespace vpunas::test
