// What the stages of a run share: settings, images, spaces, networks, devices.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/progress.h"
#include "device/client.h"
#include "pipeline/cost_model.h"
#include "pipeline/run.h"
#include "training/module.h"

namespace vpunas {

// Made anew by every process that works at a run. What is dear (images, spaces, libtorch, a device)
// is made when it is first asked for.
class StageInputs {
 public:
  // `run` is null in a process that follows another one. All must stay.
  StageInputs(Run* run, const Config& config, const ProcessGroup& group, const Work& work);

  const Run& run() const { return *run_; }
  const Config& config() const { return config_; }
  const ProcessGroup& group() const { return group_; }
  const Work& work() const { return work_; }
  uint64_t seed() const { return static_cast<uint64_t>(config_.run.seed); }
  int workers() const { return workers_; }  // threads that compute, and as many that load images
  // Tells the processes that follow what to do.
  void tell(const Json& what) const { group_.broadcast(what.dump()); }

  // A file of the run folder.
  std::filesystem::path file(const std::filesystem::path& relative) const {
    return run_->folder() / relative;
  }
  // The table of the first device that budgets name is latency.json, those of others have its name.
  std::filesystem::path table_file(const std::string& device) const;

  // Images as squares of `side` pixels. train_data(): at training size, which networks of smaller
  // inputs scale; exported networks are compared on those at deployment size.
  const Dataset& data(int side);
  const Dataset& train_data();
  const Spaces& spaces();

  // "found" and the baselines, by their names in the run.
  std::vector<std::string> networks() const { return run_->networks(); }
  // Further networks as the user names them (as run.baselines does); returns their names in the
  // run, whose folder keeps their architectures.
  std::vector<std::string> add_networks(const std::vector<std::string>& texts);
  // By its name in the run.
  Architecture network(const std::string& name);
  Graph deployed(const Architecture& architecture);
  Graph trained(const Architecture& architecture);

  // Budgets by point of the sweep and device; the first point is the search's own.
  const std::vector<std::vector<Budget>>& sweep() const { return sweep_; }
  bool has_budget(const std::string& device) const;
  // Whether its table was made elsewhere (latency.timings).
  bool timed_elsewhere(const std::string& device) const;
  Mode mode_of(const std::string& device) const { return mode_for(config_.latency.mode, device); }
  CostModel cost_model_of(const std::string& device) const;

  // libtorch, on the threads and the device of the settings.
  const TrainingModule& training();
  bool cuda_graphs() const { return cuda_graphs_; }  // known once training() is
  // OpenVINO on this machine.
  std::shared_ptr<DeviceClient> device();

 private:
  int channels();

  Run* run_;
  const Config& config_;
  const ProcessGroup& group_;
  const Work& work_;
  std::vector<std::string> texts_;  // networks as the user named them
  std::vector<std::vector<Budget>> sweep_;
  int workers_;
  const TrainingModule* training_ = nullptr;
  bool cuda_graphs_ = false;
  int channels_ = 0;
  std::map<int, std::unique_ptr<Dataset>> datasets_;
  std::unique_ptr<Spaces> spaces_;
  std::shared_ptr<DeviceClient> device_;
};

}  // namespace vpunas
