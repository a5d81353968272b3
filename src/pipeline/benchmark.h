// Networks timed on devices outside a run, as OpenVINO's benchmark_app times them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "device/client.h"
#include "latency/latency.h"

namespace vpunas {

struct TimingRequest {
  std::vector<std::string> networks;  // as load_network takes them, and .xml files of OpenVINO
  std::vector<std::string> devices;
  std::string runner = {};  // as device_client() takes it
  int size = 0;             // input side, 0: the networks' own
  int rounds = 1;           // in a round every network is measured once on every device
  MeasureOptions measure;   // of one network on one device in one round
};

// One network on one device.
struct Timing {
  struct Counts {
    int64_t macs = 0, parameters = 0;
  };
  std::string network;  // as it was asked for
  std::string device, runtime, precision;
  Mode mode = Mode::latency;
  std::optional<Counts> counts = {};      // none of an .xml file
  std::optional<Latency> predicted = {};  // in the device's unit, where there is a model of it
  std::vector<Measurement> rounds = {};   // none where the device is but a model
  bool random_weights = false;            // in what was measured
  std::string unsupported = {};           // why the device cannot run the network; "" where it can
};

// A timing of every network on every device, network by network. Rounds take all of them in turn,
// so that what disturbs the machine for a while disturbs all. Throws Error before anything is
// measured where a network or device is not there, and where no device can run any network.
std::vector<Timing> time_networks(const TimingRequest& request, const Work& work);

// As a row of vpunas.timing/1.
Json to_json(const Timing& timing, const std::vector<double>& percentiles);

}  // namespace vpunas
