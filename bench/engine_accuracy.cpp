// Does a faster engine cost accuracy? engine_accuracy DATA EPOCHS SEEDS trains MobileNetV2 at 32
// pixels by one recipe with every engine (libtorch, fused, fused with bfloat16 activations) from
// every seed 1..SEEDS, and prints a line of JSON a training: accuracies on the validation and the
// test part, images and processor seconds. Trainings take turns, so that a stop leaves whole
// rounds.
#include <cstdlib>
#include <iostream>

#include "arch/zoo.h"
#include "base/error.h"
#include "base/files.h"
#include "base/tune_process.h"
#include "learn/evaluate.h"
#include "learn/runtime.h"
#include "learn/train.h"

namespace {

using namespace vpunas;

struct Contender {
  const char* name;
  const char* engine;
  bool amp;
};
constexpr Contender contenders[] = {{"libtorch float32", "libtorch", false},
                                    {"fused float32", "fused", false},
                                    {"fused bfloat16", "fused", true}};

Json run(const Dataset& data, const Contender& contender, double epochs, uint64_t seed) {
  const int classes = static_cast<int>(data.classes.size());
  const Graph graph =
      lower(with_input(find_network("mobilenet_v2", data_folder()), {3, 32, 32}, classes), {});
  TrainConfig config;
  config.epochs = epochs;
  config.recipe.batch_size = 64;
  config.recipe.warmup = 0.1;
  config.recipe.engine = contender.engine;
  config.recipe.amp = contender.amp;
  const TemporaryFolder folder;
  const double start = processor_seconds();
  const TrainResult result = train({.graph = graph,
                                    .augmentation = {.crop_padding = 2, .flip = true},
                                    .config = config,
                                    .seed = seed},
                                   data, folder.path() / "checkpoint", {});
  const double seconds = processor_seconds() - start;
  return {{"engine", contender.name},
          {"seed", seed},
          {"validation_accuracy", evaluate(graph, result.weights, data.validation).accuracy},
          {"test_accuracy", evaluate(graph, result.weights, data.test).accuracy},
          {"images_seen", result.images_seen},
          {"core_seconds", seconds}};
}

int run_all(int argc, char** argv) {
  if (argc != 4) fail("engine_accuracy: usage: engine_accuracy DATA EPOCHS SEEDS");
  set_threads(0);
  DataConfig config;
  config.path = argv[1];
  const Dataset data = read_dataset(config, {3, 32, 32}, 1);
  for (uint64_t seed = 1; seed <= std::strtoull(argv[3], nullptr, 10); ++seed)
    for (const Contender& contender : contenders)
      std::cout << run(data, contender, std::atof(argv[2]), seed) << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  vpunas::tune_process(argv);
  try {
    return run_all(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
