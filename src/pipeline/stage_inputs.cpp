#include "pipeline/stage_inputs.h"

#include <algorithm>

#include "base/error.h"
#include "base/processors.h"

namespace vpunas {
namespace {

// Other verbs find it there by its name.
void keep(const fs::path& path, const Architecture& architecture, const std::string& name) {
  if (name == "found" || name.starts_with("pareto_")) return;  // the search's own
  if (!fs::exists(path)) return write_architecture(path, architecture);
  if (read_architecture(path) != architecture) {
    fail(path.string(), ": is another network of this name; give yours its own, as other=FILE");
  }
}

}  // namespace

StageInputs::StageInputs(Run* run, const Config& config, const ProcessGroup& group,
                         const Work& work)
    : run_(run),
      config_(config),
      group_(group),
      work_(work),
      texts_(config_.run.baselines),
      sweep_(parse_budgets(config_.latency.budget, config_.latency.device)),
      workers_(config_.run.workers > 0 ? config_.run.workers
                                       : std::max(1, processor_count() / group_.local_size())) {
  if (config_.run.device != "cpu") training();  // a GPU that is not there is told at once
}

fs::path StageInputs::table_file(const std::string& device) const {
  const std::string first = sweep_.front().front().device;
  return file(device == first ? "latency.json" : "latency_" + device + ".json");
}

const Dataset& StageInputs::data(int side) {
  auto& dataset = datasets_[side];
  if (!dataset) {
    // Nothing trains on other sizes, so their training images need not be held.
    const bool from_source =
        config_.augment.random_resized_crop || side != input_sides(config_).train;
    dataset = std::make_unique<Dataset>(
        read_dataset(config_.data, {.channels = channels(), .height = side, .width = side}, seed(),
                     work_, from_source));
  }
  return *dataset;
}
int StageInputs::channels() {
  if (channels_ == 0) channels_ = dataset_channels(config_.data);
  return channels_;
}
const Dataset& StageInputs::train_data() { return data(input_sides(config_).train); }
const Spaces& StageInputs::spaces() {
  if (!spaces_) {
    spaces_ = std::make_unique<Spaces>(spaces_of(config_, channels(), train_data().classes));
  }
  return *spaces_;
}

std::vector<std::string> StageInputs::add_networks(const std::vector<std::string>& texts) {
  texts_.insert(texts_.begin(), texts.begin(), texts.end());
  std::vector<std::string> names;
  for (const std::string& text : texts) names.push_back(name_in_run(text, "NETWORK"));
  for (const std::string& name : names)
    keep(file("architectures/" + name + ".json"), network(name), name);
  return names;
}

Architecture StageInputs::network(const std::string& name) {
  for (const std::string& text : texts_) {
    if (text == name || name_in_run(text, "NETWORK") != name) continue;
    Architecture architecture =
        fitted(read_architecture(text.substr(text.find('=') + 1)), spaces().deploy);
    architecture.name = name;
    return architecture;
  }
  return network_of(run_->folder(), name, spaces().deploy);
}

Graph StageInputs::deployed(const Architecture& architecture) {
  return lower(architecture, spaces().preprocess);
}

Graph StageInputs::trained(const Architecture& architecture) {
  return lower(spaces().trained(architecture), spaces().preprocess);
}

bool StageInputs::has_budget(const std::string& device) const {
  return std::ranges::count(sweep_.front(), device, &Budget::device) > 0;
}

bool StageInputs::timed_elsewhere(const std::string& device) const {
  return !config_.latency.timings.empty() && device != "MYRIADX" && device != macs_device;
}

CostModel StageInputs::cost_model_of(const std::string& device) const {
  return cost_model(device, mode_of(device), config_.latency.runner);
}

const TrainingModule& StageInputs::training() {
  if (training_ != nullptr) return *training_;
  const TrainingModule& module = training_module();
  module.set_threads(workers_);
  const std::string device = module.choose_device(config_.run.device, group_.local_rank());
  if (config_.run.device != "cpu") work_.note("run", cat("computes on ", device));
  cuda_graphs_ = config_.run.cuda_graphs && device != "cpu";
  if (cuda_graphs_) module.check_cuda_graphs();
  if (config_.run.cuda_graphs && !cuda_graphs_)
    work_.note("run", "run.cuda_graphs: there are none on a CPU");
  training_ = &module;
  return module;
}

std::shared_ptr<DeviceClient> StageInputs::device() {
  if (!device_) device_ = device_client("");
  return device_;
}

}  // namespace vpunas
