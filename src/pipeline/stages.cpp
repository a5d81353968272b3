#include "pipeline/stages.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "arch/zoo.h"
#include "base/clock.h"
#include "base/processors.h"
#include "base/text.h"
#include "myriadx/explanation.h"
#include "output/report.h"
#include "pipeline/export_network.h"
#include "pipeline/history.h"
#include "pipeline/networks.h"
#include "pipeline/pricing.h"
#include "pipeline/results.h"
#include "pipeline/samples.h"
#include "pipeline/training.h"
#include "search/feasibility.h"
#include "training/module.h"

namespace vpunas {
namespace {

// One sitting at a run: what its stages share, made when first needed.
class Sitting {
 public:
  // Without a run: of a process that follows another one's.
  Sitting(Run* run, const Config& config, const ProcessGroup& group, const Work& work)
      : run_(run),
        config_(config),
        group_(group),
        work_(work),
        asked_(config_.run.baselines),
        ladder_(parse_budgets(config_.latency.budget, config_.latency.device)),
        workers_(config_.run.workers > 0 ? config_.run.workers
                                         : std::max(1, processor_count() / group_.local_size())) {
    if (config_.run.device != "cpu") training();  // a GPU that is not there is told at once
  }

  void do_stage(Stage stage) {
    switch (stage) {
      case Stage::profile:
        return profile();
      case Stage::search:
        return search_network();
      case Stage::train:
        return train(run_->networks());
      case Stage::exporting:
        return export_networks();
      case Stage::benchmark:
        return benchmark();
      case Stage::report:
        return report();
    }
  }

  // Networks as run.baselines has them, beside those.
  void train_these(const std::vector<std::string>& networks) {
    asked_.insert(asked_.begin(), networks.begin(), networks.end());
    std::vector<std::string> names;
    for (const std::string& text : networks) names.push_back(name_in_run(text, "NETWORK"));
    for (const std::string& name : names) keep(network(name), name);
    train(names);
  }

  // Takes part in what the leading process tells, until it is done.
  void follow() {
    for (;;) {
      const Json told = Json::parse(group_.broadcast(""));
      const std::string what = told.at("do");
      if (what == "end") return;
      if (what == "search") {
        training().follow_search(search_training({}), work_, group_);
      } else {
        Graph graph = trained(architecture_from_json(told.at("network"), "the leading process"));
        graph.name = told.at("name");
        training().train(job(graph), train_data(), {}, work_, group_);
      }
    }
  }
  // The processes that follow.
  void tell(const Json& what) const { group_.broadcast(what.dump()); }

 private:
  fs::path file(const fs::path& relative) const { return run_->folder() / relative; }
  uint64_t seed() const { return static_cast<uint64_t>(config_.run.seed); }
  Mode mode_of(const std::string& on) const { return mode_for(config_.latency.mode, on); }

  // Images at training size, which networks of smaller inputs scale, and those that exported
  // networks are compared on at deployment size.
  const Dataset& data(int side) {
    auto& dataset = datasets_[side];
    if (!dataset) {
      // Nothing trains on other sizes, so their training images need not be held.
      const bool from_source =
          config_.augment.random_resized_crop || side != input_sides(config_).train;
      dataset = std::make_unique<Dataset>(
          read_dataset(config_.data, {.channels = channels(), .height = side, .width = side},
                       seed(), work_, from_source));
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

  // By its name in the run.
  Architecture network(const std::string& name) {
    for (const std::string& text : asked_) {
      if (text == name || name_in_run(text, "NETWORK") != name) continue;
      Architecture architecture =
          fitted(read_architecture(text.substr(text.find('=') + 1)), spaces().deploy);
      architecture.name = name;
      return architecture;
    }
    return network_of(run_->folder(), name, spaces().deploy);
  }
  // Other verbs find it there by its name.
  void keep(const Architecture& architecture, const std::string& name) {
    if (name == "found" || name.starts_with("pareto_")) return;  // the search's own
    const fs::path path = file("architectures/" + name + ".json");
    if (!fs::exists(path)) return write_architecture(path, architecture);
    if (read_architecture(path) != architecture) {
      fail(path.string(), ": is another network of this name; give yours its own, as other=FILE");
    }
  }
  Graph deployed(const Architecture& architecture) {
    return lower(architecture, spaces().preprocess);
  }
  Graph trained(const Architecture& architecture) {
    return lower(spaces().trained(architecture), spaces().preprocess);
  }

  // libtorch, on the threads and the device of the settings.
  const TrainingModule& training() {
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
  // OpenVINO on this machine.
  DeviceClient& device() {
    if (!device_) device_ = device_client("");
    return *device_;
  }
  Pricing pricing_of(const std::string& device) const {
    return pricing(device, mode_of(device), config_.latency.runner);
  }
  bool has_budget(const std::string& device) const {
    return std::ranges::count(ladder_.front(), device, &Budget::device) > 0;
  }
  bool timed_elsewhere(const std::string& device) const {
    return !config_.latency.timings.empty() && device != "MYRIADX" && device != macs_device;
  }

  fs::path table_file(const std::string& device) const;
  double reference_ms(const Budget& budget, const Pricing& device);
  SearchProblem problem();
  SearchTraining search_training(fs::path supernet_file);

  LatencyTable table_from_elsewhere(const std::string& device);
  void profile();
  void search_network();
  TrainJob job(const Graph& graph);
  void train(const std::vector<std::string>& names);
  void export_networks();
  struct Benchmark;
  Benchmark benchmark_on(const std::string& name);
  void benchmark();
  void report();
  void explain(const std::string& name);

  Run* run_;
  const Config& config_;
  const ProcessGroup& group_;
  const Work& work_;
  std::vector<std::string> asked_;            // networks as the user named them
  std::vector<std::vector<Budget>> ladder_;   // by rung and device
  int workers_;                               // threads that compute, and as many that load images
  const TrainingModule* training_ = nullptr;  // once it is loaded
  bool cuda_graphs_ = false;
  int channels_ = 0;
  std::map<int, std::unique_ptr<Dataset>> datasets_;
  std::unique_ptr<Spaces> spaces_;
  std::shared_ptr<DeviceClient> device_;
};

// The table of the first device that budgets name is latency.json, those of others have its name.
fs::path Sitting::table_file(const std::string& device) const {
  const std::string first = ladder_.front().front().device;
  return file(device == first ? "latency.json" : "latency_" + device + ".json");
}

LatencyTable Sitting::table_from_elsewhere(const std::string& device) {
  const fs::path path = config_.latency.timings;
  if (path.extension() != ".json") {
    return import_timings(spaces().deploy, spaces().preprocess,
                          profile_options(config_.profile).counts, path, device, mode_of(device));
  }
  LatencyTable table = read_table(path, spaces().deploy);
  const Provenance& of = table.provenance;
  if (of.device != device || of.mode != mode_of(device)) {
    fail(path.string(), ": is of ", of.device, " (", mode_name(of.mode), "), not of ", device, " (",
         mode_name(mode_of(device)), ")");
  }
  return table;
}

void Sitting::profile() {
  const SearchSpace& space = spaces().deploy;
  for (const Budget& budget : ladder_.front()) {
    const std::string& device = budget.device;
    const LatencyTable table =
        timed_elsewhere(device)
            ? table_from_elsewhere(device)
            : price_space(space, spaces().preprocess, pricing_of(device), config_.profile,
                          file("timings_" + device + ".json"), work_);
    const LatencyRange range = latency_range(space, table);
    work_.note("profile", cat("space ", space.name, ": ", count_networks(space), " networks, ",
                              fixed(range.least.ms, 3), " to ", fixed(range.greatest.ms, 3), " ",
                              unit_of(device), " on ", device, " (", mode_name(mode_of(device)),
                              ", input ", space.input, ")"));
    if (const std::string check = check_text(table); !check.empty())
      work_.note("profile", cat(device, ": the table ", check));
    write_table(table_file(device), table);
  }
}

// What the network that a budget is a share of takes. Kept where it is measured: a later sitting
// would measure something else, and its search would be another one.
double Sitting::reference_ms(const Budget& budget, const Pricing& device) {
  constexpr const char* schema = "vpunas.references/1";
  const fs::path path = file("search/references.json");
  const std::string name = cat(budget.device, " ", budget.reference);
  Json known = device.client && fs::exists(path) ? read_json(path, schema) : Json::object();
  if (known.contains(name)) return json_get<double>(known, name.c_str(), path.string());
  const double ms = price(device, deployed(network(budget.reference))).ms;
  if (!device.client) return ms;
  known[name] = ms;
  write_json(path, schema, known);
  return ms;
}

// Budgets in the devices' units.
SearchProblem Sitting::problem() {
  std::vector<LatencyTable> tables;
  std::vector<WholeCost> whole;
  std::vector<Budgets> sweep(ladder_.size());
  for (size_t d = 0; d < ladder_.front().size(); ++d) {
    const std::string& name = ladder_.front()[d].device;
    const LatencyTable& table = tables.emplace_back(read_table(table_file(name), spaces().deploy));
    std::optional<Pricing> priced;
    if (timed_elsewhere(name)) {
      whole.emplace_back([table](const Architecture& a) { return table.predict(a); });
    } else {
      priced = pricing_of(name);
      if (priced->client) {
        priced->price = network_timer(spaces().deploy, spaces().preprocess, priced->client,
                                      profile_options(config_.profile), table);
      }
      whole.emplace_back(
          [this, p = *priced](const Architecture& a) { return p.price(deployed(a)); });
    }
    for (size_t point = 0; point < sweep.size(); ++point) {
      const Budget& budget = ladder_[point][d];
      if (!priced && !budget.reference.empty()) {
        fail("budget ", to_string(budget), ": ", name, " is not here to price ", budget.reference,
             " (latency.timings); give the budget in ms");
      }
      sweep[point].push_back(
          budget.reference.empty() ? budget.value : budget.value * reference_ms(budget, *priced));
    }
  }
  return {.priced = PricedSpace(spaces().deploy, std::move(tables)),
          .whole = std::move(whole),
          .sweep = std::move(sweep)};
}

SearchTraining Sitting::search_training(fs::path supernet_file) {
  return {.space = spaces().train,
          .preprocess = spaces().preprocess,
          .data = train_data(),
          .augmentation = config_.augment,
          .supernet = config_.search.supernet,
          .alone = config_.train,
          .seed = seed(),
          .workers = workers_,
          .supernet_file = std::move(supernet_file)};
}

// For people: every slot's candidates, and what was chosen.
void name_choices(const SearchSpace& space, const Choice& choice, Json& json) {
  const Architecture found = choose(space, choice, "found");
  auto block = found.blocks.begin();
  for (size_t i = 0; i < choice.size(); ++i) {
    const Slot& slot = space.slots[i];
    Json& names = json["candidate_names"].emplace_back(Json::array());
    for (int j = 0; j < static_cast<int>(slot.size()); ++j) names.push_back(describe(slot, j));
    json["chosen"].push_back(block_of(slot, choice[i]) ? describe(*block++)
                                                       : describe(slot, choice[i]));
  }
}

void Sitting::search_network() {
  group_.part_of(config_.train.recipe.batch_size);  // throws before hours of work, not after them
  const SearchProblem asked = problem();
  const Budgets& budgets = asked.sweep.front();
  const SearchSpace& space = asked.priced.space();
  const Feasibility feasible = check_feasible(asked.priced, budgets);
  work_.note("search", to_string(feasible, asked.priced, budgets));
  tell({{"do", "search"}});
  const Work recording = recorded(work_, file("search"));
  const auto trainer = training().make_search_trainer(
      search_training(file("search/supernet.safetensors")), recording, group_);
  const SearchResult found =
      search(asked, *trainer, config_.search.search, seed(), file("search"), recording);
  for (const std::string& warning : found.trust.warnings) work_.warn("search", warning);
  const SelectedNetwork& selected = found.selection.selected();
  const LatencyTable& table = asked.priced.tables().front();
  const Budget& budget = ladder_.front().front();
  Json json = {{"algorithm", config_.search.search.strategy.algorithm},
               {"space", space.name},
               {"space_hash", table.space_hash},
               {"seed", config_.run.seed},
               {"device", table.provenance.device},
               {"mode", mode_name(table.provenance.mode)},
               {"budget_ms", budgets.front()},
               {"budget", config_.latency.budget},
               {"reference_ms", budget.reference.empty() ? 0 : budgets.front() / budget.value},
               {"least_ms", feasible.ranges.front().least.ms},
               {"median_ms", feasible.ranges.front().median_ms},
               {"greatest_ms", feasible.ranges.front().greatest.ms},
               {"networks", feasible.networks},
               {"networks_that_fit", feasible.fitting},
               {"fits_high", selected.latency.front().high_ms <= budgets.front()}};
  json.update(to_json(found));
  name_choices(space, found.choice(), json);
  for (size_t d = 0; d < budgets.size(); ++d) {
    const Latency& whole = selected.latency[d];
    const std::string& device = asked.priced.device(d);
    json["budgets"].push_back({{"device", device},
                               {"budget_ms", budgets[d]},
                               {"table_ms", selected.scored.costs[d]},
                               {"predicted", to_json(whole)},
                               {"fits_high", whole.high_ms <= budgets[d]}});
    work_.note("search",
               cat("found a network of ", fixed(whole.ms, 3), " ", unit_of(device), " on ", device,
                   ", ", fixed(100 * whole.ms / budgets[d], 1), " % of the budget"));
  }
  write_json(file("search.json"), "vpunas.search/2", json);
  write_architecture(file("architectures/found.json"), choose(space, found.choice(), "found"));
  for (size_t i = 0; i < found.front.size(); ++i) {
    const ParetoPoint& point = found.front[i];
    const std::string name = pareto_name(i);
    write_architecture(file("pareto/" + name + ".json"),
                       choose(space, point.network.scored.choice, name));
    write_safetensors(file("pareto/" + name + ".safetensors"), point.shared,
                      {{"network", name}, {"format", "pt"}});
  }
  for (const std::string& name : run_->networks())
    if (name != "found") write_architecture(file("architectures/" + name + ".json"), network(name));
  for (const std::string& name : run_->networks()) explain(name);
}

void Sitting::explain(const std::string& name) {
  Json explanation = myriadx::explanation(
      myriadx::map(deployed(network(name)), myriadx::resources(2), myriadx::Precision::fp32),
      time_model());
  explanation["network"] = name;
  write_json(file("explain/" + name + ".json"), "vpunas.explain/2", explanation);
}

TrainJob Sitting::job(const Graph& graph) {
  const TrainConfig& config = config_.train;
  TrainJob job{.graph = graph,
               .augmentation = config_.augment,
               .config = config,
               .seed = seed(),
               .workers = workers_,
               .cuda_graphs = cuda_graphs_};
  if (!config.init_from.empty()) {
    const ImportedWeights from = read_weights(
        graph, config.init_from, config.new_head ? Classifier::left_out : Classifier::imported);
    if (!from.left_out.empty()) {
      work_.note("train", cat(graph.name, ": ", config.init_from, " without its classifier (",
                              join(from.left_out), "), which starts at random"));
    }
    job.initial = from.weights;
  }
  if (!config.teacher.empty()) {
    Graph teacher = lower(with_input(find_network(config.teacher, data_folder()),
                                     graph.input_shape(), spaces().train.classes),
                          spaces().preprocess);
    Weights weights = read_weights(teacher, config.teacher_weights).weights;
    job.teacher = {std::move(teacher), std::move(weights)};
  }
  return job;
}

void Sitting::train(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const fs::path folder = file("train/" + name);
    const bool trains = !fs::exists(folder / "train.json");
    const bool shows = name == "found" && !fs::exists(folder / "samples.json");
    if (!trains && !shows) continue;
    const Architecture architecture = network(name);
    Graph graph = trained(architecture);
    graph.name = name;
    if (trains) {
      tell({{"do", "train"}, {"name", name}, {"network", to_json(architecture)}});
      training();
      train_into(folder, job(graph), train_data(), work_, group_);
    }
    if (shows) {
      training();
      write_json(folder / "samples.json", "vpunas.samples/1",
                 samples(graph, read_safetensors(folder / "weights.safetensors"), train_data().test,
                         train_data().classes));
    }
  }
}

void Sitting::export_networks() {
  for (const std::string& name : run_->networks()) {
    const Architecture architecture = network(name);
    Graph graph = deployed(architecture);
    graph.name = name;
    training();
    const fs::path weights = file("train/" + name + "/weights.safetensors");
    if (!fs::exists(weights))
      fail(weights.string(), ": ", name, " is not trained yet; run `vpunas train` first");
    export_network(architecture, graph, read_safetensors(weights), data(graph.input_shape().h).test,
                   config_.exporting, device(), file("export/" + name), work_);
  }
}

// One device's clients, files and predictions of the run's networks.
struct Sitting::Benchmark {
  std::string device;
  std::shared_ptr<DeviceClient> client;
  std::string model;                  // the exported file that is measured
  std::optional<LatencyTable> table;  // where the run has one of this device
};

Sitting::Benchmark Sitting::benchmark_on(const std::string& name) {
  Benchmark on{name, nullptr, "model.xml", {}};
  // A runner of the user's own may know no OpenVINO, but every one knows ONNX.
  if (!config_.latency.runner.empty() && name == config_.latency.device) {
    on.client = device_client(config_.latency.runner);
    on.model = "model.onnx";
  } else {
    device();
    on.client = device_;
  }
  if (has_budget(name) && mode_of(name) == parse_mode(config_.benchmark.mode))
    on.table = read_table(table_file(name), spaces().deploy);
  return on;
}

// Networks are measured in turns, so that what disturbs the machine for a while disturbs all.
void Sitting::benchmark() {
  Json rows = Json::array();
  const auto add_row = [&](const std::string& name, const std::string& on,
                           const std::string& runtime, Mode how, const std::string& precision,
                           const std::optional<Latency>& predicted, const Json& measured) {
    const Graph graph = deployed(network(name));
    const fs::path trained_path = file("train/" + name + "/train.json");
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
  const Mode mode = has_budget("MYRIADX") ? mode_of("MYRIADX") : Mode::throughput;
  const LatencyFn model = pricing("MYRIADX", mode).price;
  for (const std::string& name : run_->networks())
    add_row(name, "MYRIADX", "vpunas model", mode, "FP16", model(deployed(network(name))), Json());
  MeasureOptions options;
  options.mode = parse_mode(config_.benchmark.mode);
  options.seconds = config_.benchmark.seconds / config_.benchmark.rounds;
  for (const std::string& name : config_.benchmark.devices) {
    if (name == "MYRIADX") continue;
    const Benchmark on = benchmark_on(name);
    work_.note("benchmark", "measuring on " + name);
    std::map<std::string, std::vector<Measurement>> rounds;
    std::set<std::string> cannot;
    for (int round = 0; round < config_.benchmark.rounds; ++round) {
      for (const std::string& net : run_->networks()) {
        if (work_.stop.stop_requested()) throw Interrupted("stopped while measuring");
        if (cannot.contains(net)) continue;
        try {
          rounds[net].push_back(
              on.client->measure(file("export/" + net + "/" + on.model), name, options));
        } catch (const CannotRun& reason) {
          work_.warn("benchmark", reason.what());
          cannot.insert(net);
        }
      }
    }
    for (const std::string& net : run_->networks()) {
      if (cannot.contains(net)) continue;
      const Measurement all = pooled(rounds.at(net));
      const Architecture architecture = network(net);
      // Blocks alone do not make a network of the space.
      const bool of_space =
          architecture.stem == spaces().deploy.stem && architecture.head == spaces().deploy.head;
      add_row(net, name, all.runtime, options.mode, all.precision,
              on.table && of_space ? on.table->find(architecture) : std::nullopt, to_json(all));
    }
  }
  write_json(file("benchmark.json"), "vpunas.benchmark/1", {{"rows", rows}});
}

void Sitting::report() {
  write_json(file("result.json"), "vpunas.result/1", run_result(*run_));
  write_file(file("report.html"), report_html(run_->folder()));
}

}  // namespace

void run_until(Run& run, Stage last, const ProcessGroup& group, const Work& work) {
  Sitting sitting(&run, run.config(), group, work);
  for (const Stage stage : all_stages) {
    if (stage > last) break;
    if (run.is_done(stage)) continue;
    if (work.stop.stop_requested()) throw Interrupted(cat("stopped before ", stage_name(stage)));
    const Stopwatch watch;
    sitting.do_stage(stage);
    run.set_done(stage, watch.seconds());
  }
  sitting.tell({{"do", "end"}});
}

void train_networks(Run& run, const std::vector<std::string>& networks, const ProcessGroup& group,
                    const Work& work) {
  Sitting sitting(&run, run.config(), group, work);
  sitting.train_these(networks);
  sitting.tell({{"do", "end"}});
}

void follow(const Config& config, const ProcessGroup& group, const Work& work) {
  Sitting(nullptr, config, group, work).follow();
}

}  // namespace vpunas
