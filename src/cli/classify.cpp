#include <iostream>

#include "base/text.h"
#include "cli/cli.h"
#include "pipeline/networks.h"
#include "training/module.h"

namespace vpunas::cli {
namespace {

struct Options {
  RunOptions run;
  std::vector<std::string> images;
  std::string network = "found";
  WeightsOptions weights;
  std::string json;
  int top = 5;
};

LoadedNetwork load(const Options& options) {
  if (!options.weights.of_a_run(options.network))
    return load_trained_network(options.network, options.weights.size, options.weights.init_from);
  // What a run delivers knows its classes and preprocessing.
  const fs::path delivered = options.run.folder() / "export" / options.network / "model.onnx";
  if (!fs::exists(delivered))
    fail(delivered.string(),
         ": not there; run `vpunas export` first, or give another network as --network NETWORK "
         "--init-from FILE");
  return load_network(delivered.string(), options.weights.size);
}

// The images that can be read, decoded; of each other one an error line.
struct Readable {
  std::vector<std::string> paths;
  ImageSet images;
  std::vector<std::string> errors;
};

Readable read(const std::vector<std::string>& paths, const Graph& graph) {
  const ImageSet files = image_files(graph, paths);
  const ImageShape& shape = files.shape;
  Readable readable{
      .paths = {}, .images = {.shape = shape, .labels = {}, .load = {}}, .errors = {}};
  auto pixels = std::make_shared<std::vector<std::vector<uint8_t>>>();
  for (int64_t i = 0; i < files.size(); ++i) {
    const std::string& path = paths[static_cast<size_t>(i)];
    std::vector<uint8_t> image(static_cast<size_t>(shape.bytes()));
    try {
      files.load(i, image.data());
    } catch (const Error& error) {
      readable.errors.emplace_back(error.what());
      continue;
    }
    pixels->push_back(std::move(image));
    readable.paths.push_back(path);
  }
  readable.images.labels.assign(pixels->size(), 0);
  readable.images.load = [pixels](int64_t index, uint8_t* to) {
    std::ranges::copy((*pixels)[static_cast<size_t>(index)], to);
  };
  return readable;
}

void classify(const Options& options) {
  const LoadedNetwork network = load(options);
  const auto outputs = static_cast<size_t>(network.graph.output_shape().elements());
  const ClassNames names = options.weights.class_names(network.graph);
  const Readable readable = read(options.images, network.graph);
  constexpr int batch_size = 16;
  const std::vector<float> values = training_module().logits(
      without_softmax(network.graph), network.weights, readable.images, batch_size);
  Json list = Json::array();
  for (size_t i = 0; i < readable.paths.size(); ++i) {
    const std::span row(values.data() + i * outputs, outputs);
    Json classes = Json::array();
    std::vector<std::string> words;
    for (const Guess& guess : likeliest(row, static_cast<size_t>(options.top))) {
      const std::string name = shown_name(names, guess.output);
      classes.push_back(
          {{"output", guess.output}, {"name", name}, {"probability", guess.probability}});
      words.push_back(cat(name, " ", fixed(100 * guess.probability, 1), " %"));
    }
    list.push_back({{"image", readable.paths[i]}, {"classes", std::move(classes)}});
    if (options.json != "-") std::cout << readable.paths[i] << ": " << join(words) << '\n';
  }
  if (!options.json.empty())
    write_or_print(options.json, "vpunas.classification/1",
                   {{"network", network.graph.name}, {"images", std::move(list)}});
  if (!readable.errors.empty()) fail(join(readable.errors, "\nerror: "));
}

}  // namespace

void add_classify(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("classify", "what a network takes images for");
  auto options = std::make_shared<Options>();
  options->run.add_reading_to(*verb);
  verb->add_option("IMAGE", options->images, "JPEG or PNG files")->required();
  verb->add_option("-n,--network", options->network,
                   "an exported network of the run (default: found); an ONNX file; with "
                   "--init-from one of the zoo or an architecture or graph file")
      ->type_name("NETWORK");
  options->weights.add_to(*verb);
  verb->add_option("--top", options->top, "classes an image (default: 5)")
      ->check(CLI::Range(1, 100));
  verb->add_option("--json", options->json, "also as JSON, - for standard output")
      ->type_name("FILE");
  verb->footer(
      "Examples: vpunas classify -c configs/quick.toml shoe.png\n"
      "          vpunas classify *.jpg --network mobilenet_v2_keras \\\n"
      "              --init-from weights.safetensors --classes classes.tsv");
  verb->callback([&action, options] {
    action = [options](const Work&) {
      const bool is_of_run = options->weights.of_a_run(options->network);
      const Config config = is_of_run ? options->run.config() : options->run.config_outside_a_run();
      training_module().set_threads(config.run.workers);
      training_module().choose_device(config.run.device, 0);
      classify(*options);
    };
  });
}

}  // namespace vpunas::cli
