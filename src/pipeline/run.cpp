#include "pipeline/run.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>

#include "arch/zoo.h"
#include "base/text.h"
#include "pipeline/check_settings.h"

namespace vpunas {
namespace {

constexpr const char* run_schema = "vpunas.run/2";

// Holds the folder for this process until the descriptor is closed, also by a kill.
int lock_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  const fs::path path = folder / ".lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0)
    fail(folder.string(), ": cannot write there (", std::strerror(errno),
         "); choose another -o folder");
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor);
    fail(folder.string(),
         ": another vpunas works in this run folder; wait for it or choose another -o folder");
  }
  return descriptor;
}

// Only a run's folder, or an empty one.
void clear(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!fs::exists(folder / "run.json") && entry.path().filename() != ".lock") {
      fail(folder.string(),
           ": not a run folder, so --restart does not clear it; choose another -o folder");
    }
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename() != ".lock") fs::remove_all(entry.path());
  }
}

// Whether nothing but a run's own papers is there, as after a mistake in its settings.
bool holds_no_work(const fs::path& folder) {
  return std::ranges::all_of(fs::directory_iterator(folder), [](const auto& entry) {
    const fs::path name = entry.path().filename();
    return name == ".lock" || name == "config.toml" || name == "run.json";
  });
}

std::string section_of(const std::string& key) { return key.substr(0, key.find('.')); }

// Sizes that are apart in deployment must be so in training.
void check_training(const SearchSpace& space, int train_size) {
  if (train_size == 0 || !offers_inputs(space)) return;
  const SearchSpace training =
      with_input(space, {space.input.c, train_size, train_size}, space.classes);
  std::map<int, int> sides;  // in training -> in deployment
  for (int i = 0; i < static_cast<int>(space.slots.front().size()); ++i) {
    const int side = input_of(space, {i}).h, trained = input_of(training, {i}).h;
    const auto [other, added] = sides.emplace(trained, side);
    if (!added)
      fail("space.train_size: at ", train_size, " the inputs ", other->second, " and ", side,
           " are both trained at ", trained, "; raise it");
  }
}

// As the settings name it, at its own or the settings' size of deployment.
SearchSpace space_of(const SpaceConfig& wanted) {
  SearchSpace space = find_space(wanted.name, data_folder());
  std::vector<int> sides;
  for (const double side : wanted.sizes) {
    if (!(side >= 2 && side <= 4096 && side == std::floor(side)))
      fail("space.sizes: ", side, " is no input side; give whole numbers from 2 to 4096");
    if (std::ranges::count(sides, static_cast<int>(side)) > 0)
      fail("space.sizes: ", side, " is there twice");
    sides.push_back(static_cast<int>(side));
  }
  if (!sides.empty()) {
    const int greatest = *std::ranges::max_element(sides);
    if (wanted.deploy_size > 0 && wanted.deploy_size != greatest)
      fail("space.sizes: the greatest is ", greatest, " and space.deploy_size ", wanted.deploy_size,
           "; leave that out or give it as ", greatest);
    space = with_inputs(std::move(space), sides);
  } else if (wanted.deploy_size > 0) {
    const Shape input = {space.input.c, wanted.deploy_size, wanted.deploy_size};
    const int classes = space.classes;
    space = with_input(std::move(space), input, classes);
  }
  check_inputs_apart(space);
  check_training(space, wanted.train_size);
  return space;
}

}  // namespace

const char* stage_name(Stage stage) {
  switch (stage) {
    case Stage::profile:
      return "profile";
    case Stage::search:
      return "search";
    case Stage::train:
      return "train";
    case Stage::exporting:
      return "export";
    case Stage::benchmark:
      return "benchmark";
    case Stage::report:
      return "report";
  }
  return "";
}

void check_version(const fs::path& run_folder) {
  const fs::path state = run_folder / "run.json";
  std::error_code none;
  if (!fs::is_regular_file(state, none)) return;
  const Json json = Json::parse(read_file(state), nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.value("schema", Json()) == "vpunas.run/1")
    fail(run_folder.string(),
         ": a run of an earlier vpunas; go on with that version, choose another -o folder, or give "
         "-c and --restart to discard it");
}

Run::Run(Config config, fs::path folder, Existing existing)
    : config_(std::move(config)),
      folder_(std::move(folder)),
      lock_(lock_folder(folder_)),
      created_(timestamp()) {
  try {
    const fs::path config_path = folder_ / "config.toml", state_path = folder_ / "run.json";
    if (existing == Existing::restart || holds_no_work(folder_)) check_settings(config_);
    if (existing == Existing::restart) clear(folder_);
    check_version(folder_);
    const std::string text = config_text(config_), where = state_path.string();
    const Json state = fs::exists(state_path) ? read_json(state_path, run_schema) : Json();
    const Json stages = state.is_null() ? Json::object() : json_get<Json>(state, "stages", where);
    // The first stage that is to be done again.
    std::optional<Stage> again;
    const auto repeat_from = [&](Stage stage) { again = again ? std::min(*again, stage) : stage; };
    if (fs::exists(config_path) && !(stages.empty() && holds_no_work(folder_))) {
      std::vector<std::string> refused;
      // A key that the run's version had not yet has its default.
      const std::string saved = config_text(read_config({config_path}, {}));
      for (const std::string& key : differing_keys(saved, text)) {
        // How it is computed and kept, not what.
        if (key == "run.workers" || key == "run.device" || key == "run.cuda_graphs" ||
            key == "train.checkpoint_seconds")
          continue;
        if (const std::string section = section_of(key);
            section == "export" || section == "benchmark")
          repeat_from(Stage::exporting);
        else if (section == "train" && !fs::exists(folder_ / "train"))
          repeat_from(Stage::train);
        else
          refused.push_back(key);
      }
      if (!refused.empty()) {
        const bool of_training = std::ranges::all_of(
            refused, [](const std::string& key) { return section_of(key) == "train"; });
        fail(folder_.string(), ": holds a run with other settings (", join(refused),
             "); leave them out (and -c, to take its own), choose another -o folder, ",
             of_training ? cat("delete ", (folder_ / "train").string(), " to train anew, ") : "",
             "or --restart to discard it");
      }
      if (again) check_settings(config_);
    }
    if (!state.is_null()) created_ = json_get<std::string>(state, "created", where);
    for (const Stage stage : all_stages) {
      if (!stages.contains(stage_name(stage)) || (again && stage >= *again)) continue;
      const Json& record = stages.at(stage_name(stage));
      done_[stage] = {json_get<double>(record, "seconds", where),
                      json_get<std::string>(record, "finished", where)};
    }
    // In this order: killed between the two, it finds that its settings differ again.
    write_state();
    write_file(config_path, text);
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

Run::~Run() { ::close(lock_); }

bool Run::is_done(Stage stage) const { return done_.contains(stage); }

double Run::seconds(Stage stage) const {
  const auto found = done_.find(stage);
  return found == done_.end() ? 0 : found->second.first;
}

void Run::set_done(Stage stage, double seconds) {
  done_[stage] = {seconds, timestamp()};
  // What is derived from this stage is out of date.
  std::erase_if(done_, [&](const auto& entry) { return entry.first > stage; });
  write_state();
}

void Run::write_state() const {
  Json stages = Json::object();
  for (const auto& [stage, record] : done_) {
    stages[stage_name(stage)] = {{"seconds", record.first}, {"finished", record.second}};
  }
  write_json(folder_ / "run.json", run_schema,
             {{"version", version()},
              {"config_hash", content_hash(config_text(config_))},
              {"created", created_},
              {"stages", stages}});
}

std::vector<std::string> Run::networks() const {
  std::vector<std::string> names{"found"};
  for (const std::string& baseline : config_.run.baselines)
    names.push_back(name_in_run(baseline, "run.baselines"));
  return names;
}

std::string name_in_run(const std::string& network, const char* where) {
  const size_t equals = network.find('=');
  const std::string name = equals != std::string::npos  ? network.substr(0, equals)
                           : network.ends_with(".json") ? fs::path(network).stem().string()
                                                        : network;
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos) {
    fail(where, ": \"", network, "\": give a file a name of its own, as other=path/network.json");
  }
  return name;
}

InputSides input_sides(const Config& config) {
  const int deploy = space_of(config.space).input.h;
  const int train = config.space.train_size;
  return {.deploy = deploy, .train = train > 0 ? train : deploy};
}

Spaces spaces_of(const Config& config, int channels, const std::vector<std::string>& classes) {
  const SearchSpace space = space_of(config.space);
  const auto [deploy, train] = input_sides(config);
  const int count = static_cast<int>(classes.size());
  Spaces spaces{.deploy = with_input(space, {channels, deploy, deploy}, count),
                .train = with_input(space, {channels, train, train}, count),
                .preprocess = {}};
  spaces.preprocess.color = channels == 1 ? ColorOrder::gray : ColorOrder::rgb;
  spaces.preprocess.mean = config.data.mean;
  spaces.preprocess.labels = classes;
  validate(spaces.deploy);
  validate(spaces.train);
  return spaces;
}

Architecture Spaces::trained(Architecture network) const {
  Shape input = train.input;
  if (offers_inputs(deploy)) {
    const auto& sides = deploy.slots.front().input_sizes;
    for (size_t i = 0; i < sides.size(); ++i) {
      if (sides[i] == network.input.h) input = input_of(train, {static_cast<int>(i)});
    }
  }
  return with_input(std::move(network), input, train.classes);
}

Architecture fitted(Architecture network, const SearchSpace& space) {
  const auto& offered = space.slots.front().input_sizes;
  const bool keeps_size = offers_inputs(space) && network.input.h == network.input.w &&
                          std::ranges::count(offered, network.input.h) > 0;
  const Shape own = {space.input.c, network.input.h, network.input.w};
  return with_input(std::move(network), keeps_size ? own : space.input, space.classes);
}

Architecture network_of(const fs::path& run_folder, const std::string& name,
                        const SearchSpace& space) {
  const bool of_front = name.starts_with("pareto_");
  const fs::path path = run_folder / (of_front ? "pareto" : "architectures") / (name + ".json");
  if (name != "found" && !of_front && !fs::exists(path))
    return fitted(find_network(name, data_folder()), space);
  if (!fs::exists(path) && of_front)
    fail(path.string(),
         ": the search has found no such network; see `pareto_front` in its search.json");
  if (!fs::exists(path))
    fail(path.string(), ": no network has been found in this run yet; run `vpunas search` first");
  return fitted(read_architecture(path), space);
}

}  // namespace vpunas
