#include "pipeline/stages.h"

#include <sys/utsname.h>

#include <memory>
#include <thread>

#include "base/text.h"
#include "latency/census.h"
#include "learn/checkpoint.h"
#include "learn/evaluate.h"
#include "learn/runtime.h"
#include "myriadx/explanation.h"
#include "output/report.h"
#include "pipeline/deliver.h"
#include "pipeline/results.h"

namespace vpunas {
namespace {

// One sitting at a run: what its stages share, made when first needed.
class Sitting {
 public:
  Sitting(Run& run, const Work& work) : run_(run), config_(run.config()), work_(work) {
    set_threads(config_.run.workers);
  }

  void do_stage(Stage stage) {
    switch (stage) {
      case Stage::profile:
        return profile();
      case Stage::search:
        return search_network();
      case Stage::train:
        return train_networks();
      case Stage::exporting:
        return export_networks();
      case Stage::benchmark:
        return benchmark();
      case Stage::report:
        return report();
    }
  }

 private:
  fs::path file(const fs::path& relative) const { return run_.folder() / relative; }
  uint64_t seed() const { return static_cast<uint64_t>(config_.run.seed); }
  Mode mode() const { return parse_mode(config_.latency.mode); }

  // Work whose metrics also become lines of `history`.
  Work recorded(const fs::path& history) const {
    Work work = work_;
    work.report = [forward = work_.report, history](const Event& event) {
      if (event.kind == Event::Kind::metrics) {
        Json line = {{"stage", event.stage}, {"what", event.what}};
        for (const auto& [key, value] : event.metrics) line[key] = value;
        append_line(history, line.dump());
      }
      forward(event);
    };
    return work;
  }

  // Images at training size, and at deployment size where that differs.
  const Dataset& data(int side) {
    auto& dataset = datasets_[side];
    if (!dataset) {
      dataset = std::make_unique<Dataset>(read_dataset(
          config_.data, {.channels = channels(), .height = side, .width = side}, seed(), work_));
    }
    return *dataset;
  }
  int channels() {
    if (channels_ == 0) channels_ = dataset_channels(config_.data);
    return channels_;
  }
  const Dataset& train_data() { return data(input_sides(config_).train); }
  const Spaces& spaces() {
    if (!spaces_) {
      spaces_ = std::make_unique<Spaces>(spaces_of(config_, channels(), train_data().classes));
    }
    return *spaces_;
  }
  Augmentation augmentation() const {
    return {.crop_padding = config_.data.crop_padding, .flip = config_.data.flip};
  }

  Architecture network(const std::string& name) {
    return network_of(run_.folder(), name, spaces().deploy);
  }
  Graph deployed(const Architecture& architecture) {
    return lower(architecture, spaces().preprocess);
  }
  Graph trained(const Architecture& architecture) {
    return lower(with_input(architecture, spaces().train.input, spaces().train.classes),
                 spaces().preprocess);
  }

  Latency price(const LatencyFn& latency, const Architecture& architecture) {
    const auto priced = latency(deployed(architecture));
    if (!priced)
      fail("network ", architecture.name, ": ", config_.latency.device, " cannot run it");
    return *priced;
  }

  DeviceClient& device() {
    if (!device_) device_ = std::make_unique<DeviceClient>(default_runner());
    return *device_;
  }

  void profile();
  void search_network();
  void train_networks();
  void export_networks();
  void benchmark();
  void report();
  void explain(const std::string& name);
  Json result() const;

  Run& run_;
  const Config& config_;
  const Work& work_;
  int channels_ = 0;
  std::map<int, std::unique_ptr<Dataset>> datasets_;
  std::unique_ptr<Spaces> spaces_;
  std::unique_ptr<DeviceClient> device_;
};

void Sitting::profile() {
  const Pricing device = pricing(config_.latency.device, mode());
  const LatencyTable table = price_space(spaces().deploy, spaces().preprocess, device, work_);
  const LatencyRange range = latency_range(spaces().deploy, table);
  work_.note("profile",
             cat("space ", spaces().deploy.name, ": ", count_networks(spaces().deploy),
                 " networks, ", fixed(range.least.ms, 3), " to ", fixed(range.greatest.ms, 3), " ",
                 unit_of(device.device), " on ", device.device, " (", mode_name(device.mode),
                 ", input ", spaces().deploy.input, ")"));
  write_table(file("latency.json"), table);
}

void Sitting::search_network() {
  const Pricing device = pricing(config_.latency.device, mode());
  const Budget budget = parse_budget(config_.latency.budget, device.device);
  const char* unit = unit_of(device.device);
  double reference_ms = 0;
  if (!budget.reference.empty()) reference_ms = price(device.price, network(budget.reference)).ms;
  SearchProblem problem{
      .train_space = spaces().train,
      .deploy_space = spaces().deploy,
      .preprocess = spaces().preprocess,
      .table = read_table(file("latency.json"), spaces().deploy),
      .budget_ms = budget.reference.empty() ? budget.value : budget.value * reference_ms,
      .price = [&](const Architecture& a) { return device.price(deployed(a)); }};
  const LatencyRange range = latency_range(problem.deploy_space, problem.table);
  work_.note("search",
             cat("budget ", fixed(problem.budget_ms, 3), " ", unit, " (", to_string(budget),
                 ") on ", device.device, "; the space reaches from ", fixed(range.least.ms, 3),
                 " to ", fixed(range.greatest.ms, 3), " ", unit));
  const SearchResult found =
      search(problem, train_data(), augmentation(), config_.search, seed(), config_.run.workers,
             file("search/checkpoint.safetensors"), recorded(file("search/history.jsonl")));
  for (const std::string& warning : found.warnings) work_.warn("search", warning);
  Json json = {{"algorithm", config_.search.algorithm},
               {"space", problem.deploy_space.name},
               {"space_hash", problem.table.space_hash},
               {"seed", config_.run.seed},
               {"device", device.device},
               {"mode", mode_name(device.mode)},
               {"budget_ms", problem.budget_ms},
               {"budget", config_.latency.budget},
               {"reference_ms", reference_ms},
               {"least_ms", range.least.ms},
               {"greatest_ms", range.greatest.ms},
               {"fits_high", found.predicted.high_ms <= problem.budget_ms}};
  json.update(to_json(found));
  write_json(file("search.json"), "vpunas.search/1", json);
  write_architecture(file("architectures/found.json"),
                     choose(problem.deploy_space, found.choice, "found"));
  for (const std::string& name : config_.run.baselines)
    write_architecture(file("architectures/" + name + ".json"), network(name));
  for (const std::string& name : run_.networks()) explain(name);
  work_.note("search",
             cat("found a network of ", fixed(found.predicted.ms, 3), " ", unit, ", ",
                 fixed(100 * found.predicted.ms / problem.budget_ms, 1), " % of the budget"));
}

void Sitting::explain(const std::string& name) {
  Json explanation = myriadx::explanation(
      myriadx::map(deployed(network(name)), myriadx::resources(2), myriadx::Precision::fp32),
      time_model());
  explanation["network"] = name;
  write_json(file("explain/" + name + ".json"), "vpunas.explain/2", explanation);
}

void Sitting::train_networks() {
  for (const std::string& name : run_.networks()) {
    const fs::path folder = file("train/" + name);
    if (fs::exists(folder / "train.json")) continue;
    const Architecture architecture = network(name);
    Graph graph = trained(architecture);
    graph.name = name;
    const TrainResult result =
        train(graph, train_data(), augmentation(), config_.train, seed(), config_.run.workers,
              folder / "checkpoint.safetensors", recorded(folder / "history.jsonl"));
    const Evaluation validation = evaluate(graph, result.weights, train_data().validation);
    const Evaluation test = evaluate(graph, result.weights, train_data().test);
    write_safetensors(folder / "weights.safetensors", result.weights,
                      {{"network", name}, {"format", "pt"}});
    write_json(folder / "train.json", "vpunas.train/1",
               {{"network", name},
                {"macs", count_macs(graph)},
                {"parameters", count_parameters(graph)},
                {"classes", spaces().train.classes},
                {"epochs", config_.train.epochs},
                {"images_seen", result.images_seen},
                {"seconds", result.seconds},
                {"validation_accuracy", validation.accuracy},
                {"test_accuracy", test.accuracy},
                {"test_loss", test.loss},
                {"test_images", test.images},
                {"curve", to_json(result.curve)}});
    fs::remove(folder / "checkpoint.safetensors");
    work_.note("train", cat(name, ": test accuracy ", fixed(100 * test.accuracy, 2), " % after ",
                            result.images_seen, " images in ", duration(result.seconds)));
  }
}

void Sitting::export_networks() {
  for (const std::string& name : run_.networks()) {
    const Architecture architecture = network(name);
    Graph graph = deployed(architecture);
    graph.name = name;
    const fs::path weights = file("train/" + name + "/weights.safetensors");
    if (!fs::exists(weights))
      fail(weights.string(), ": ", name, " is not trained yet; run `vpunas train` first");
    deliver(architecture, graph, read_safetensors(weights), data(input_sides(config_).deploy).test,
            config_.exporting, device(), file("export/" + name), work_);
  }
}

void Sitting::benchmark() {
  Json rows = Json::array();
  const LatencyFn model = pricing("MYRIADX", Mode::throughput).price;
  MeasureOptions options;
  options.mode = parse_mode(config_.benchmark.mode);
  options.seconds = config_.benchmark.seconds;
  for (const std::string& name : run_.networks()) {
    const Graph graph = deployed(network(name));
    const fs::path trained_path = file("train/" + name + "/train.json");
    const Json accuracy = fs::exists(trained_path)
                              ? read_json(trained_path, "vpunas.train/1").at("test_accuracy")
                              : Json();
    const auto row = [&](const std::string& on, const std::string& runtime, Mode how,
                         const std::string& precision, const Json& predicted,
                         const Json& measured) {
      rows.push_back({{"network", name},
                      {"device", on},
                      {"runtime", runtime},
                      {"mode", mode_name(how)},
                      {"precision", precision},
                      {"predicted", predicted},
                      {"measured", measured},
                      {"macs", count_macs(graph)},
                      {"parameters", count_parameters(graph)},
                      {"test_accuracy", accuracy}});
    };
    const auto predicted = model(graph);
    row("MYRIADX", "vpunas model", Mode::throughput, "FP16",
        predicted ? to_json(*predicted) : Json(), Json());
    for (const std::string& on : config_.benchmark.devices) {
      if (on == "MYRIADX") continue;
      work_.note("benchmark", cat("measuring ", name, " on ", on));
      const Measurement m = device().measure(file("export/" + name + "/model.xml"), on, options);
      row(on, m.runtime, options.mode, m.precision, Json(), to_json(m));
    }
  }
  write_json(file("benchmark.json"), "vpunas.benchmark/1", {{"rows", rows}});
}

std::string machine() {
  utsname name{};
  uname(&name);
  return cat(name.sysname, " ", name.machine, ", ", std::thread::hardware_concurrency(), " cores");
}

Json Sitting::result() const {
  const auto read = [&](const fs::path& path, const char* schema) {
    return fs::exists(file(path)) ? read_json(file(path), schema) : Json::object();
  };
  const Json search = read("search.json", "vpunas.search/1");
  const Json exported = read("export/found/export.json", "vpunas.export/1");
  const Json benchmarks = read("benchmark.json", "vpunas.benchmark/1");
  const auto accuracy = [&](const std::string& name) {
    return read("train/" + name + "/train.json", "vpunas.train/1").value("test_accuracy", Json());
  };
  Json mobilenet_ms, cpu_ms;
  for (const Json& row : benchmarks.value("rows", Json::array())) {
    if (row["network"] == "mobilenet_v2" && row["device"] == "MYRIADX" &&
        !row["predicted"].is_null()) {
      mobilenet_ms = row["predicted"]["ms"];
    }
    if (row["network"] == "found" && row["device"] == "CPU" && !row["measured"].is_null()) {
      cpu_ms = row["measured"]["median_ms"];
    }
  }
  double total = 0;
  Json seconds = Json::object();
  for (const Stage stage : all_stages) {
    if (stage == Stage::report) continue;  // it is being made
    seconds[stage_name(stage)] = run_.seconds(stage);
    total += run_.seconds(stage);
  }
  return {{"version", version()},
          {"date", timestamp()},
          {"machine", machine()},
          {"seconds_total", total},
          {"seconds", seconds},
          {"test_accuracy", accuracy("found")},
          {"mobilenet_v2_accuracy", accuracy("mobilenet_v2")},
          {"predicted_ms", search.at("predicted").at("ms")},
          {"budget_ms", search.at("budget_ms")},
          {"mobilenet_v2_ms", mobilenet_ms},
          {"measured_cpu_ms", cpu_ms},
          {"onnx_top1_agreement", exported.at("onnx").at("top1_agreement")},
          {"ir_top1_agreement", exported.at("ir").at("top1_agreement")}};
}

void Sitting::report() {
  write_json(file("result.json"), "vpunas.result/1", result());
  write_file(file("report.html"), report_html(run_.folder()));
}

}  // namespace

void run_until(Run& run, Stage last, const Work& work) {
  Sitting sitting(run, work);
  for (const Stage stage : all_stages) {
    if (stage > last) break;
    if (run.is_done(stage)) continue;
    if (work.stop.stop_requested()) throw Interrupted(cat("stopped before ", stage_name(stage)));
    const Stopwatch watch;
    sitting.do_stage(stage);
    run.set_done(stage, watch.seconds());
  }
}

}  // namespace vpunas
