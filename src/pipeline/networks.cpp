#include "pipeline/networks.h"

#include <set>

#include "arch/file_kind.h"
#include "arch/zoo.h"
#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "onnx/onnx.h"

namespace vpunas {
namespace {

bool is_onnx(const fs::path& path) { return is_onnx_file(path); }

// Names that exporters give every network say nothing.
bool is_exporters_name(const std::string& name) {
  static const std::set<std::string> known = {"",
                                              "main_graph",
                                              "main",
                                              "graph",
                                              "torch_jit",
                                              "torch-jit-export",
                                              "tf2onnx",
                                              "model",
                                              "network",
                                              "Model0",
                                              "torch_export",
                                              "onnx_graph",
                                              "sub_graph",
                                              "mxnet_converted_model"};
  return known.contains(name);
}

Graph resized(const Graph& graph, int side) {
  Graph out{graph.name, graph.preprocess, {}};
  out.preprocess.resize = graph.preprocess.resize * side / graph.input_shape().h;
  for (Node node : graph.nodes) {
    if (auto* input = std::get_if<Input>(&node.layer)) input->shape.h = input->shape.w = side;
    out.add(node.name, node.layer, node.inputs);
  }
  return out;
}

FoldedNetwork read(const fs::path& path, int size) {
  FoldedNetwork network = read_onnx(path);
  if (is_exporters_name(network.graph.name)) network.graph.name = path.stem().string();
  if (size > 0) {
    network.graph = resized(network.graph, size);
    check_weights(network.graph, network.weights);
  }
  return network;
}

ImageShape image_shape(const Graph& graph) {
  const Shape& in = graph.input_shape();
  return {in.c, in.h, in.w};
}

ImageSet in_color_order(const Graph& graph, ImageSet images) {
  return graph.preprocess.color == ColorOrder::bgr ? with_channels_reversed(std::move(images))
                                                   : images;
}

}  // namespace

Graph load_graph(const std::string& name_or_path, int size) {
  if (is_onnx(name_or_path)) return read(name_or_path, size).graph;
  return find_graph(name_or_path, data_folder(), size);
}

ImportedWeights read_weights(const Graph& graph, const fs::path& file, Classifier classifier) {
  const Tensors tensors = read_safetensors(file);
  try {
    return import_weights(graph, tensors, classifier);
  } catch (const Error& error) {
    fail(file.string(), " does not fit network ", graph.name, ": ", error.what());
  }
}

LoadedNetwork load_network(const std::string& name_or_path, int size, const fs::path& init_from) {
  if (is_onnx(name_or_path)) {
    if (!init_from.empty()) fail(name_or_path, ": has weights of its own; leave out --init-from");
    FoldedNetwork network = read(name_or_path, size);
    return {std::move(network.graph), std::move(network.weights), false,
            std::move(network.output_dims), size > 0 ? fs::path() : fs::path(name_or_path)};
  }
  const Graph graph = load_graph(name_or_path, size);
  if (init_from.empty()) return {graph, random_weights(graph, 1), true};
  return {graph, read_weights(graph, init_from).weights};
}

LoadedNetwork load_trained_network(const std::string& name_or_path, int size,
                                   const fs::path& init_from) {
  if (!is_onnx(name_or_path) && init_from.empty())
    fail("network ", excerpt(name_or_path), ": has no weights; give them as --init-from FILE");
  return load_network(name_or_path, size, init_from);
}

TestSet read_test_set(const Graph& graph, const DataConfig& data, const Work& work) {
  TestSet set = read_test_set(data, image_shape(graph), graph.preprocess.resize, work);
  set.images = in_color_order(graph, std::move(set.images));
  return set;
}

ImageSet image_files(const Graph& graph, std::vector<std::string> paths) {
  return in_color_order(graph,
                        image_files(std::move(paths), image_shape(graph), graph.preprocess.resize));
}

}  // namespace vpunas
