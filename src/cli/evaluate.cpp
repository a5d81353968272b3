#include <iostream>

#include "base/safetensors.h"
#include "base/statistics.h"
#include "base/text.h"
#include "cli/cli.h"
#include "pipeline/networks.h"
#include "training/module.h"

namespace vpunas::cli {
namespace {

struct Options {
  RunOptions run;
  std::string network = "found";
  WeightsOptions weights;
  std::string json;
};

// A network with the images that judge it, labelled by the network's outputs.
struct Subject {
  Graph graph;
  Weights weights;
  ImageSet images;
  std::string data;  // what the images are
};

Subject of_run(const Options& options, const Config& config, const Work& work) {
  if (!options.weights.classes.empty() || options.weights.size > 0)
    fail("--classes and --size: are for networks outside a run, as is --init-from");
  const fs::path folder = options.run.folder();
  const fs::path weights = folder / "train" / options.network / "weights.safetensors";
  if (!fs::exists(weights))
    fail(weights.string(),
         ": no such trained network; run `vpunas train` first, or give other weights as "
         "--init-from FILE");
  const int side = input_sides(config).train;
  const int channels = dataset_channels(config.data);
  Dataset data = read_dataset(config.data, {.channels = channels, .height = side, .width = side},
                              static_cast<uint64_t>(config.run.seed), work);
  const Spaces spaces = spaces_of(config, channels, data.classes);
  const Architecture network = spaces.trained(network_of(folder, options.network, spaces.deploy));
  return {.graph = lower(network, spaces.preprocess),
          .weights = read_safetensors(weights),
          .images = std::move(data.test),
          .data = std::move(data.name)};
}

Subject outside_a_run(const Options& options, const Config& config, const Work& work) {
  LoadedNetwork network =
      load_trained_network(options.network, options.weights.size, options.weights.init_from);
  TestSet data = read_test_set(network.graph, config.data, work);
  const std::vector<int> outputs = outputs_of(
      data.classes, options.weights.class_names(network.graph), network.graph.output_shape().c);
  for (int& label : data.images.labels) label = outputs[static_cast<size_t>(label)];
  return {std::move(network.graph), std::move(network.weights), std::move(data.images),
          std::move(data.name)};
}

// A share of the images with its 95 % interval.
struct Share {
  double value;
  Interval interval;
  Share(int64_t right, int64_t images)
      : value(static_cast<double>(right) / static_cast<double>(images)),
        interval(wilson_interval(right, images)) {}
  std::string text() const {
    return cat(fixed(100 * value, 2), " % (", fixed(100 * interval.low, 2), " to ",
               fixed(100 * interval.high, 2), ")");
  }
  Json json() const { return {{"value", value}, {"low", interval.low}, {"high", interval.high}}; }
};

void tell(const Options& options, const Subject& subject) {
  if (subject.images.size() == 0) fail(subject.data, ": holds no test images");
  constexpr int batch_size = 64;
  const Evaluation result =
      training_module().evaluate(subject.graph, subject.weights, subject.images, batch_size);
  const Share first(result.right, result.images), five(result.right_of_five, result.images);
  if (options.json != "-") {
    std::cout << options.network << ": top-1 " << first.text() << ", top-5 " << five.text()
              << " of " << result.images << " test images (95 % intervals), loss "
              << fixed(result.loss, 4) << '\n';
  }
  if (options.json.empty()) return;
  write_or_print(options.json, "vpunas.evaluation/1",
                 {{"network", options.network},
                  {"data", subject.data},
                  {"images", result.images},
                  {"top1", first.json()},
                  {"top5", five.json()},
                  {"loss", result.loss}});
}

}  // namespace

void add_evaluate(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand(
      "evaluate", "accuracy of a network on test images: of a run, or any with weights");
  auto options = std::make_shared<Options>();
  options->run.add_reading_to(*verb);
  verb->add_option("NETWORK", options->network,
                   "found or a baseline of the run (default: found); an ONNX file; with "
                   "--init-from one of the zoo or an architecture or graph file");
  options->weights.add_to(*verb);
  verb->add_option("--json", options->json, "also as JSON, - for standard output")
      ->type_name("FILE");
  verb->footer(
      "Examples: vpunas evaluate -c configs/quick.toml mobilenet_v2\n"
      "          vpunas evaluate mobilenet_v2_keras --init-from weights.safetensors \\\n"
      "              --data imagenet/val --classes classes.tsv");
  verb->callback([&action, options] {
    action = [options](const Work& work) {
      const bool is_of_run = options->weights.of_a_run(options->network);
      const Config config = is_of_run ? options->run.config() : options->run.config_outside_a_run();
      training_module().set_threads(config.run.workers);
      training_module().choose_device(config.run.device, 0);
      tell(*options,
           is_of_run ? of_run(*options, config, work) : outside_a_run(*options, config, work));
    };
  });
}

}  // namespace vpunas::cli
