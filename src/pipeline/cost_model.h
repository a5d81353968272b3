// Devices by name, as prices of whole networks and as tables of a space.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "device/profiler.h"
#include "latency/latency.h"
#include "myriadx/time.h"
#include "pipeline/config.h"

namespace vpunas {

// The built-in MyriadX's constants, of the data folder.
myriadx::TimeModel time_model(myriadx::Regime regime = myriadx::Regime::throughput);

// `mode` of the configuration for a device; "auto" is throughput for models, as published figures
// of the MyriadX are, and latency for measured devices.
Mode mode_for(const std::string& mode, const std::string& device);

// A client of `runner`, a shell command that speaks the device protocol (docs/formats.md); empty:
// the vpunas-device beside the program. `timeout`: of one request.
std::shared_ptr<DeviceClient> device_client(
    const std::string& runner, std::chrono::seconds timeout = std::chrono::seconds(120));

// What estimates the latency of whole networks on one device.
struct CostModel {
  LatencyFn estimate;
  std::string device, runtime, precision;
  Mode mode = Mode::throughput;
  std::shared_ptr<DeviceClient> client = {};  // null: a model, which needs no measuring
};

// Of the whole network. Throws Error where the device cannot run it.
Latency estimate_latency(const CostModel& device, const Graph& graph);

// MYRIADX, MACS, or what the client of `runner` drives. Throws Error naming the devices there are.
CostModel cost_model(const std::string& device, Mode mode, const std::string& runner = "");

ProfileOptions profile_options(const ProfileConfig& config);

// The space's table on a device: a model's directly, a measured one's by profile_device(), which
// keeps its timings in `timings`.
LatencyTable make_latency_table(const SearchSpace& space, const Preprocess& preprocess,
                                const CostModel& device, const ProfileConfig& config,
                                const std::filesystem::path& timings, const Work& work);

// A model's table. Throws Error for a device that is measured.
LatencyTable make_latency_table(const SearchSpace& space, const Preprocess& preprocess,
                                const CostModel& device, const Work& work);

// "predicts 30 networks that it was not fitted to within 2.1 % (mean absolute error); rank
// correlation 0.997, of two measurements 0.999, which differ by 1.2 %"; "" where it has no check.
std::string check_text(const LatencyTable& table);

}  // namespace vpunas
