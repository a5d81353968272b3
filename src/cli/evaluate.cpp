#include <iostream>

#include "base/safetensors.h"
#include "base/text.h"
#include "cli/cli.h"
#include "learn/evaluate.h"
#include "learn/runtime.h"

namespace vpunas::cli {

void add_evaluate(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("evaluate", "accuracy of a trained network of a run on the test images");
  struct Options {
    RunOptions run;
    std::string network = "found";
  };
  auto options = std::make_shared<Options>();
  options->run.add_to(*verb);
  verb->add_option("NETWORK", options->network, "found or a baseline of the run (default: found)");
  verb->footer("Example: vpunas evaluate -c configs/quick.toml mobilenet_v2");
  verb->callback([&action, options] {
    action = [options](const Work& work) {
      const Config config = options->run.config();
      const fs::path folder = options->run.folder(config);
      const fs::path weights = folder / "train" / options->network / "weights.safetensors";
      if (!fs::exists(weights))
        fail(weights.string(), ": no such trained network; run `vpunas train` first");
      set_threads(config.run.workers);
      const int side = input_sides(config).train;
      const int channels = dataset_channels(config.data);
      const Dataset data =
          read_dataset(config.data, {.channels = channels, .height = side, .width = side},
                       static_cast<uint64_t>(config.run.seed), work);
      const Spaces spaces = spaces_of(config, channels, data.classes);
      const Graph graph =
          lower(network_of(folder, options->network, spaces.train), spaces.preprocess);
      const Evaluation result = evaluate(graph, read_safetensors(weights), data.test);
      std::cout << options->network << ": " << fixed(100 * result.accuracy, 2) << " % of "
                << result.images << " test images, loss " << fixed(result.loss, 4) << '\n';
    };
  });
}

}  // namespace vpunas::cli
