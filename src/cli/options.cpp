#include "cli/cli.h"

namespace vpunas::cli {

void RunOptions::add_to(CLI::App& verb) {
  verb.add_option("-c,--config", config_path_, "configuration, as configs/quick.toml")
      ->type_name("FILE");
  verb.add_option("-o,--output", output_, "run folder (default: runs/NAME of the configuration)")
      ->type_name("FOLDER");
  verb.add_option("--set", sets_, "set a key of the configuration, as search.epochs=2 (repeatable)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  const auto shortcut = [&](const char* flags, const char* key, const char* type) {
    auto value = std::make_shared<std::string>();
    shortcuts_.emplace_back(key, value);
    verb.add_option(flags, *value, std::string("short for --set ") + key + "=")->type_name(type);
  };
  shortcut("-d,--device", "latency.device", "NAME");
  shortcut("--budget", "latency.budget", "BUDGET");
  shortcut("--data", "data.path", "PATH");
  shortcut("--epochs", "train.epochs", "X");
  shortcut("-b,--batch-size", "train.batch_size", "N");
  shortcut("--lr", "train.lr", "X");
  shortcut("--seed", "run.seed", "N");
  shortcut("-j,--workers", "run.workers", "N");
  verb.add_flag("--blob", blob_, "also export a MyriadX .blob (make blob-compiler)");
  verb.add_flag("--restart", restart_, "discard what the run folder holds");
  verb.add_flag("--resume", resume_, "go on where the run folder stands (the default)");
  verb.add_flag("--print-config", print_config_, "print the resolved configuration and stop");
}

Config RunOptions::config() const {
  std::vector<Override> overrides;
  for (const std::string& text : sets_) overrides.push_back(parse_override(text));
  for (const auto& [key, value] : shortcuts_) {
    if (!value->empty()) overrides.push_back({key, *value});
  }
  if (blob_) overrides.push_back({"export.blob", "true"});
  return read_config(config_path_, overrides);
}

std::filesystem::path RunOptions::folder(const Config& config) const {
  return output_.empty() ? std::filesystem::path("runs") / config.run.name
                         : std::filesystem::path(output_);
}

std::unique_ptr<Run> RunOptions::open() const {
  const Config resolved = config();
  return std::make_unique<Run>(resolved, folder(resolved),
                               restart_ ? Existing::restart : Existing::resume);
}

}  // namespace vpunas::cli
