// Networks outside a run, by name: of the zoo, of an architecture, graph or ONNX file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "arch/import_weights.h"
#include "data/dataset.h"

namespace vpunas {

// `size` is the input's side, 0 the network's own. Throws Error where there is no such network or
// it cannot have that size.
Graph load_graph(const std::string& name_or_path, int size = 0);

// What a safetensors file gives the graph, by import_weights(). Throws Error naming the file where
// it does not fit.
ImportedWeights read_weights(const Graph& graph, const std::filesystem::path& file,
                             Classifier classifier = Classifier::imported);

// With the weights of `init_from`, a file for read_weights(), or the ONNX file's own. Others have
// none, so theirs are random.
struct LoadedNetwork {
  Graph graph;
  Weights weights;
  bool random = false;
  std::vector<int64_t> output_dims = {};  // as the ONNX file has them
  std::filesystem::path file = {};        // the ONNX file, where it is read at its own size
};
LoadedNetwork load_network(const std::string& name_or_path, int size = 0,
                           const std::filesystem::path& init_from = {});

// The same for networks that are to be used, not measured: throws Error where there are no weights.
LoadedNetwork load_trained_network(const std::string& name_or_path, int size,
                                   const std::filesystem::path& init_from);

// Images as the network takes them: its size, crop and order of colours.
TestSet read_test_set(const Graph& graph, const DataConfig& data, const Work& work);
ImageSet image_files(const Graph& graph, std::vector<std::string> paths);

}  // namespace vpunas
