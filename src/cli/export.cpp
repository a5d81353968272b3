#include <iostream>
#include <map>

#include "arch/merge_branches.h"
#include "base/text.h"
#include "cli/cli.h"
#include "pipeline/export_network.h"
#include "pipeline/stages.h"

namespace vpunas::cli {
namespace {

struct Options {
  RunOptions run;
  std::vector<std::string> networks;
  std::string init_from;
  int size = 0;
  bool merge_branches = false;
};

void merge(LoadedNetwork& network) {
  const FoldedNetwork folded = fold(network.graph, network.weights);
  FoldedNetwork merged = merge_branches(folded);
  if (merged.graph.nodes.size() == folded.graph.nodes.size())
    fail("--merge-branches: network ", network.graph.name, " has no branches that add up to one ",
         "convolution; leave it out");
  network.graph = std::move(merged.graph);
  network.weights = std::move(merged.weights);
}

// Real images that tell whether the network fits FP16, where the user names some.
ImageSet images_for(const LoadedNetwork& network, const DataConfig& data, const Work& work) {
  if (network.random || data.path == DataConfig{}.path) return {};
  return read_test_set(network.graph, data, work).images;
}

// Networks outside a run, each into a folder of its own.
void export_networks(const Options& options, const CLI::Option& network_option, const Work& work) {
  if (!options.init_from.empty() && options.networks.size() > 1)
    fail("--init-from: has the weights of one network, not of ", options.networks.size());
  const Config config = options.run.config_outside_a_run();
  options.run.check_sets({"data.", "export."}, network_option);
  const fs::path folder = options.run.output().empty() ? "export" : options.run.output();
  // Not the graphs' names, which an ONNX file may make any path.
  std::map<fs::path, std::string> targets;
  const auto target = [&](const std::string& name) {
    return folder / (fs::exists(name) ? fs::path(name).stem() : fs::path(name));
  };
  for (const std::string& name : options.networks) {
    const auto [other, fresh] = targets.emplace(target(name), name);
    if (!fresh)
      fail(other->second, " and ", name, " would both be ", other->first.string(),
           "; export one of them into another folder (-o)");
  }
  DeviceClient device(default_runner());
  for (const std::string& name : options.networks) {
    LoadedNetwork network = load_network(name, options.size, options.init_from);
    if (options.merge_branches) merge(network);
    const fs::path to = target(name);
    export_network(network, images_for(network, config.data, work), config.exporting, device, to,
                   work);
    std::cout << to.string() << ": " << network.graph.name << " at " << network.graph.input_shape()
              << (network.random ? ", with random weights: for measuring, not for use" : "")
              << '\n';
  }
}

}  // namespace

void add_export(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand(
      "export", "write ONNX, OpenVINO IR, safetensors and, if asked, a MyriadX .blob");
  auto options = std::make_shared<Options>();
  options->run.add_to(*verb);
  group_of_a_run(*verb, {"--config", "--output", "--set", "--data", "--on-bad-image", "--blob",
                         "--nn-archive", "--print-config"});
  options->run.add_shortcut(*verb, "--streams", "export.streams", "N");
  options->run.add_shortcut(*verb, "--shaves", "export.shaves", "N");
  options->run.add_shortcut(*verb, "--cmx-slices", "export.cmx_slices", "N");
  options->run.add_shortcut(*verb, "--head", "export.head", "WHAT");
  CLI::Option* network =
      verb->add_option("NETWORK", options->networks,
                       "instead of a run's networks: of the zoo, or an architecture, graph or ONNX "
                       "file; into OUTPUT/NAME (default: export/NAME)");
  verb->add_option("--init-from", options->init_from,
                   "weights of NETWORK under our, torchvision's or timm's names (safetensors; "
                   "without: random ones)")
      ->type_name("FILE")
      ->group(of_networks);
  verb->add_option("--size", options->size, "input side of NETWORK (default: its own)")
      ->check(CLI::Range(1, 4096))
      ->group(of_networks);
  verb->add_flag("--merge-branches", options->merge_branches,
                 "write branches of NETWORK that add up (RepVGG, MobileOne) as one convolution")
      ->group(of_networks);
  verb->footer(
      "Examples: vpunas export -c configs/quick.toml --blob\n"
      "          vpunas export model.onnx --blob --nn-archive --shaves 6\n"
      "          vpunas export mobilenet_v2 --size 160 -o measured\n"
      "          vpunas export mobilenet_v2_keras --init-from weights.safetensors --blob \\\n"
      "              --data imagenet/val");
  verb->callback([&action, options, verb, network] {
    action = [options, verb, network](const Work& work) {
      if (options->run.shows_config()) return;
      check_groups(*verb, *network, "a run's own size is --set space.deploy_size=");
      if (!options->networks.empty()) {
        export_networks(*options, *network, work);
      } else {
        options->run.require_run(" or a NETWORK");
        run_until(*options->run.open(), Stage::exporting, {}, work);
      }
    };
  });
}

}  // namespace vpunas::cli
