#include <map>
#include <set>

#include "base/text.h"
#include "pipeline/cost_model.h"
#include "pipeline/results.h"
#include "pipeline/stages.h"

namespace vpunas {
namespace {

// One device's clients, files and predictions of the run's networks.
struct Benchmarked {
  std::string device;
  std::shared_ptr<DeviceClient> client;
  std::string model;                  // the exported file that is measured
  std::optional<LatencyTable> table;  // where the run has one of this device
};

Benchmarked benchmark_on(StageInputs& in, const std::string& name) {
  Benchmarked on{name, nullptr, "model.xml", {}};
  // A runner of the user's own may know no OpenVINO, but every one knows ONNX.
  if (!in.config().latency.runner.empty() && name == in.config().latency.device) {
    on.client = device_client(in.config().latency.runner);
    on.model = "model.onnx";
  } else {
    on.client = in.device();
  }
  if (in.has_budget(name) && in.mode_of(name) == parse_mode(in.config().benchmark.mode))
    on.table = read_table(in.table_file(name), in.spaces().deploy);
  return on;
}

}  // namespace

// Networks are measured in turns, so that what disturbs the machine for a while disturbs all.
void benchmark_stage(StageInputs& in) {
  Json rows = Json::array();
  const auto add_row = [&](const std::string& name, const std::string& on,
                           const std::string& runtime, Mode how, const std::string& precision,
                           const std::optional<Latency>& predicted, const Json& measured) {
    const Graph graph = in.deployed(in.network(name));
    const fs::path trained_path = in.file("train/" + name + "/train.json");
    rows.push_back(
        {{"network", name},
         {"device", on},
         {"runtime", runtime},
         {"mode", mode_name(how)},
         {"precision", precision},
         {"predicted", predicted ? to_json(*predicted) : Json()},
         {"measured", measured},
         {"macs", count_macs(graph)},
         {"parameters", count_parameters(graph)},
         {"test_accuracy", fs::exists(trained_path)
                               ? read_json(trained_path, "vpunas.train/1").at("test_accuracy")
                               : Json()}});
  };
  // As the search priced it, where it did.
  const Mode mode = in.has_budget("MYRIADX") ? in.mode_of("MYRIADX") : Mode::throughput;
  const LatencyFn model = cost_model("MYRIADX", mode).estimate;
  for (const std::string& name : in.networks())
    add_row(name, "MYRIADX", "vpunas model", mode, "FP16", model(in.deployed(in.network(name))),
            Json());
  MeasureOptions options;
  options.mode = parse_mode(in.config().benchmark.mode);
  options.seconds = in.config().benchmark.seconds / in.config().benchmark.rounds;
  for (const std::string& name : in.config().benchmark.devices) {
    if (name == "MYRIADX") continue;
    const Benchmarked on = benchmark_on(in, name);
    in.work().note("benchmark", "measuring on " + name);
    std::map<std::string, std::vector<Measurement>> rounds;
    std::set<std::string> cannot;
    for (int round = 0; round < in.config().benchmark.rounds; ++round) {
      for (const std::string& net : in.networks()) {
        if (in.work().stop.stop_requested()) throw Interrupted("stopped while measuring");
        if (cannot.contains(net)) continue;
        try {
          rounds[net].push_back(
              on.client->measure(in.file("export/" + net + "/" + on.model), name, options));
        } catch (const CannotRun& reason) {
          in.work().warn("benchmark", reason.what());
          cannot.insert(net);
        }
      }
    }
    for (const std::string& net : in.networks()) {
      if (cannot.contains(net)) continue;
      const Measurement all = pooled(rounds.at(net));
      const Architecture architecture = in.network(net);
      // Blocks alone do not make a network of the space.
      const bool of_space = architecture.stem == in.spaces().deploy.stem &&
                            architecture.head == in.spaces().deploy.head;
      add_row(net, name, all.runtime, options.mode, all.precision,
              on.table && of_space ? on.table->find(architecture) : std::nullopt, to_json(all));
    }
  }
  write_json(in.file("benchmark.json"), "vpunas.benchmark/1", {{"rows", rows}});
}

}  // namespace vpunas
