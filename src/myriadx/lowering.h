// The walk over a graph that makes steps of its nodes. Internal to this folder.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "myriadx/nce.h"
#include "myriadx/program.h"

namespace vpunas::myriadx {

inline constexpr int kMaxKernel = 15;  // of the NCE
inline constexpr int kMaxStride = 8;

// What one convolution stage of the compiler's graph computes, before tiling.
struct Work {
  int node = 0;
  std::string name;
  const char* kind = "conv";
  int input = 0, output = 0;  // tensors
  Window window = {};
  Act act = Act::none;  // in the NCE
  bool pooled = false;  // with a 2x2 max pooling behind it
};

// Whether the NCE can run a pooling, with the SHAVEs' padding where it must.
bool runs_on_nce(const Pool& pool, const Shape& input, const Shape& output);

// "@axis=2/3", nothing where there is only one part.
std::string part(const char* axis, size_t index, size_t count);

// Who reads each node, an entry an edge.
std::vector<std::vector<int>> readers_of(const Graph& graph);

// Max poolings of the NCE, ReLU and leaky ReLU that follow node `i`, each the only reader of the
// one before. The compiler moves them into the branches of a concatenation.
std::vector<int> movable_behind(const Graph& graph, const std::vector<std::vector<int>>& readers,
                                int i);

// A graph without nodes that its output does not depend on, and with what follows a concatenation
// moved into its branches; `origin` is the given graph's node of each.
struct Rewritten {
  Graph graph;
  std::vector<int> origin;
};
Rewritten move_into_branches(const Graph& graph);

class Lowering {
 public:
  Lowering(const Graph& graph, const Resources& resources);

  Program run(Precision output);

 private:
  // --- The graph (lowering.cpp) ---
  const Node& node(int i) const { return graph_.nodes[size_t(i)]; }
  const Shape& shape(int tensor) const { return program_.tensors[size_t(tensor)].shape; }
  int value(int node) const { return values_[size_t(node)]; }
  int new_value(int i) { return values_[size_t(i)] = program_.add_tensor(node(i).shape); }
  // An input of node i as the tensor it is, as an image, or as a vector.
  int input(int i, size_t which = 0) const { return value(node(i).inputs[which]); }
  int image(int i, size_t which = 0);
  int vector(int i);
  std::vector<int> inputs(int i);
  std::string compiler_name(int i) const;
  std::vector<int> sliced_together(int i) const;
  std::vector<int> parse_order() const;
  int sole_reader(int i) const;  // -1 where there is not exactly one
  const Activation* activation_behind(int i) const;
  // Nodes behind `i`, each the only reader of the one before.
  std::vector<int> followers(int i) const;
  // The tensor of the node that ends what is lowered together.
  int finish(int i, std::span<const int> followers);
  void set_output(Precision precision);

  // --- Steps (lowering.cpp) ---
  int add_shave(Phase phase, std::string name, int node, const char* kind, std::vector<int> inputs,
                int output, const Strides& strides, Shaves shaves);
  void add_special(Phase phase, Step::Kind kind, std::string name, int node,
                   std::vector<int> inputs, std::vector<int> outputs, const Strides& strides = {});
  void reshape(Phase phase, std::string name, int node, int from, int to);

  // --- Layers (lowering.cpp) ---
  void lower_shave(int i, const char* kind, const Strides& strides, Shaves shaves);
  void lower_layer(int i, const Input& layer);
  void lower_layer(int i, const BatchNorm& layer);
  void lower_layer(int i, const ScaleShift& layer);
  void lower_layer(int i, const Activation& layer);
  void lower_layer(int i, const PRelu& layer);
  void lower_layer(int i, const Add& layer);
  void lower_layer(int i, const Mul& layer);
  void lower_layer(int i, const Concat& layer);
  void lower_layer(int i, const Slice& layer);
  void lower_layer(int i, const Permute& layer);
  void lower_layer(int i, const Softmax& layer);
  void lower_layer(int i, const Resize& layer);
  void lower_layer(int i, const Lrn& layer);
  void hard_sigmoid(int i);

  // --- Convolutions (lower_convolution.cpp) ---
  void lower_layer(int i, const Conv& layer);
  void lower_layer(int i, const Linear& layer);
  void software_convolution(int i, const Conv& conv);
  size_t fuse_activation(Work& work, std::span<const int> behind) const;
  size_t fuse(Work& work, const Shape& output, std::span<const int> behind) const;
  int split_channels(const Shape& output, int next) const;
  void split_with_pooling(const Work& work, const Shape& whole, int next, int result);
  void convolve_groups(const Work& work, const Conv& conv, std::span<const int> behind);
  void convolve_depthwise(const Work& work, int group);
  void convolve(Work work);
  const std::optional<Tiling>& tile(const Work& work);
  void convolve_on_shaves(const Work& work);
  void convolve_tiles(Work& work, const Tiling& tiling);
  void convolve_tile(const Work& work, const Tiling& tiling, const Strip& column, const Strip& row,
                     const NceConfig& config, std::vector<int>& inputs, std::vector<int>& outputs);
  int accumulate(const Work& work, int before, int part, int output, bool last);
  void add_nce(const Work& work, int input, int output, const NceConfig& config, bool bias);

  // --- Poolings (lower_pooling.cpp) ---
  void lower_layer(int i, const Pool& layer);
  void lower_layer(int i, const GlobalPool& layer);
  void pool(int i, const std::string& name, int in, int out, const Pool& layer, bool on_nce);
  void pool_tiles(int i, const std::string& name, const char* kind, int in, int out,
                  const Window& window, const Tiling& tiling);
  void add_pool(const Work& work, int input, int output);

  // --- Tiles of either (lower_pooling.cpp) ---
  int padded(const std::string& name, int node, int input, const Padding& padding);
  int output_tile(const Work& work, bool whole, const Strip& column, const Strip& row,
                  std::vector<int>& outputs);
  int input_tile(const Work& work, bool whole, int channels, const Strip& column, const Strip& row,
                 std::vector<int>& inputs);
  int with_junk(const Work& work, Phase phase, int tile, const Strip& column, const Strip& row);

  struct Tiled {
    Shape input = {}, output = {};
    Window window = {};
    bool pooled = false;
    bool operator==(const Tiled&) const = default;
  };

  const Graph& graph_;
  const Resources& resources_;
  Program program_;
  std::vector<std::vector<int>> readers_;  // by node
  std::vector<char> done_;                 // by node
  std::vector<char> flat_;                 // by node: a vector rather than an image of one pixel
  std::vector<int> values_;                // tensor by node
  Tiled tiled_;                            // what tiling_ is of
  std::optional<Tiling> tiling_;
};

}  // namespace vpunas::myriadx
