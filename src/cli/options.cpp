#include <algorithm>
#include <iostream>

#include "base/text.h"
#include "cli/cli.h"
#include "pipeline/stages.h"
#include "training/module.h"

namespace vpunas::cli {
namespace {

bool holds_run(const fs::path& folder) {
  std::error_code none;
  return fs::exists(folder / "run.json", none) && fs::exists(folder / "config.toml", none);
}

}  // namespace

void write_or_print(const std::string& path, const char* schema, const Json& json) {
  if (path != "-") return write_json(path, schema, json);
  Json whole = {{"schema", schema}};
  whole.update(json);
  std::cout << whole.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
}

void WeightsOptions::add_to(CLI::App& verb) {
  verb.add_option("--init-from", init_from,
                  "weights of NETWORK under our, torchvision's or timm's names (safetensors)")
      ->type_name("FILE");
  verb.add_option("--classes", classes,
                  "names of NETWORK's outputs, a line each; of several separated by tabs any is "
                  "found and the last shown")
      ->type_name("FILE");
  verb.add_option("--size", size, "input side of NETWORK (default: its own)")
      ->check(CLI::Range(1, 4096));
}

ClassNames WeightsOptions::class_names(const Graph& graph) const {
  const ClassNames names =
      classes.empty() ? vpunas::class_names(graph.preprocess.labels) : read_class_names(classes);
  if (const auto outputs = static_cast<size_t>(graph.output_shape().elements());
      !names.empty() && names.size() != outputs)
    fail(classes.empty() ? "labels of the network" : classes, ": names for ", names.size(),
         " classes, the network has ", outputs, " outputs");
  return names;
}

bool WeightsOptions::of_a_run(const std::string& network) const {
  return init_from.empty() && fs::path(network).extension() != ".onnx";
}

void group_of_a_run(CLI::App& verb, const std::vector<std::string>& others) {
  for (CLI::Option* option : verb.get_options()) {
    if (option != verb.get_help_ptr() && std::ranges::count(others, option->get_name()) == 0)
      option->group(of_a_run);
  }
}

void check_groups(const CLI::App& verb, const CLI::Option& outside, const char* of_run) {
  for (const CLI::Option* option : verb.get_options()) {
    if (option->count() == 0) continue;
    if (outside.count() > 0 && option->get_group() == of_a_run)
      fail(option->get_name(), " is of a run; leave it or ", outside.get_name(), " out");
    if (outside.count() == 0 && option->get_group() == of_networks)
      fail(option->get_name(), " is of NETWORK, and none is given; ", of_run);
  }
}

void RunOptions::add_reading_to(CLI::App& verb) {
  verb.add_option("-c,--config", config_path_,
                  "configuration, as configs/quick.toml (default: of the run in the run folder)")
      ->type_name("FILE");
  verb.add_option("-o,--output", output_, "run folder (default: runs/NAME of the configuration)")
      ->type_name("FOLDER");
  verb.add_option("--set", sets_, "set a key of the configuration, as search.epochs=2 (repeatable)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  add_shortcut(verb, "--data", "data.path", "PATH");
  add_shortcut(verb, "--on-bad-image", "data.on_bad_image", "skip|fail");
  add_shortcut(verb, "-j,--workers", "run.workers", "N");
}

void RunOptions::add_to(CLI::App& verb) {
  add_reading_to(verb);
  verb.add_option("--recipe", recipe_,
                  "how to train, laid over the configuration: quick, cifar, mobilenet, proxyless, "
                  "timm, or a file")
      ->type_name("NAME");
  add_shortcut(verb, "-d,--device", "latency.device", "NAME");
  add_shortcut(verb, "--budget", "latency.budget", "BUDGET");
  add_shortcut(verb, "--epochs", "train.epochs", "X");
  add_shortcut(verb, "-b,--batch-size", "train.batch_size", "N");
  add_shortcut(verb, "--lr", "train.lr", "X");
  add_shortcut(verb, "--seed", "run.seed", "N");
  verb.add_flag("--amp", amp_, "activations in bfloat16 while searching and training: faster");
  verb.add_flag("--blob", blob_, "also export a MyriadX .blob (make blob-compiler)");
  verb.add_flag("--nn-archive", nn_archive_, "also export a DepthAI NN Archive (OAK cameras)");
  CLI::Option* restart = verb.add_flag("--restart", restart_, "discard what the run folder holds");
  verb.add_flag("--resume")
      ->description("go on where the run folder stands (the default)")
      ->excludes(restart);
  verb.add_flag("--print-config", print_config_, "print the resolved configuration and stop");
}

void RunOptions::add_shortcut(CLI::App& verb, const char* flags, const char* key,
                              const char* type) {
  auto value = std::make_shared<std::string>();
  CLI::Option* option =
      verb.add_option(flags, *value, std::string("short for --set ") + key + "=")->type_name(type);
  shortcuts_.push_back({option->get_name(), key, value});
}

// Its errors name what was typed in the place of --set.
Override RunOptions::Shortcut::as_set() const {
  const Override set{key, *value};
  try {
    read_config({}, {set});
  } catch (const Error& error) {
    constexpr std::string_view typed = "--set";
    const std::string_view what = error.what();
    if (!what.starts_with(typed)) throw;
    fail(option, " ", excerpt(*value), what.substr(typed.size()));
  }
  return set;
}

bool RunOptions::shows_config() const {
  if (print_config_) std::cout << config_text(config());
  return print_config_;
}

Config RunOptions::over(const fs::path& file) const {
  std::vector<Override> overrides;
  for (const std::string& text : sets_) overrides.push_back(parse_override(text));
  for (const Shortcut& shortcut : shortcuts_) {
    if (!shortcut.value->empty()) overrides.push_back(shortcut.as_set());
  }
  if (amp_) {
    overrides.push_back({"search.amp", "true"});
    overrides.push_back({"train.amp", "true"});
  }
  if (blob_) overrides.push_back({"export.blob", "true"});
  if (nn_archive_) overrides.push_back({"export.nn_archive", "true"});
  std::vector<fs::path> files;
  if (!file.empty()) files.push_back(file);
  if (!recipe_.empty()) files.push_back(find_recipe(recipe_));
  return read_config(files, overrides);
}

Config RunOptions::config_outside_a_run() const { return over(config_path_); }

Config RunOptions::config() const {
  const bool own = config_path_.empty() && holds_run(folder());
  if (own) check_version(folder());
  return own ? over(folder() / "config.toml") : config_outside_a_run();
}

void RunOptions::check_sets(const std::vector<std::string>& used,
                            const CLI::Option& outside) const {
  for (const std::string& text : sets_) {
    const std::string key = parse_override(text).key;
    if (std::ranges::none_of(used,
                             [&](const std::string& start) { return key.starts_with(start); }))
      fail("--set ", key, " is of a run; leave it or ", outside.get_name(), " out");
  }
}

fs::path RunOptions::folder() const {
  return output_.empty() ? fs::path("runs") / config_outside_a_run().run.name : fs::path(output_);
}

void RunOptions::require_run(const char* or_else) const {
  if (config_path_.empty() && !holds_run(folder()))
    fail(folder().string(), ": no run there; give -c FILE", or_else);
}

std::unique_ptr<Run> RunOptions::open() const {
  return std::make_unique<Run>(config(), folder(), restart_ ? Existing::restart : Existing::resume);
}

void in_run(const RunOptions& options, const Work& work,
            const std::function<void(Run&, const ProcessGroup&)>& use) {
  const Config config = options.config();  // before the leading process changes the folder
  const Place place = place_in([](const char* name) { return std::getenv(name); });
  const ProcessGroup group =
      place.size > 1 ? training_module().connect(place, work.stop) : ProcessGroup();
  if (group.leads()) return use(*options.open(), group);
  Work quiet = work;
  quiet.report = [](const Event&) {};  // the leading process says it
  follow(config, group, quiet);
}

}  // namespace vpunas::cli
