#include "pipeline/networks.h"

#include "arch/zoo.h"
#include "base/files.h"
#include "onnx/onnx.h"

namespace vpunas {
namespace {

bool is_onnx(const fs::path& path) { return path.extension() == ".onnx"; }

Graph resized(const Graph& graph, int side) {
  Graph out{graph.name, graph.preprocess, {}};
  for (Node node : graph.nodes) {
    if (auto* input = std::get_if<Input>(&node.layer)) input->shape.h = input->shape.w = side;
    out.add(node.name, node.layer, node.inputs);
  }
  return out;
}

FoldedNetwork read(const fs::path& path, int size) {
  FoldedNetwork network = read_onnx(path);
  if (network.graph.name.empty()) network.graph.name = path.stem().string();
  if (size > 0) {
    network.graph = resized(network.graph, size);
    check_weights(network.graph, network.weights);
  }
  return network;
}

}  // namespace

Graph load_graph(const std::string& name_or_path, int size) {
  if (is_onnx(name_or_path)) return read(name_or_path, size).graph;
  return find_graph(name_or_path, data_folder(), size);
}

LoadedNetwork load_network(const std::string& name_or_path, int size) {
  if (is_onnx(name_or_path)) {
    FoldedNetwork network = read(name_or_path, size);
    return {std::move(network.graph), std::move(network.weights)};
  }
  const Graph graph = load_graph(name_or_path, size);
  return {graph, random_weights(graph, 1), true};
}

}  // namespace vpunas
