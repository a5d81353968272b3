#include "pipeline/cost_model.h"

#include <algorithm>

#include "base/text.h"

namespace vpunas {
namespace {

LatencyTable model_table(const SearchSpace& space, const Preprocess& preprocess,
                         const CostModel& device, const Work& work) {
  return build_table(space, preprocess, device.estimate,
                     {.device = device.device,
                      .runtime = device.runtime,
                      .mode = device.mode,
                      .precision = device.precision,
                      .repeats = 0,
                      .date = timestamp()},
                     work);
}

}  // namespace

myriadx::TimeModel time_model(myriadx::Regime regime) {
  return myriadx::read_time_model(data_folder() / "myriadx.json", regime);
}

ProfileOptions profile_options(const ProfileConfig& config) {
  ProfileOptions options;
  options.counts = {.fitted = config.networks, .checked = config.checks};
  options.timing.tolerance = config.tolerance;
  options.timing.minutes = config.minutes;
  return options;
}

Mode mode_for(const std::string& mode, const std::string& device) {
  if (mode != "auto") return parse_mode(mode);
  const bool model = device == "MYRIADX" || device == macs_device;
  return model ? Mode::throughput : Mode::latency;
}

std::shared_ptr<DeviceClient> device_client(const std::string& runner,
                                            std::chrono::seconds timeout) {
  return std::make_shared<DeviceClient>(
      runner.empty() ? default_runner()
                     : std::vector<std::string>{"/bin/sh", "-c", "exec " + runner},
      timeout);
}

Latency estimate_latency(const CostModel& device, const Graph& graph) {
  const auto priced = device.estimate(graph);
  if (!priced) fail("network ", graph.name, ": ", device.device, " cannot run it");
  return *priced;
}

// Names of OpenVINO and DepthAI that are no device of their own.
void refuse_other_spellings(const std::string& device) {
  std::string upper = device;
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
  for (const char* several : {"MULTI", "AUTO", "HETERO", "BATCH"})
    if (upper == several || upper.starts_with(cat(several, ":")))
      fail("device ", excerpt(device), ": ", several,
           " chooses among devices, whose times are not its own; name one, as CPU or GPU.0, or ",
           "several as CPU,GPU.0 where a list is taken");
  if (upper.starts_with("OAK") || upper == "RVC2" || upper == "VPU")
    fail("device ", excerpt(device), ": its chip is the MyriadX: use MYRIADX, the built-in model, ",
         "or time the networks on the camera by hand (vpunas profile --emit)");
  if (upper != device && (upper == "MYRIADX" || upper == "MYRIAD" || upper == macs_device ||
                          upper == "CPU" || upper == "NPU" || upper.starts_with("GPU")))
    fail("device ", excerpt(device), ": devices are written in capitals: ", upper);
}

CostModel cost_model(const std::string& device, Mode mode, const std::string& runner) {
  if (runner.empty()) refuse_other_spellings(device);
  if (device == "MYRIADX") {
    const myriadx::TimeModel model =
        time_model(mode == Mode::latency ? myriadx::Regime::latency : myriadx::Regime::throughput);
    return {myriadx::latency_fn(model), device, "vpunas model " + model.version, "FP16", mode};
  }
  if (device == macs_device) return {count_mmacs, device, "counted", "exact", mode};
  const std::shared_ptr<DeviceClient> client = device_client(runner);
  const auto devices = client->devices();
  const bool known = std::any_of(devices.begin(), devices.end(), [&](const DeviceInfo& info) {
    return info.name == device || info.name.starts_with(device + ".");
  });
  if (!known) {
    std::vector<std::string> names{"MYRIADX (the built-in model)", "MACS (a count)"};
    for (const DeviceInfo& info : devices) names.push_back(info.name);
    fail("device ", device, " is not here; there are: ", join(names),
         device.starts_with("MYRIAD")
             ? ". MYRIAD is the stick under OpenVINO 2022.3, MYRIADX the model that needs none"
             : "");
  }
  const std::string runtime = client->runtime();
  return {
      latency_fn(client, device, {.mode = mode}), device, runtime, "device default", mode, client};
}

LatencyTable make_latency_table(const SearchSpace& space, const Preprocess& preprocess,
                                const CostModel& device, const ProfileConfig& config,
                                const std::filesystem::path& timings, const Work& work) {
  if (!device.client) return model_table(space, preprocess, device, work);
  return profile_device(space, preprocess, device.client, device.device, device.mode,
                        profile_options(config), timings, work);
}

LatencyTable make_latency_table(const SearchSpace& space, const Preprocess& preprocess,
                                const CostModel& device, const Work& work) {
  if (device.client) {
    fail("device ", device.device, " is measured, which takes minutes: vpunas profile --space ",
         space.name, " -d ", device.device);
  }
  return model_table(space, preprocess, device, work);
}

std::string check_text(const LatencyTable& table) {
  const TableCheck& check = table.check;
  if (check.networks.empty()) return "";
  std::string text =
      cat("predicts ", check.networks.size(), " networks that it was not fitted to within ",
          fixed(100 * check.mean_abs_error(), 1),
          " % (mean absolute error); rank "
          "correlation ",
          fixed(check.rank_correlation(), 3));
  if (check.repeat_rank_correlation() != 0) {
    text += cat(", of two measurements ", fixed(check.repeat_rank_correlation(), 3),
                ", which differ by ", fixed(100 * check.repeat_mean_abs_difference(), 1), " %");
  }
  return text;
}

}  // namespace vpunas
