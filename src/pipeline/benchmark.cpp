#include "pipeline/benchmark.h"

#include <algorithm>
#include <cmath>

#include "base/statistics.h"
#include "onnx/onnx.h"
#include "pipeline/cost_model.h"
#include "pipeline/networks.h"
#include "pipeline/results.h"

namespace vpunas {
namespace {

struct Device {
  std::string name;
  CostModel model;  // without an estimate where there is no model of it
  bool measured() const { return model.client != nullptr; }
};

// MYRIAD is the stick whose model is MYRIADX.
Device find_device(const std::string& name, Mode mode, const std::string& runner) {
  Device device{name, cost_model(name, mode, runner)};
  if (device.measured())
    device.model.estimate =
        name.starts_with("MYRIAD") ? cost_model("MYRIADX", mode).estimate : LatencyFn();
  return device;
}

struct Network {
  std::string name;
  std::optional<Graph> graph;  // an .xml file is measured as it is
  fs::path model;              // what devices are given
  bool random = false;
};

bool is_ir(const std::string& name) { return fs::path(name).extension() == ".xml"; }

Network ir_file(const std::string& path, int size) {
  if (!fs::is_regular_file(path)) fail(path, ": no such model; `vpunas export` writes one");
  if (size > 0) fail(path, ": its input has the size that it was exported with; give its network");
  return {path, {}, path};
}

// Writes `onnx`: random weights would be thrown away otherwise.
Network with_weights(const std::string& name, int size, const fs::path& onnx) {
  const LoadedNetwork network = load_network(name, size);
  const FoldedNetwork folded = fold(network.graph, network.weights);
  write_onnx(onnx, folded.graph, folded.weights);
  return {name, network.graph, onnx, network.random};
}

// Compiling may take two minutes, and an inference a second where their number was asked for.
std::chrono::seconds time_limit(const MeasureOptions& options) {
  const auto seconds = static_cast<int64_t>(std::ceil(options.seconds));
  return std::chrono::seconds(120 + seconds + options.iterations + options.warmup);
}

Timing without_figures(const Network& network, const Device& device, Mode mode) {
  Timing timing{.network = network.name,
                .device = device.name,
                .runtime = device.model.runtime,
                .precision = device.model.precision,
                .mode = mode,
                .random_weights = device.measured() && network.random};
  if (network.graph) timing.counts = {count_macs(*network.graph), count_parameters(*network.graph)};
  return timing;
}

void predict(Timing& timing, const Network& network, const Device& device) {
  if (!device.model.estimate || (device.measured() && !network.graph)) return;
  if (!network.graph) {
    fail(network.name, ": ", device.name,
         " is no runtime for .xml files; give a network of the zoo, an architecture, graph or "
         "ONNX file");
  }
  timing.predicted = device.model.estimate(*network.graph);
  if (!timing.predicted && !device.measured())
    timing.unsupported = cat(device.name, " cannot run ", network.name);
}

void measure(Timing& timing, const fs::path& model, const MeasureOptions& options,
             DeviceClient& client) {
  if (!timing.unsupported.empty()) return;  // in an earlier round
  try {
    timing.rounds.push_back(client.measure(model, timing.device, options));
    timing.runtime = timing.rounds.back().runtime;
    timing.precision = timing.rounds.back().precision;
  } catch (const CannotRun& reason) {
    timing.unsupported = reason.what();
  }
}

}  // namespace

std::vector<Timing> time_networks(const TimingRequest& request, const Work& work) {
  const Mode mode = request.measure.mode;
  std::vector<Device> devices;
  for (const std::string& name : request.devices)
    devices.push_back(find_device(name, mode, request.runner));
  const auto measured = std::ranges::count_if(devices, &Device::measured);
  const TemporaryFolder folder;
  std::vector<Network> networks;
  std::vector<Timing> timings;
  for (const std::string& name : request.networks) {
    if (is_ir(name))
      networks.push_back(ir_file(name, request.size));
    else if (measured == 0)
      networks.push_back({name, load_graph(name, request.size), {}});
    else
      networks.push_back(with_weights(name, request.size,
                                      folder.path() / cat("network_", networks.size(), ".onnx")));
    for (const Device& device : devices) {
      timings.push_back(without_figures(networks.back(), device, mode));
      predict(timings.back(), networks.back(), device);
    }
  }
  if (measured > 0) {
    const auto client = device_client(request.runner, time_limit(request.measure));
    Event event{.kind = Event::Kind::begin, .stage = "benchmark", .what = "measuring"};
    event.total = request.rounds * measured * std::ssize(networks);
    work.report(event);
    event.kind = Event::Kind::step;
    for (int round = 0; round < request.rounds; ++round) {
      for (size_t i = 0; i < timings.size(); ++i) {
        if (!devices[i % devices.size()].measured()) continue;
        if (work.stop.stop_requested()) throw Interrupted("stopped before the end of measuring");
        measure(timings[i], networks[i / devices.size()].model, request.measure, *client);
        ++event.done;
        work.report(event);
      }
    }
    event.kind = Event::Kind::end;
    work.report(event);
  }
  const auto failed = [](const Timing& timing) { return !timing.unsupported.empty(); };
  if (std::ranges::all_of(timings, failed)) fail(timings.at(0).unsupported);
  return timings;
}

Json to_json(const Timing& timing, const std::vector<double>& percentiles) {
  Json json = {{"network", timing.network},
               {"device", timing.device},
               {"runtime", timing.runtime},
               {"mode", mode_name(timing.mode)},
               {"precision", timing.precision},
               {"random_weights", timing.random_weights},
               {"macs", nullptr},
               {"parameters", nullptr},
               {"predicted", nullptr},
               {"measured", nullptr},
               {"unsupported", nullptr}};
  if (timing.counts) {
    json["macs"] = timing.counts->macs;
    json["parameters"] = timing.counts->parameters;
  }
  if (timing.predicted) json["predicted"] = to_json(*timing.predicted);
  if (!timing.unsupported.empty()) json["unsupported"] = timing.unsupported;
  if (timing.rounds.empty()) return json;
  Measurement all = pooled(timing.rounds);
  Json& measured = json["measured"] = to_json(all);
  std::ranges::sort(all.samples_us);
  measured["percentiles"] = Json::array();
  for (const double percent : percentiles) {
    measured["percentiles"].push_back(
        {{"percent", percent}, {"ms", quantile(all.samples_us, percent / 100) / 1000}});
  }
  for (const Measurement& round : timing.rounds) {
    measured["rounds"].push_back(
        {{"median_ms", round.median_ms}, {"fps", round.fps}, {"samples_us", round.samples_us}});
  }
  return json;
}

}  // namespace vpunas
