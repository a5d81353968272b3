// What a network is: layers in order of execution, for one image. Pure data; every consumer
// (training, ONNX, the MyriadX mapping, the report) reads this and nothing else. Fusing is each
// consumer's own pass.
#pragma once

#include <compare>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace vpunas {

// Channels, height, width of one image's tensor. A vector of n values is {n, 1, 1}.
struct Shape {
  int c = 0, h = 0, w = 0;
  int64_t elements() const { return int64_t{1} * c * h * w; }
  auto operator<=>(const Shape&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Shape& shape);  // 32x112x112

enum class Act { none, relu, relu6, leaky_relu, hswish, swish, sigmoid, hsigmoid };

struct Padding {
  int top = 0, left = 0, bottom = 0, right = 0;
  static Padding all(int p) { return {p, p, p, p}; }
  bool operator==(const Padding&) const = default;
};

// Rounding of a pooling's output size.
enum class Rounding { floor, ceil };

// --- Layers. Parameters are tensors named NODE.PARAMETER; their dims are in brackets,
// torchvision's convention. ---

// Node 0 is the image, as 0..255 in the channel order of Graph::preprocess. Further inputs stand
// right behind it; who serves one image only refuses them (require_one_input).
struct Input {
  Shape shape;
  bool operator==(const Input&) const = default;
};
// weight [out_channels, in/groups, kh, kw], bias [out_channels] if bias.
struct Conv {
  int out_channels = 0;
  int kh = 1, kw = 1, sh = 1, sw = 1;
  Padding padding = {};
  int dilation = 1;
  int groups = 1;
  bool bias = false;
  bool operator==(const Conv&) const = default;
};
// weight, bias, running_mean, running_var [channels].
struct BatchNorm {
  double eps = 1e-5;
  bool operator==(const BatchNorm&) const = default;
};
// y = x * weight + bias, [channels] each; bias only if shift.
struct ScaleShift {
  bool shift = true;
  bool operator==(const ScaleShift&) const = default;
};
struct Activation {
  Act act = Act::relu;
  double slope = 0.01;  // of leaky_relu
  bool operator==(const Activation&) const = default;
};
// x where positive, else weight * x: weight [channels] (He et al., arXiv:1502.01852).
struct PRelu {
  bool operator==(const PRelu&) const = default;
};
// Sum of two or more tensors of one shape.
struct Add {
  bool operator==(const Add&) const = default;
};
// Product of two tensors; the second may be {c, 1, 1} (squeeze-excite).
struct Mul {
  bool operator==(const Mul&) const = default;
};
// Along the channels.
struct Concat {
  bool operator==(const Concat&) const = default;
};
// Channels [begin, end).
struct Slice {
  int begin = 0, end = 0;
  bool operator==(const Slice&) const = default;
};
// Channel shuffle: channels as [groups, c/groups], transposed to [c/groups, groups] (ShuffleNet).
struct Permute {
  int groups = 2;
  bool operator==(const Permute&) const = default;
};
enum class PoolKind { max, average };
struct Pool {
  PoolKind kind = PoolKind::max;
  int kh = 2, kw = 2, sh = 2, sw = 2;
  Padding padding = {};
  Rounding rounding =
      Rounding::floor;         // ceil: as torch, no window may start beyond the padded input
  bool count_padding = false;  // average only: padding counts in the divisor
  bool operator==(const Pool&) const = default;
};
// Mean over the plane: {c, 1, 1}.
struct GlobalPool {
  bool operator==(const GlobalPool&) const = default;
};
// Of the flattened (channel-major) input: weight [out_features, c*h*w], bias [out_features] if
// bias. Output {out_features, 1, 1}.
struct Linear {
  int out_features = 0;
  bool bias = true;
  bool operator==(const Linear&) const = default;
};
// Over the channels.
struct Softmax {
  bool operator==(const Softmax&) const = default;
};
enum class ResizeKind {
  nearest,
  bilinear
};  // half-pixel centres: torch's "nearest-exact" and "bilinear"
struct Resize {
  ResizeKind kind = ResizeKind::nearest;
  int h = 0, w = 0;
  // Output lines a line of the input, where that is not the ratio of their numbers (half of 33
  // lines are 16, each two apart); 0: the ratio.
  double scale_h = 0, scale_w = 0;
  bool operator==(const Resize&) const = default;
};
// Local response normalisation across channels (AlexNet, section 3.3, alpha divided by size as ONNX
// and torch do).
struct Lrn {
  int size = 5;
  double alpha = 1e-4, beta = 0.75, bias = 1.0;
  bool operator==(const Lrn&) const = default;
};

using Layer = std::variant<Input, Conv, BatchNorm, ScaleShift, Activation, PRelu, Add, Mul, Concat,
                           Slice, Permute, Pool, GlobalPool, Linear, Softmax, Resize, Lrn>;

// Visits a Layer: std::visit(Overload{[](const Conv& conv) {...}, ...}, node.layer).
template <class... Functions>
struct Overload : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overload(Functions...) -> Overload<Functions...>;

struct Node {
  std::string name;  // unique; torchvision-like, as "features.3.conv.1.0"
  Layer layer;
  std::vector<int> inputs;  // indices of earlier nodes
  Shape shape;              // of the output
  bool operator==(const Node&) const = default;
};

enum class ColorOrder { rgb, bgr, gray };

// From an image file to the network's input, and from its output to words; travels with every
// export. The graph's input is the raw image as 0..255; scale and mean are nodes of the graph (see
// lower()), so every back end computes them.
struct Preprocess {
  ColorOrder color = ColorOrder::rgb;
  std::vector<double> scale = {1.0 / 255.0};  // factor, one for all channels or one a channel
  std::vector<double> mean =
      {};          // of 0..255 values, one a channel, subtracted before scaling; empty: none
  int resize = 0;  // short side before the central crop; 0: the input's, the largest crop there is
  std::vector<std::string> labels = {};
  bool operator==(const Preprocess&) const = default;
};

// The last node is the output (logits).
struct Graph {
  std::string name;
  Preprocess preprocess;
  std::vector<Node> nodes;

  // Appends a node after inferring its shape and returns its index. Throws Error naming the node
  // where the layer does not fit its inputs.
  int add(std::string name, Layer layer, std::vector<int> inputs);

  const Shape& input_shape() const { return nodes.front().shape; }
  const Shape& output_shape() const { return nodes.back().shape; }
  bool operator==(const Graph&) const = default;
};

// Nodes that are inputs: the first ones.
size_t count_inputs(const Graph& graph);
// Throws Error naming the network where it has more than the image.
void require_one_input(const Graph& graph);

// The output shape of `layer` on `inputs`. Throws Error where it does not fit, and where a tensor
// would have more than 2^31 elements or a layer more than 2^45 multiply-accumulates, so that sums
// over a graph cannot overflow.
Shape infer_shape(const Layer& layer, const std::vector<Shape>& inputs);

// The kind of a layer as one word, as "Conv".
const char* layer_name(const Layer& layer);

// The layer's tensors by parameter name ("weight", ...) with their dims, given the shape of its
// first input.
std::vector<std::pair<std::string, std::vector<int64_t>>> layer_parameters(const Layer& layer,
                                                                           const Shape& input);

// Multiply-accumulates of convolutions and linear layers for one image.
int64_t count_macs(const Graph& graph);
int64_t node_macs(const Graph& graph, size_t node);

// Trained parameters: weights and biases of convolutions and linear layers, 2 a channel of batch
// norm and scale-shift, 1 of PRelu; running statistics and the preprocessing node are not counted.
int64_t count_parameters(const Graph& graph);

const char* act_name(Act act);
std::optional<Act> find_act(std::string_view name);
Act parse_act(const std::string& name);  // throws Error

}  // namespace vpunas
