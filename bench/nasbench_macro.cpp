// The searching half of `make nasbench`: nasbench_macro IMAGES FOLDER SEED [MINUTES [EPOCHS
// [ALGORITHM...]]].
// Trains one supernet of the NAS-Bench-Macro space on the training images in IMAGES (CIFAR-10), of
// which a tenth is held out, and chooses a network for every device, budget and algorithm on it.
// Leaves FOLDER/seed_SEED.json, written anew after every choice, and FOLDER/prices.json. Stops
// after MINUTES and continues when called again; a seed that has its choices is left as it is.
// Knows nothing of the benchmark's accuracies; bench/nasbench_macro.py judges.
#include <chrono>
#include <cmath>
#include <iostream>
#include <set>
#include <stop_token>

#include "base/clock.h"
#include "base/config.h"
#include "base/text.h"
#include "base/tune_process.h"
#include "learn/runtime.h"
#include "learn/search_trainer.h"
#include "output/progress_view.h"
#include "pipeline/cost_model.h"
#include "pipeline/run.h"
#include "search/final_selection.h"
#include "search/trained_alone.h"

namespace {

using namespace vpunas;

// In the order of the work: trained_alone, which is linear corrected, begins with linear.
const std::vector<std::string> all_algorithms = {"linear", "trained_alone", "gates",
                                                 "gumbel", "random",        "evolution"};
constexpr double mmacs_budgets[] = {40, 50, 60, 70};
const Augmentation augmentation{.crop_padding = 4, .flip = true};

// So many that a linear predictor hardly depends on which networks were drawn: with 200, twenty
// draws of the same supernet choose four to six different networks a budget, with 1,000 two or
// three. Networks that are averaged need fewer images each, as they have different ones.
StrategyConfig strategy_config(const std::string& algorithm) {
  StrategyConfig config;
  config.algorithm = algorithm;
  config.networks = 1000;
  if (algorithm == "linear") config.held_out_images = 256;
  return config;
}

// The recipe of the supernet: many small steps, as there are few images; 4 epochs show 180,000.
SupernetConfig supernet_config(double epochs) {
  // Eight slots are learned without aids.
  SupernetConfig config{
      .epochs = epochs, .projections = false, .residual_scale = 1, .clip_norm = 0, .recipe = {}};
  config.recipe.batch_size = 32;
  config.recipe.lr = 0.04;
  config.recipe.label_smoothing = 0;
  config.recipe.amp = true;
  return config;
}

// The linear predictor corrected by three networks a budget, each trained alone for half an epoch:
// together half as many images again as the supernet sees.
SearchConfig trained_alone_config() {
  SearchConfig config;
  config.strategy = strategy_config("linear");
  config.trained_alone = 3;
  config.fidelities = {0.5};
  return config;
}

TrainConfig alone_training() {
  TrainConfig config;
  config.ema_decay = 0.998;
  config.recipe.batch_size = 32;  // 703 steps, some more than the average looks back
  config.recipe.lr = 0.05;
  config.recipe.weight_decay = 5e-4;
  config.recipe.amp = true;
  return config;
}

// Of all settings, and of what changed without one: choices by others do not count.
std::string recipe_key(double epochs) {
  SearchConfig search = trained_alone_config();
  SupernetConfig supernet = supernet_config(epochs);
  TrainConfig training = alone_training();
  ConfigWriter writer;
  writer.write("search", search);
  writer.write("supernet", supernet);
  writer.write("train", training);
  return content_hash(cat(settings_of(writer), "groups of networks with images of their own"));
}

Dataset images(const std::string& folder, uint64_t seed, const Work& work) {
  DataConfig config;
  config.path = folder;
  config.validation = 0.1;
  config.test_limit = 10;  // there must be some; none is used
  return read_dataset(config, {.channels = 3, .height = 32, .width = 32}, seed, work);
}

std::string digits(const Choice& choice) {
  std::string text;
  for (const int candidate : choice) text += static_cast<char>('0' + candidate);
  return text;
}

// Every distinct network of the space.
std::vector<Choice> all_networks(const SearchSpace& space) {
  std::set<Choice> networks;
  for (int number = 0; number < 6561; ++number) {
    Choice choice;
    for (int left = number; choice.size() < space.slots.size(); left /= 3)
      choice.push_back(left % 3);
    networks.insert(canonical(space, choice));
  }
  return {networks.begin(), networks.end()};
}

// A device with its budgets and every network's price.
struct Device {
  std::string name, unit;
  SearchProblem problem;
  std::map<std::string, double> prices;
  std::vector<double> budgets;
};

// Budgets of other devices leave as many networks as those in multiply-accumulates do.
Device make_device(const std::string& name, const SearchSpace& space, const Device* macs,
                   const Work& work) {
  const CostModel device = cost_model(name, Mode::throughput);
  Device result{
      .name = name,
      .unit = unit_of(name),
      .problem = {.priced = PricedSpace(space, {make_latency_table(space, {}, device, work)}),
                  .whole = {[device](const Architecture& a) {
                    return device.estimate(lower(a, {}));
                  }}},
      .prices = {},
      .budgets = {std::begin(mmacs_budgets), std::end(mmacs_budgets)}};
  for (const Choice& network : all_networks(space))
    result.prices[digits(network)] = whole_costs(result.problem, network)->front().ms;
  if (macs != nullptr) {
    std::vector<double> sorted;
    for (const auto& [network, price] : result.prices) sorted.push_back(price);
    std::sort(sorted.begin(), sorted.end());
    for (double& budget : result.budgets) {
      const auto fitting = std::count_if(macs->prices.begin(), macs->prices.end(),
                                         [&](const auto& p) { return p.second <= budget; });
      budget = std::ceil(100 * sorted[static_cast<size_t>(fitting - 1)]) / 100;
    }
  }
  result.problem.sweep = {{result.budgets.front()}};
  return result;
}

class Yardstick {
 public:
  Yardstick(fs::path folder, uint64_t seed, const std::string& recipe,
            std::vector<std::string> algorithms, const SearchSpace& space, Trainer& trainer,
            const Work& work)
      : folder_(std::move(folder)),
        seed_(seed),
        algorithms_(std::move(algorithms)),
        space_(space),
        trainer_(trainer),
        work_(work) {
    if (fs::exists(file())) piece_ = read_json(file(), schema);
    if (piece_.value("recipe", "") != recipe)
      piece_ = {{"recipe", recipe}, {"runs", Json::array()}};
  }

  void choose_all(const std::vector<Device>& devices, TrainedSupernet& supernet) {
    piece_["supernet"] = {{"seed", seed_}, {"cost", to_json(supernet.cost())}};
    for (const std::string& algorithm : algorithms_) {
      for (const Device& device : devices) {
        if (algorithm == "trained_alone")
          choose_with_trained_alone(device, &device == &devices.front(), supernet);
        else
          choose(device, algorithm, supernet);
      }
    }
  }

  bool is_done(const std::vector<Device>& devices) const {
    for (const Device& device : devices)
      for (const std::string& algorithm : algorithms_)
        for (const double budget : device.budgets)
          if (find(device.name, algorithm, budget) == nullptr) return false;
    return true;
  }

 private:
  static constexpr const char* schema = "vpunas.nasbench_macro_piece/1";
  static constexpr const char* networks_schema = "vpunas.nasbench_macro_networks/1";
  fs::path file() const { return folder_ / cat("seed_", seed_, ".json"); }

  // Every network with supernet weights.
  struct Judged {
    std::map<Choice, Score> networks;
    ComputeCost cost;
  };

  // All networks at once, in the order of common beginnings, cost a part of the same networks one
  // by one. The algorithms take from these what they would evaluate themselves, and are charged for
  // it: images in full, core-seconds by the mean of all. Those that compare single networks and
  // those that average divide the images otherwise (image_groups()).
  const Judged& judge_all(TrainedSupernet& supernet, const StrategyConfig& config) {
    const int groups = image_groups(config, supernet);
    const std::string name = cat(groups, "_groups_of_", config.held_out_images, "_images");
    Judged& judged = judged_[name];
    if (!judged.networks.empty()) return judged;
    const fs::path path = folder_ / cat("seed_", seed_) / cat("networks_in_", name, ".json");
    SupernetEvaluator evaluator(supernet, config.held_out_images, 0, seed_ + 2, groups);
    ComputeCost earlier;
    if (fs::exists(path)) {
      const Json saved = read_json(path, networks_schema);
      if (saved.value("key", "") != supernet.key())
        fail(path.string(), ": of other shared weights; delete it to judge anew");
      evaluator.remember(scores_from_json(saved.at("networks")));
      earlier = compute_cost_from_json(saved.at("cost"));
    }
    const CostMeter meter(earlier);
    const auto save = [&] {
      write_json(path, networks_schema,
                 {{"key", supernet.key()},
                  {"cost", to_json(meter.cost(evaluator.images_seen()))},
                  {"networks", to_json(evaluator.known())}});
    };
    const std::vector<Choice> all = all_networks(space_);
    if (evaluator.known().size() < all.size()) {
      CheckpointClock clock;
      evaluator.evaluate(all, [&] {
        work_.report({.kind = Event::Kind::step,
                      .stage = "search",
                      .done = static_cast<int64_t>(evaluator.known().size()),
                      .total = static_cast<int64_t>(all.size())});
        const bool stopped = work_.stop.stop_requested();
        if (stopped || clock.due()) save();
        if (stopped) throw Interrupted("stopped; call again to go on");
      });
      save();
    }
    judged = {evaluator.known(),
              compute_cost_from_json(read_json(path, networks_schema).at("cost"))};
    return judged;
  }

  void choose(const Device& device, const std::string& algorithm, TrainedSupernet& supernet) {
    const StrategyConfig config = strategy_config(algorithm);
    const bool evaluates = algorithm != "gates" && algorithm != "gumbel";
    const fs::path state =
        folder_ / cat("seed_", seed_) / cat(algorithm, "_", device.name, ".json");
    const Judged* judged = evaluates ? &judge_all(supernet, config) : nullptr;
    Strategy strategy(device.problem, supernet, config, seed_, state, work_);
    if (judged != nullptr) strategy.borrow(judged->networks);
    ComputeCost earlier;  // of the budgets before
    for (const double budget : device.budgets) {
      if (const Json* done = find(device.name, algorithm, budget)) {
        if (done->contains("so_far")) earlier = compute_cost_from_json(done->at("so_far"));
        continue;
      }
      const StrategyResult result = strategy.run({budget});
      const FinalSelection selection = select_final(device.problem, result, config, {budget});
      const ComputeCost so_far = strategy.cost();
      ComputeCost cost = so_far - earlier;
      earlier = so_far;
      if (judged != nullptr) {
        const double share = static_cast<double>(cost.images) / judged->cost.images;
        cost.seconds += share * judged->cost.seconds;
        cost.core_seconds += share * judged->cost.core_seconds;
      }
      keep(device, algorithm, result, selection, cost, so_far);
    }
  }

  // The linear predictor, corrected by networks trained alone for the budgets of the first device:
  // they serve all budgets of every device, each charged for its share of them.
  void choose_with_trained_alone(const Device& device, bool is_first, TrainedSupernet& supernet) {
    constexpr const char* algorithm = "trained_alone";
    const SearchConfig config = trained_alone_config();
    const fs::path folder = folder_ / cat("seed_", seed_);
    Strategy strategy(device.problem, supernet, config.strategy, seed_,
                      folder / cat("linear_", device.name, ".json"), work_);
    strategy.borrow(judge_all(supernet, config.strategy).networks);
    TrainingAlone alone(device.problem, trainer_, config, 0, seed_, folder, work_);
    std::vector<StrategyResult> all;
    for (const double budget : device.budgets) {
      all.push_back(strategy.run({budget}));
      if (is_first) alone.train_some(all.back(), {budget});
    }
    for (size_t i = 0; i < all.size(); ++i) alone.correct(all[i], {device.budgets[i]});
    Json& told = piece_["trained_alone"][device.name];
    told = {{"agreement", alone.result().agreement}};
    for (const auto& [group, part] : alone.result().shares) told["shares"][group] = part;
    for (const NetworkAlone& network : alone.result().networks) {
      const Score& score = network.result.score;
      told["networks"].push_back({digits(network.choice), score.loss, score.accuracy});
    }
    for (size_t i = 0; i < all.size(); ++i) {
      const double budget = device.budgets[i];
      if (find(device.name, algorithm, budget) != nullptr) continue;
      const FinalSelection selection =
          select_final(device.problem, all[i], config.strategy, {budget});
      ComputeCost cost = compute_cost_from_json(find(device.name, "linear", budget)->at("cost"));
      const double share = 1 / static_cast<double>(all.size());
      const ComputeCost trained = alone.cost();
      cost.images += static_cast<int64_t>(share * static_cast<double>(trained.images));
      cost.seconds += share * trained.seconds;
      cost.core_seconds += share * trained.core_seconds;
      keep(device, algorithm, all[i], selection, cost);
    }
  }

  void keep(const Device& device, const std::string& algorithm, const StrategyResult& result,
            const FinalSelection& selection, const ComputeCost& cost,
            const ComputeCost& so_far = {}) {
    const std::string network = digits(selection.selected().scored.choice);
    const double budget = selection.budgets.front();
    piece_["runs"].push_back({{"device", device.name},
                              {"budget", budget},
                              {"algorithm", algorithm},
                              {"architecture", network},
                              {"price", selection.selected().latency.front().ms},
                              {"agreement", result.agreement},
                              {"cost", to_json(cost)},
                              {"so_far", to_json(so_far)}});
    write_json(file(), schema, piece_);
    work_.note("search",
               cat("seed ", seed_, ", ", algorithm, ", ", budget, " ", device.unit, ": ", network));
  }

  const Json* find(const std::string& device, const std::string& algorithm, double budget) const {
    for (const Json& run : piece_.at("runs")) {
      if (run.at("device") == device && run.at("algorithm") == algorithm &&
          run.at("budget") == budget)
        return &run;
    }
    return nullptr;
  }

  fs::path folder_;
  uint64_t seed_;
  std::vector<std::string> algorithms_;
  const SearchSpace& space_;
  Trainer& trainer_;
  const Work& work_;
  Json piece_ = Json::object();
  std::map<std::string, Judged> judged_;  // by groups and images
};

// Those asked for, in the order of the work; all where none is.
std::vector<std::string> algorithms_of(int count, char** names) {
  if (count <= 0) return all_algorithms;
  const std::set<std::string> asked(names, names + count);
  std::vector<std::string> algorithms;
  for (const std::string& algorithm : all_algorithms)
    if (asked.contains(algorithm)) algorithms.push_back(algorithm);
  if (algorithms.size() < asked.size()) fail("ALGORITHM: of ", join(all_algorithms), " only");
  if (asked.contains("trained_alone") && !asked.contains("linear"))
    fail("ALGORITHM: trained_alone begins with linear; name both");
  return algorithms;
}

int run(int argc, char** argv) {
  if (argc < 4) fail("usage: nasbench_macro IMAGES FOLDER SEED [MINUTES [EPOCHS [ALGORITHM...]]]");
  const fs::path folder = argv[2];
  const uint64_t seed = std::stoull(argv[3]);
  const double minutes = argc > 4 ? std::stod(argv[4]) : 1e9;
  const double epochs = argc > 5 ? std::stod(argv[5]) : 4;
  const std::vector<std::string> algorithms = algorithms_of(argc - 6, argv + 6);
  set_threads(0);

  std::stop_source source;
  const Stopwatch watch;
  ProgressView view;
  Work work{.report =
                [&](const Event& event) {
                  if (watch.seconds() > 60 * minutes) source.request_stop();
                  view(event);
                },
            .stop = source.get_token()};
  const Dataset data = images(argv[1], seed, work);
  const SearchSpace space = find_space("nasbench_macro", data_folder());
  std::vector<Device> devices;
  devices.push_back(make_device(macs_device, space, nullptr, work));
  devices.push_back(make_device("MYRIADX", space, &devices.front(), work));
  Json prices;
  for (const Device& device : devices)
    prices[device.name] = {{"budgets", device.budgets}, {"networks", device.prices}};
  write_json(folder / "prices.json", "vpunas.nasbench_macro_prices/1", prices);

  const Preprocess preprocess;
  const ProcessGroup group;
  const SupernetConfig supernet = supernet_config(epochs);
  const TrainConfig alone = alone_training();
  const auto trainer =
      make_search_trainer({.space = space,
                           .preprocess = preprocess,
                           .data = data,
                           .augmentation = augmentation,
                           .supernet = supernet,
                           .alone = alone,
                           .seed = seed,
                           .workers = 2,
                           .supernet_file = folder / cat("seed_", seed) / "supernet.safetensors"},
                          work, group);
  Yardstick yardstick(folder, seed, recipe_key(epochs), algorithms, space, *trainer, work);
  if (yardstick.is_done(devices)) return 0;
  yardstick.choose_all(devices, *trainer->train_supernet());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  vpunas::tune_process(argv);
  try {
    return run(argc, argv);
  } catch (const vpunas::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
