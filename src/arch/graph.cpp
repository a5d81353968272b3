#include "arch/graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ostream>

#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

constexpr int64_t max_elements = int64_t{1} << 31;
constexpr int64_t max_macs = int64_t{1} << 45;
constexpr size_t max_inputs = 1 << 16;
constexpr int max_extent = 1 << 16;  // of kernels, strides, paddings and dilations

// The product of `factors`, or an Error where a factor is not positive or the product exceeds
// `limit` (at most 2^45, so that no intermediate product of it with an int overflows).
int64_t bounded_product(std::initializer_list<int64_t> factors, int64_t limit, const char* what) {
  int64_t product = 1;
  for (const int64_t factor : factors) {
    if (factor < 1) fail(what, " has no elements");
    if (factor > limit / product) fail(what, " exceeds ", limit);
    product *= factor;
  }
  return product;
}

Shape bounded(int64_t c, int64_t h, int64_t w) {
  bounded_product({c, h, w}, max_elements, "the size of its output");
  return {static_cast<int>(c), static_cast<int>(h), static_cast<int>(w)};
}

void require_extent(const char* what, int value, int least) {
  if (value < least || value > max_extent)
    fail(what, " ", value, " is outside ", least, "..", max_extent);
}

void require_window(int kh, int kw, int sh, int sw, const Padding& padding) {
  for (const int kernel : {kh, kw}) require_extent("kernel", kernel, 1);
  for (const int stride : {sh, sw}) require_extent("stride", stride, 1);
  for (const int pad : {padding.top, padding.left, padding.bottom, padding.right})
    require_extent("padding", pad, 0);
}

void require_same(const Shape& a, const Shape& b) {
  if (a != b) fail("its inputs differ: ", a, " and ", b);
}

// Positions of a window of `kernel` on `size` padded by `before` and `after`, `stride` apart.
int64_t positions(int64_t size, int64_t kernel, int64_t stride, int64_t before, int64_t after,
                  Rounding rounding) {
  const int64_t room = size + before + after - kernel;
  if (room < 0) fail("kernel ", kernel, " is larger than the padded input ", size + before + after);
  if (rounding == Rounding::floor) return room / stride + 1;
  const int64_t count = (room + stride - 1) / stride + 1;
  return (count - 1) * stride >= size + before ? count - 1 : count;
}

Shape shape_of(const Conv& conv, const Shape& in) {
  require_window(conv.kh, conv.kw, conv.sh, conv.sw, conv.padding);
  require_extent("dilation", conv.dilation, 1);
  if (conv.groups < 1 || in.c % conv.groups != 0 || conv.out_channels % conv.groups != 0)
    fail(in.c, " input and ", conv.out_channels, " output channels are not divisible into ",
         conv.groups, " groups");
  const auto extent = [&](int kernel) { return int64_t{conv.dilation} * (kernel - 1) + 1; };
  const Padding& pad = conv.padding;
  const int64_t h = positions(in.h, extent(conv.kh), conv.sh, pad.top, pad.bottom, Rounding::floor);
  const int64_t w = positions(in.w, extent(conv.kw), conv.sw, pad.left, pad.right, Rounding::floor);
  const Shape out = bounded(conv.out_channels, h, w);
  const int64_t weights = bounded_product({conv.out_channels, in.c / conv.groups, conv.kh, conv.kw},
                                          max_elements, "its weight");
  bounded_product({weights, out.h, out.w}, max_macs, "its multiply-accumulates");
  return out;
}

Shape shape_of(const Pool& pool, const Shape& in) {
  require_window(pool.kh, pool.kw, pool.sh, pool.sw, pool.padding);
  const Padding& pad = pool.padding;
  if (std::max(pad.top, pad.bottom) >= pool.kh || std::max(pad.left, pad.right) >= pool.kw)
    fail("its padding is not smaller than its kernel ", pool.kh, "x", pool.kw);
  return bounded(in.c, positions(in.h, pool.kh, pool.sh, pad.top, pad.bottom, pool.rounding),
                 positions(in.w, pool.kw, pool.sw, pad.left, pad.right, pool.rounding));
}

Shape shape_of(const Linear& linear, const Shape& in) {
  bounded_product({linear.out_features, in.c, in.h, in.w}, max_elements, "its weight");
  return {linear.out_features, 1, 1};
}

Shape shape_of(const Concat&, const std::vector<Shape>& inputs) {
  int64_t channels = 0;
  for (const Shape& in : inputs) {
    if (in.h != inputs[0].h || in.w != inputs[0].w) require_same(inputs[0], in);
    channels += in.c;
  }
  return bounded(channels, inputs[0].h, inputs[0].w);
}

Shape shape_of(const Mul&, const Shape& a, const Shape& b) {
  if (b != Shape{a.c, 1, 1}) require_same(a, b);
  return a;
}

Shape shape_of(const Slice& slice, const Shape& in) {
  if (slice.begin < 0 || slice.begin >= slice.end || slice.end > in.c)
    fail("channels ", slice.begin, " to ", slice.end, " are not within its input's ", in.c);
  return {slice.end - slice.begin, in.h, in.w};
}

Shape shape_of(const Permute& permute, const Shape& in) {
  if (permute.groups < 1 || in.c % permute.groups != 0)
    fail(in.c, " channels are not divisible into ", permute.groups, " groups");
  return in;
}

// Inputs that a layer takes, least and most.
std::pair<size_t, size_t> input_counts(const Layer& layer) {
  return std::visit(Overload{[](const Input&) { return std::pair<size_t, size_t>{0, 0}; },
                             [](const Add&) { return std::pair<size_t, size_t>{2, max_inputs}; },
                             [](const Mul&) { return std::pair<size_t, size_t>{2, 2}; },
                             [](const Concat&) { return std::pair<size_t, size_t>{1, max_inputs}; },
                             [](const auto&) { return std::pair<size_t, size_t>{1, 1}; }},
                    layer);
}

constexpr std::array<std::pair<Act, const char*>, 8> act_names = {{{Act::none, "none"},
                                                                   {Act::relu, "relu"},
                                                                   {Act::relu6, "relu6"},
                                                                   {Act::leaky_relu, "leaky_relu"},
                                                                   {Act::hswish, "hswish"},
                                                                   {Act::swish, "swish"},
                                                                   {Act::sigmoid, "sigmoid"},
                                                                   {Act::hsigmoid, "hsigmoid"}}};

}  // namespace

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  return out << shape.c << 'x' << shape.h << 'x' << shape.w;
}

Shape infer_shape(const Layer& layer, const std::vector<Shape>& inputs) {
  const auto [least, most] = input_counts(layer);
  if (inputs.size() < least || inputs.size() > most)
    fail("takes ", least,
         most > least ? " or more inputs"
         : least == 1 ? " input"
                      : " inputs",
         ", has ", inputs.size());
  return std::visit(
      Overload{
          [](const Input& input) { return bounded(input.shape.c, input.shape.h, input.shape.w); },
          [&](const Conv& conv) { return shape_of(conv, inputs[0]); },
          [&](const BatchNorm& norm) {
            if (!(norm.eps > 0 && norm.eps < 1)) fail("eps ", norm.eps, " is outside 0..1");
            return inputs[0];
          },
          [&](const ScaleShift&) { return inputs[0]; },
          [&](const Activation& activation) {
            if (!std::isfinite(activation.slope)) fail("its slope is not a number");
            return inputs[0];
          },
          [&](const PRelu&) { return inputs[0]; },
          [&](const Add&) {
            for (const Shape& in : inputs) require_same(inputs[0], in);
            return inputs[0];
          },
          [&](const Mul& mul) { return shape_of(mul, inputs[0], inputs[1]); },
          [&](const Concat& concat) { return shape_of(concat, inputs); },
          [&](const Slice& slice) { return shape_of(slice, inputs[0]); },
          [&](const Permute& permute) { return shape_of(permute, inputs[0]); },
          [&](const Pool& pool) { return shape_of(pool, inputs[0]); },
          [&](const GlobalPool&) { return Shape{inputs[0].c, 1, 1}; },
          [&](const Linear& linear) { return shape_of(linear, inputs[0]); },
          [&](const Softmax&) { return inputs[0]; },
          [&](const Resize& resize) { return bounded(inputs[0].c, resize.h, resize.w); },
          [&](const Lrn& lrn) {
            require_extent("size", lrn.size, 1);
            for (const double value : {lrn.alpha, lrn.beta, lrn.bias})
              if (!std::isfinite(value)) fail("its alpha, beta or bias is not a number");
            return inputs[0];
          }},
      layer);
}

int Graph::add(std::string node_name, Layer layer, std::vector<int> inputs) {
  const auto reject = [&](const std::string& problem) {
    fail("node ", node_name, " (", layer_name(layer), "): ", problem);
  };
  if (node_name.empty()) fail("a ", layer_name(layer), " node has no name");
  const bool input_expected = nodes.empty() || std::holds_alternative<Input>(nodes.back().layer);
  if (nodes.empty() && !std::holds_alternative<Input>(layer))
    reject("the first node must be the input");
  if (std::holds_alternative<Input>(layer) && !input_expected)
    reject("inputs stand before all other nodes");
  std::vector<Shape> shapes;
  for (const int input : inputs) {
    if (input < 0 || input >= static_cast<int>(nodes.size()))
      reject("reads a node that is not there");
    shapes.push_back(nodes[input].shape);
  }
  for (const Node& node : nodes)
    if (node.name == node_name) reject("the name is taken");
  try {
    const Shape shape = infer_shape(layer, shapes);
    nodes.push_back({std::move(node_name), std::move(layer), std::move(inputs), shape});
  } catch (const Error& error) {
    reject(shapes.empty() ? error.what() : cat("on ", shapes[0], ": ", error.what()));
  }
  return static_cast<int>(nodes.size()) - 1;
}

size_t count_inputs(const Graph& graph) {
  size_t count = 0;
  while (count < graph.nodes.size() && std::holds_alternative<Input>(graph.nodes[count].layer))
    ++count;
  return count;
}

void require_one_input(const Graph& graph) {
  if (const size_t count = count_inputs(graph); count != 1)
    fail("network ", graph.name, ": has ", count, " inputs, only one image can be served here");
}

const char* layer_name(const Layer& layer) {
  return std::visit(
      Overload{[](const Input&) { return "Input"; }, [](const Conv&) { return "Conv"; },
               [](const BatchNorm&) { return "BatchNorm"; },
               [](const ScaleShift&) { return "ScaleShift"; },
               [](const Activation&) { return "Activation"; }, [](const PRelu&) { return "PRelu"; },
               [](const Add&) { return "Add"; }, [](const Mul&) { return "Mul"; },
               [](const Concat&) { return "Concat"; }, [](const Slice&) { return "Slice"; },
               [](const Permute&) { return "Permute"; }, [](const Pool&) { return "Pool"; },
               [](const GlobalPool&) { return "GlobalPool"; },
               [](const Linear&) { return "Linear"; }, [](const Softmax&) { return "Softmax"; },
               [](const Resize&) { return "Resize"; }, [](const Lrn&) { return "Lrn"; }},
      layer);
}

std::vector<std::pair<std::string, std::vector<int64_t>>> layer_parameters(const Layer& layer,
                                                                           const Shape& input) {
  using Parameters = std::vector<std::pair<std::string, std::vector<int64_t>>>;
  const auto with_bias = [](Parameters parameters, bool bias) {
    if (bias) parameters.push_back({"bias", {parameters[0].second[0]}});
    return parameters;
  };
  return std::visit(
      Overload{
          [&](const Conv& conv) {
            return with_bias(
                {{"weight", {conv.out_channels, input.c / conv.groups, conv.kh, conv.kw}}},
                conv.bias);
          },
          [&](const BatchNorm&) {
            const std::vector<int64_t> dims = {input.c};
            return Parameters{
                {"weight", dims}, {"bias", dims}, {"running_mean", dims}, {"running_var", dims}};
          },
          [&](const ScaleShift& scale) { return with_bias({{"weight", {input.c}}}, scale.shift); },
          [&](const PRelu&) { return Parameters{{"weight", {input.c}}}; },
          [&](const Linear& linear) {
            return with_bias({{"weight", {linear.out_features, input.elements()}}}, linear.bias);
          },
          [](const auto&) { return Parameters{}; }},
      layer);
}

int64_t node_macs(const Graph& graph, size_t index) {
  const Node& node = graph.nodes.at(index);
  if (const auto* conv = std::get_if<Conv>(&node.layer))
    return node.shape.elements() * (graph.nodes[node.inputs[0]].shape.c / conv->groups) * conv->kh *
           conv->kw;
  if (const auto* linear = std::get_if<Linear>(&node.layer))
    return linear->out_features * graph.nodes[node.inputs[0]].shape.elements();
  return 0;
}

int64_t count_macs(const Graph& graph) {
  int64_t sum = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) sum += node_macs(graph, i);
  return sum;
}

int64_t count_parameters(const Graph& graph) {
  int64_t sum = 0;
  for (const Node& node : graph.nodes) {
    if (node.inputs.empty() || node.name == "preprocess") continue;
    for (const auto& [name, dims] :
         layer_parameters(node.layer, graph.nodes[node.inputs[0]].shape)) {
      if (name.starts_with("running_")) continue;
      int64_t elements = 1;
      for (const int64_t dim : dims) elements *= dim;
      sum += elements;
    }
  }
  return sum;
}

const char* act_name(Act act) {
  const auto found = std::find_if(act_names.begin(), act_names.end(),
                                  [&](const auto& entry) { return entry.first == act; });
  return found->second;
}

std::optional<Act> find_act(std::string_view name) {
  for (const auto& [act, text] : act_names)
    if (name == text) return act;
  return std::nullopt;
}

Act parse_act(const std::string& name) {
  if (const auto act = find_act(name)) return *act;
  std::vector<std::string> known;
  for (const auto& [act, text] : act_names) known.push_back(text);
  fail("activation ", name, " is unknown", did_you_mean(name, known), "; known are ", join(known));
}

}  // namespace vpunas
