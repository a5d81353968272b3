#include <iostream>

#include "arch/merge_branches.h"
#include "base/text.h"
#include "cli/cli.h"
#include "device/client.h"
#include "myriadx/comparison.h"
#include "myriadx/explanation.h"
#include "myriadx/what_if.h"
#include "onnx/onnx.h"
#include "output/explain_page.h"
#include "output/explain_text.h"
#include "pipeline/cost_model.h"
#include "pipeline/networks.h"

namespace vpunas::cli {
namespace {

constexpr const char* schema = "vpunas.explain/2";

struct Options {
  std::string network, json, html, mode, against;
  int size = 0, streams = 2, shaves = 0, cmx_slices = 0;
  bool stages = false, compiler = false, what_if = true;
};

myriadx::Resources chip(const Options& options) {
  return resources_of(
      {.streams = options.streams, .shaves = options.shaves, .cmx_slices = options.cmx_slices});
}

// A single stream is one request at a time.
myriadx::Regime regime(const Options& options) {
  if (!options.mode.empty()) return myriadx::parse_regime(options.mode);
  return options.streams == 1 ? myriadx::Regime::latency : myriadx::Regime::throughput;
}

// The host takes FP32, as OpenVINO gives it: the published measurements have that conversion too.
constexpr myriadx::Precision output = myriadx::Precision::fp32;

// What is compiled is our own spelling of the file.
void require_same(const fs::path& given, const fs::path& written) {
  if (given.empty()) return;
  constexpr double most = 1e-3;
  const double difference = DeviceClient(default_runner()).compare(given, written).greatest;
  if (!(difference <= most))
    fail(given.string(), ": as it was read it differs by ", fixed(100 * difference, 2),
         " % of the greatest output from what OpenVINO computes, so comparing would mislead");
}

// Intel's compiler on the same network, written in the spelling that it knows best.
myriadx::CompiledNetwork compiled(const Options& options, const myriadx::Resources& chip) {
  const fs::path root = myriadx::compiler_root();
  myriadx::require_compiler(root);
  const LoadedNetwork network = load_network(options.network, options.size);
  const FoldedNetwork folded = fold(network.graph, network.weights);
  const TemporaryFolder folder;
  const fs::path onnx = folder.path() / "network.onnx";
  write_onnx(onnx, folded.graph, folded.weights, OnnxDialect::myriadx);
  require_same(network.file, onnx);
  return myriadx::compile(root, onnx, folder.path() / "network.blob",
                          {.streams = chip.streams,
                           .shaves = chip.shaves,
                           .cmx_slices = chip.cmx_slices,
                           .output = output});
}

// What merging branches that add up would make of the network; nothing where there are none.
Json merged_branches(const myriadx::Mapping& mapping, const myriadx::TimeModel& model) {
  const Graph merged = merge_branches(mapping.graph);
  const size_t gone = mapping.graph.nodes.size() - merged.nodes.size();
  if (gone == 0) return nullptr;
  const myriadx::Mapping other = myriadx::map(merged, mapping.resources, output);
  const Latency gain = myriadx::difference_ms(other, mapping, model);
  return {{"layers_gone", gone},
          {"total_ms", myriadx::total_ms(other, model).ms},
          {"difference_ms", gain.ms},
          {"low_ms", gain.low_ms},
          {"high_ms", gain.high_ms}};
}

// --merge-branches is of files and names, whose weights the sum of branches needs.
std::string merged_text(const Json& explanation, const std::string& network) {
  const auto found = explanation.find("merged_branches");
  if (found == explanation.end() || found->is_null()) return "";
  return cat("its branches that add up are one convolution each: ",
             fixed(found->at("total_ms").get<double>(), 2), " ms (",
             fixed(found->at("difference_ms").get<double>(), 2), ") by vpunas export ", network,
             " --merge-branches\n");
}

void explain(const Options& options) {
  const Graph graph = load_graph(options.network, options.size);
  const myriadx::TimeModel model = time_model(regime(options));
  const myriadx::Mapping mapping = myriadx::map(graph, chip(options), output);
  Json explanation = myriadx::explanation(mapping, model);
  if (!options.against.empty()) {
    const myriadx::Mapping other =
        myriadx::map(load_graph(options.against, options.size), mapping.resources, output);
    const Latency difference = myriadx::difference_ms(mapping, other, model);
    const bool alike = other.graph.name == graph.name;
    explanation["against"] = {{"network", alike ? options.against : other.graph.name},
                              {"total_ms", myriadx::total_ms(other, model).ms},
                              {"difference_ms", difference.ms},
                              {"low_ms", difference.low_ms},
                              {"high_ms", difference.high_ms}};
  }
  if (options.what_if) {
    explanation["what_if"] = myriadx::to_json(myriadx::what_if(mapping, model, output),
                                              explanation.at("total_ms").get<double>());
  }
  if (const Json merged = merged_branches(mapping, model); !merged.is_null())
    explanation["merged_branches"] = merged;
  if (options.compiler) {
    explanation["compiler"] =
        myriadx::to_json(myriadx::compare(mapping, compiled(options, mapping.resources)));
  }
  if (!options.json.empty()) write_or_print(options.json, schema, explanation);
  if (!options.html.empty()) write_file(options.html, explain_page(explanation));
  if (options.json == "-") return;
  std::vector<std::string> parts;
  for (const std::string& part :
       {options.stages ? stages_text(explanation) : layers_text(explanation),
        shares_text(explanation), what_if_text(explanation), compiler_text(explanation),
        total_text(explanation), against_text(explanation),
        merged_text(explanation, options.network)}) {
    if (!part.empty()) parts.push_back(part);
  }
  std::cout << join(parts, "\n");
}

}  // namespace

void add_explain(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("explain", "what a network costs on MyriadX, layer by layer, and why");
  auto options = std::make_shared<Options>();
  verb->add_option("NETWORK", options->network,
                   "a network of the zoo, an architecture, graph or ONNX file")
      ->required();
  verb->add_option("--size", options->size, "input side (default: the network's)")
      ->check(CLI::Range(1, 4096));
  verb->add_option("--streams", options->streams, "1, 2 or 3 streams share the chip (default: 2)");
  verb->add_option("--shaves", options->shaves, "SHAVEs of one stream (default: the streams')")
      ->check(CLI::Range(1, 16));
  verb->add_option(
          "--cmx-slices", options->cmx_slices,
          "CMX slices of one stream, 128 KiB each (default: as --shaves, else the streams')")
      ->check(CLI::Range(1, 19));
  verb->add_option("--mode", options->mode,
                   "throughput: of streams side by side; latency: one request at a time; profile: "
                   "stages alone (default: throughput, latency for one stream)");
  verb->add_option("--against", options->against,
                   "the difference to another network, with its interval");
  verb->add_flag("--stages", options->stages, "every stage of the compiled network");
  verb->add_flag("!--no-what-if", options->what_if, "leave out what other layers would cost");
  verb->add_flag("--compiler", options->compiler,
                 "compare with Intel's compiler (make blob-compiler), stage by stage");
  verb->add_option("--json", options->json, "write everything as JSON; - for standard output")
      ->type_name("FILE");
  verb->add_option("--html", options->html, "draw it: a page for a browser")->type_name("FILE");
  verb->footer(
      "Examples: vpunas explain mobilenet_v2\n"
      "          vpunas explain model.onnx --streams 1 --stages\n"
      "          vpunas explain resnet18 --html resnet18.html\n"
      "          vpunas explain runs/quick/architectures/found.json --json -");
  verb->callback([&action, options] { action = [options](const Work&) { explain(*options); }; });
}

}  // namespace vpunas::cli
