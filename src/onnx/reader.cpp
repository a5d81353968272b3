#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "onnx/metadata.h"
#include "onnx/model.h"
#include "onnx/onnx.h"
#include "onnx/proto.h"

namespace vpunas {
namespace {

using namespace onnx;

// Operators of ours, which fuse() puts in the place of what they are spelled with.
constexpr const char* h_sigmoid = "HSigmoid";
constexpr const char* h_swish = "HardSwish";
constexpr const char* swish = "Swish";
constexpr const char* scale_shift = "ScaleShift";
constexpr const char* channel_shuffle = "ChannelShuffle";

// The decimal that someone wrote and a float32 stands for: 1e-5 rather than 9.99999975e-06.
double decimal(float value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  double result = value;
  std::from_chars(text.data(), end, result);
  return result;
}

int to_int(int64_t value) {
  if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max())
    fail("value ", value, " is out of range");
  return static_cast<int>(value);
}

// --- Attributes ---

const Attribute* find_attribute(const Operator& op, const char* name) {
  const auto found = op.attributes.find(name);
  return found == op.attributes.end() ? nullptr : &found->second;
}

int64_t int_or(const Operator& op, const char* name, int64_t fallback) {
  const Attribute* attribute = find_attribute(op, name);
  return attribute ? attribute->i : fallback;
}

double real_or(const Operator& op, const char* name, double fallback) {
  const Attribute* attribute = find_attribute(op, name);
  return attribute ? decimal(attribute->f) : fallback;
}

std::string text_or(const Operator& op, const char* name, const char* fallback) {
  const Attribute* attribute = find_attribute(op, name);
  return attribute ? attribute->s : fallback;
}

// `count` integers.
std::vector<int> ints_or(const Operator& op, const char* name, size_t count, int fallback) {
  const Attribute* attribute = find_attribute(op, name);
  if (!attribute) return std::vector<int>(count, fallback);
  if (attribute->ints.size() != count)
    fail(name, " has ", attribute->ints.size(), " values, not ", count);
  std::vector<int> values;
  for (const int64_t value : attribute->ints) values.push_back(to_int(value));
  return values;
}

void require_int(const Operator& op, const char* name, int64_t only) {
  if (const int64_t value = int_or(op, name, only); value != only)
    fail(name, " ", value, " is not known, only ", only);
}

struct Window {
  int kh, kw, sh, sw;
  Padding padding;
};

Window window_of(const Operator& op, int kh, int kw) {
  const std::string auto_pad = text_or(op, "auto_pad", "NOTSET");
  if (auto_pad != "NOTSET") fail("auto_pad ", auto_pad, " is not known; export with explicit pads");
  const auto strides = ints_or(op, "strides", 2, 1);
  const auto pads = ints_or(op, "pads", 4, 0);
  return {kh, kw, strides[0], strides[1], {pads[0], pads[1], pads[2], pads[3]}};
}

// A tensor of the ONNX graph as a node of ours. A flat one is [1, c] and not [1, c, h, w].
struct Value {
  int node = 0;
  bool flat = false;
};

class GraphReader {
 public:
  GraphReader(Model model, size_t bytes)
      : model_(std::move(model)), tensor_budget_(4 * bytes / sizeof(float) + (size_t{1} << 22)) {}

  FoldedNetwork read() {
    if (model_.opset < 11 || model_.opset > 25)
      fail("has opset ", model_.opset, "; known are 11 to 25, written is ", opset_version);
    collect_constants();
    index();
    fuse();
    graph_.name = model_.name;
    read_metadata();
    read_inputs();
    for (size_t i = 0; i < model_.operators.size(); ++i)
      if (!absorbed_[i]) read_operator(model_.operators[i]);
    check_output();
    check_weights(graph_, weights_);
    return {std::move(graph_), std::move(weights_)};
  }

 private:
  using Reader = void (GraphReader::*)(const Operator&);

  // --- The model before its operators are read ---

  // Constant operators, and Identity of constants, become constants.
  void collect_constants() {
    std::vector<Operator> kept;
    for (Operator& op : model_.operators) {
      if (op.outputs.empty()) fail("node ", op.name, " (", op.type, ") has no output");
      const Constant* found = nullptr;
      if (op.type == "Constant") {
        const Attribute* value = find_attribute(op, "value");
        if (!value || !value->tensor)
          fail("node ", name_of(op), " (Constant): only tensors are known");
        found = &*value->tensor;
      } else if (op.type == "Identity" && op.inputs.size() == 1) {
        found = find_constant(op.inputs[0]);
        if (found) spend(found->floats.size() + found->ints.size());
      }
      if (!found) {
        kept.push_back(std::move(op));
      } else if (!model_.constants.emplace(op.outputs[0], *found).second) {
        fail("value ", op.outputs[0], " is there twice");
      }
    }
    model_.operators = std::move(kept);
  }

  void index() {
    absorbed_.assign(model_.operators.size(), false);
    for (size_t i = 0; i < model_.operators.size(); ++i) {
      const Operator& op = model_.operators[i];
      for (const std::string& input : op.inputs) ++consumers_[input];
      if (!producer_.emplace(op.outputs[0], i).second || find_constant(op.outputs[0]))
        fail("value ", op.outputs[0], " is there twice");
    }
    for (const ValueInfo& output : model_.outputs) ++consumers_[output.name];
  }

  void read_metadata() {
    if (const auto found = model_.metadata.find(preprocess_key); found != model_.metadata.end())
      graph_.preprocess = parse_preprocess(found->second);
    if (const auto found = model_.metadata.find(labels_key); found != model_.metadata.end())
      graph_.preprocess.labels = parse_labels(found->second);
  }

  void read_inputs() {
    for (const auto& [name, dims] : model_.inputs) {
      if (find_constant(name)) continue;  // old exporters list the weights, too
      if (dims.size() != 4 || dims[0] > 1)
        fail("input ", name, " is not [1, channels, height, width]");
      const Shape shape = {to_int(dims[1]), to_int(dims[2]), to_int(dims[3])};
      values_[name] = {graph_.add(name, Input{shape}, {}), false};
    }
    if (graph_.nodes.empty()) fail("has no input");
    const int channels = graph_.input_shape().c;
    if (const auto& mean = graph_.preprocess.mean;
        !mean.empty() && mean.size() != static_cast<size_t>(channels))
      fail(preprocess_key, ": ", mean.size(), " means for an image of ", channels, " channels");
  }

  void check_output() {
    if (model_.outputs.size() != 1) fail("has ", model_.outputs.size(), " outputs, not one");
    const auto found = values_.find(model_.outputs[0].name);
    if (found == values_.end() || found->second.node + 1 != static_cast<int>(graph_.nodes.size()))
      fail("output ", model_.outputs[0].name, " is not what its last node gives");
  }

  // --- Fusing what is spelled out ---

  // The operator that gives `value`, if it is of this type and `value` goes nowhere else.
  Operator* only_source(const std::string& value, const char* type) {
    const auto found = producer_.find(value);
    if (found == producer_.end() || consumers_[value] != 1) return nullptr;
    Operator& op = model_.operators[found->second];
    return op.type == type && !absorbed_[found->second] ? &op : nullptr;
  }
  void absorb(const Operator& op) { absorbed_[producer_.at(op.outputs[0])] = true; }

  const Constant* find_constant(const std::string& name) const {
    const auto found = model_.constants.find(name);
    return found == model_.constants.end() ? nullptr : &found->second;
  }
  const Constant* constant_input(const Operator& op, size_t i) const {
    return i < op.inputs.size() ? find_constant(op.inputs[i]) : nullptr;
  }
  bool is_scalar(const Operator& op, size_t i, float value) const {
    const Constant* constant = constant_input(op, i);
    return constant && constant->floats == std::vector<float>{value};
  }
  bool is_relu6(const Operator& op) const {
    return op.type == "Clip" && op.inputs.size() == 3 && is_scalar(op, 1, 0) && is_scalar(op, 2, 6);
  }

  void fuse() {
    // h-sigmoid first: its Add must not be taken for a shift.
    for (Operator& op : model_.operators) fuse_h_sigmoid(op);
    for (size_t i = 0; i < model_.operators.size(); ++i) {
      if (absorbed_[i]) continue;
      fuse_gate(model_.operators[i]);
      fuse_scale_shift(model_.operators[i]);
      fuse_shuffle(model_.operators[i]);
    }
  }

  // HardSigmoid(1/6, 1/2), or Div(clip, 6) of Clip(Add(x, 3), 0, 6) or Min(Relu(Add(x, 3)), 6).
  void fuse_h_sigmoid(Operator& op) {
    if (op.type == "HardSigmoid" && op.inputs.size() == 1 &&
        std::abs(real_or(op, "alpha", 0.2) - 1.0 / 6) < 1e-6 && real_or(op, "beta", 0.5) == 0.5) {
      op.type = h_sigmoid;
    }
    if (op.type != "Div" || op.inputs.size() != 2 || !is_scalar(op, 1, 6)) return;
    // The clipping is one operator, or two.
    Operator* clip = only_source(op.inputs[0], "Clip");
    Operator* relu = nullptr;
    if (!clip) {
      clip = only_source(op.inputs[0], "Min");
      if (!clip || clip->inputs.size() != 2 || !is_scalar(*clip, 1, 6)) return;
      relu = only_source(clip->inputs[0], "Relu");
      if (!relu) return;
    } else if (!is_relu6(*clip)) {
      return;
    }
    Operator* add = only_source((relu ? relu : clip)->inputs[0], "Add");
    if (!add || add->inputs.size() != 2 || !is_scalar(*add, 1, 3)) return;
    if (relu) absorb(*relu);
    absorb(*clip);
    absorb(*add);
    op.type = h_sigmoid;
    op.inputs = {add->inputs[0]};
  }

  // Mul(x, Sigmoid(x)), Mul(x, HSigmoid(x)).
  void fuse_gate(Operator& op) {
    if (op.type != "Mul" || op.inputs.size() != 2) return;
    for (const size_t side : {0, 1}) {
      for (const auto& [gate_type, fused] : {std::pair{"Sigmoid", swish}, {h_sigmoid, h_swish}}) {
        const Operator* gate = only_source(op.inputs[side], gate_type);
        if (!gate || gate->inputs != std::vector{op.inputs[1 - side]}) continue;
        absorb(*gate);
        op.type = fused;
        op.inputs = gate->inputs;
        return;
      }
    }
  }

  // Mul and then Add of constants.
  void fuse_scale_shift(Operator& op) {
    if (op.type != "Add" || op.inputs.size() != 2 || !constant_input(op, 1)) return;
    const Operator* mul = only_source(op.inputs[0], "Mul");
    if (!mul || mul->inputs.size() != 2 || !constant_input(*mul, 1)) return;
    absorb(*mul);
    op.type = scale_shift;
    op.inputs = {mul->inputs[0], mul->inputs[1], op.inputs[1]};
  }

  // Reshape to [1, g, c/g, h, w], Transpose, Reshape back.
  void fuse_shuffle(Operator& op) {
    if (op.type != "Reshape" || op.inputs.size() != 2) return;
    const Operator* transpose = only_source(op.inputs[0], "Transpose");
    if (!transpose || transpose->inputs.size() != 1) return;
    const Operator* split = only_source(transpose->inputs[0], "Reshape");
    const Constant* groups = split ? constant_input(*split, 1) : nullptr;
    const Attribute* perm = find_attribute(*transpose, "perm");
    if (!groups || groups->ints.size() != 5 || !perm ||
        perm->ints != std::vector<int64_t>{0, 2, 1, 3, 4})
      return;
    absorb(*transpose);
    absorb(*split);
    op.type = channel_shuffle;
    op.inputs = {split->inputs[0], split->inputs[1], op.inputs[1]};
  }

  // --- Pieces of operators ---

  static const std::string& name_of(const Operator& op) {
    return op.name.empty() ? op.outputs[0] : op.name;
  }

  void require_inputs(const Operator& op, size_t least, size_t most) const {
    if (op.inputs.size() < least || op.inputs.size() > most)
      fail("takes ", least, " to ", most, " inputs, has ", op.inputs.size());
  }

  Value value(const Operator& op, size_t i = 0) const {
    if (i >= op.inputs.size()) fail("has no input ", i);
    const auto found = values_.find(op.inputs[i]);
    if (found == values_.end()) fail("reads ", op.inputs[i], ", which no node before it gives");
    return found->second;
  }
  const Shape& shape(const Value& value) const {
    return graph_.nodes[static_cast<size_t>(value.node)].shape;
  }
  // An input that is an image; a vector stands for one of a single pixel only behind a Reshape.
  Value image(const Operator& op, size_t i = 0) const {
    const Value in = value(op, i);
    if (in.flat) fail("takes an image, input ", op.inputs[i], " is flat");
    return in;
  }
  // An image or a vector: a flattened plane has lost its channels.
  Value channels(const Operator& op, size_t i = 0) const {
    const Value in = value(op, i);
    const Shape& s = shape(in);
    if (in.flat && (s.h != 1 || s.w != 1)) fail("a flattened plane can only go into Gemm");
    return in;
  }

  const Constant& constant(const Operator& op, size_t i) const {
    const Constant* found = constant_input(op, i);
    if (!found) fail("input ", i, " is not a constant");
    return *found;
  }
  std::vector<int64_t> int_list(const Operator& op, size_t i) const {
    const Constant& found = constant(op, i);
    if (found.ints.empty()) fail("input ", i, " is not a list of integers");
    return found.ints;
  }

  // Weights are copied, and a hostile file could name one tensor a thousand times.
  void spend(size_t elements) {
    if (elements > tensor_budget_) fail("shares its weights too often");
    tensor_budget_ -= elements;
  }

  void put(const Operator& op, Layer layer, std::vector<int> inputs, bool flat = false) {
    values_[op.outputs[0]] = {graph_.add(name_of(op), std::move(layer), std::move(inputs)), flat};
  }
  void alias(const Operator& op, Value in) { values_[op.outputs[0]] = in; }

  void put_weight(const Operator& op, const char* parameter, const Constant& from) {
    spend(from.floats.size());
    if (from.floats.empty()) fail("its ", parameter, " is not float32");
    weights_[name_of(op) + "." + parameter] = {from.dims, from.floats};
  }

  // A constant [c], [1, c, 1, 1], ... or a scalar, as [c], for an image or a vector.
  Tensor by_channel(const Constant& from, const Value& in) {
    const int c = shape(in).c;
    spend(static_cast<size_t>(c));
    if (from.floats.size() == 1) return {{c}, std::vector<float>(c, from.floats[0])};
    std::vector<int64_t> dims = from.dims;
    if (!dims.empty() && dims.size() == (in.flat ? 2u : 4u) && dims[0] == 1)
      dims.erase(dims.begin());
    const std::vector<int64_t> image_dims = {c, 1, 1}, vector_dims = {c};
    if (from.floats.empty() || dims != (in.flat ? vector_dims : image_dims))
      fail("a constant operand must be a scalar or have a value for each of the ", c, " channels");
    return {{c}, from.floats};
  }

  // --- Operators ---

  static const std::unordered_map<std::string, Reader>& readers() {
    static const std::unordered_map<std::string, Reader> table = {
        {"Conv", &GraphReader::read_conv},
        {"BatchNormalization", &GraphReader::read_batch_norm},
        {"Relu", &GraphReader::read_activation},
        {"Clip", &GraphReader::read_clip},
        {"LeakyRelu", &GraphReader::read_activation},
        {"PRelu", &GraphReader::read_prelu},
        {"Sigmoid", &GraphReader::read_activation},
        {h_sigmoid, &GraphReader::read_activation},
        {h_swish, &GraphReader::read_activation},
        {swish, &GraphReader::read_activation},
        {"Add", &GraphReader::read_sum},
        {"Sum", &GraphReader::read_sum},
        {"Mul", &GraphReader::read_mul},
        {scale_shift, &GraphReader::read_scale_shift},
        {"Concat", &GraphReader::read_concat},
        {"Slice", &GraphReader::read_slice},
        {channel_shuffle, &GraphReader::read_shuffle},
        {"MaxPool", &GraphReader::read_pool},
        {"AveragePool", &GraphReader::read_pool},
        {"GlobalAveragePool", &GraphReader::read_global_pool},
        {"ReduceMean", &GraphReader::read_reduce_mean},
        {"Flatten", &GraphReader::read_flatten},
        {"Reshape", &GraphReader::read_reshape},
        {"Gemm", &GraphReader::read_gemm},
        {"Softmax", &GraphReader::read_softmax},
        {"Resize", &GraphReader::read_resize},
        {"LRN", &GraphReader::read_lrn},
        {"Identity", &GraphReader::read_identity},
        {"Dropout", &GraphReader::read_identity}};
    return table;
  }

  void read_operator(const Operator& op) {
    try {
      const auto found = readers().find(op.type);
      if (found == readers().end() || (!op.domain.empty() && op.domain != "ai.onnx"))
        fail("the operator is not known here");
      (this->*found->second)(op);
    } catch (const Error& error) {
      fail("node ", name_of(op), " (", op.type, "): ", error.what());
    }
  }

  void read_conv(const Operator& op) {
    require_inputs(op, 2, 3);
    const Constant& weight = constant(op, 1);
    if (weight.dims.size() != 4) fail("its weight is not [out, in, height, width]");
    const Window w = window_of(op, to_int(weight.dims[2]), to_int(weight.dims[3]));
    if (ints_or(op, "kernel_shape", 2, 0) != std::vector{w.kh, w.kw} &&
        find_attribute(op, "kernel_shape"))
      fail("kernel_shape is not its weight's");
    const auto dilations = ints_or(op, "dilations", 2, 1);
    if (dilations[0] != dilations[1]) fail("its dilations differ");
    const bool bias = op.inputs.size() == 3 && !op.inputs[2].empty();
    put(op,
        Conv{.out_channels = to_int(weight.dims[0]),
             .kh = w.kh,
             .kw = w.kw,
             .sh = w.sh,
             .sw = w.sw,
             .padding = w.padding,
             .dilation = dilations[0],
             .groups = to_int(int_or(op, "group", 1)),
             .bias = bias},
        {image(op).node});
    put_weight(op, "weight", weight);
    if (bias) put_weight(op, "bias", constant(op, 2));
  }

  void read_batch_norm(const Operator& op) {
    require_inputs(op, 5, 5);
    require_int(op, "training_mode", 0);
    const Value in = channels(op);
    put(op, BatchNorm{.eps = real_or(op, "epsilon", 1e-5)}, {in.node}, in.flat);
    size_t input = 1;
    for (const char* parameter : {"weight", "bias", "running_mean", "running_var"})
      put_weight(op, parameter, constant(op, input++));
  }

  void put_activation(const Operator& op, const Activation& activation) {
    const Value in = value(op);
    put(op, activation, {in.node}, in.flat);
  }

  void read_activation(const Operator& op) {
    require_inputs(op, 1, 1);
    if (op.type == "LeakyRelu")
      return put_activation(op, {.act = Act::leaky_relu, .slope = real_or(op, "alpha", 0.01)});
    const Act act = op.type == "Relu"      ? Act::relu
                    : op.type == "Sigmoid" ? Act::sigmoid
                    : op.type == h_sigmoid ? Act::hsigmoid
                    : op.type == h_swish   ? Act::hswish
                                           : Act::swish;
    put_activation(op, {.act = act});
  }

  void read_prelu(const Operator& op) {
    require_inputs(op, 2, 2);
    const Value in = channels(op);
    const Constant& slope = constant(op, 1);
    spend(slope.floats.size());
    weights_[name_of(op) + ".weight"] = by_channel(slope, in);
    put(op, PRelu{}, {in.node}, in.flat);
  }

  void read_clip(const Operator& op) {
    if (!is_relu6(op)) fail("only a clip to 0..6 is known");
    put_activation(op, {.act = Act::relu6});
  }

  // Two inputs or more, all images or all vectors.
  std::vector<int> same_rank(const Operator& op, bool& flat) const {
    std::vector<int> nodes;
    flat = channels(op).flat;
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      const Value in = channels(op, i);
      if (in.flat != flat) fail("an image and a vector do not go together");
      nodes.push_back(in.node);
    }
    return nodes;
  }

  void read_sum(const Operator& op) {
    if (op.inputs.size() == 2)
      for (const size_t side : {0, 1})
        if (const Constant* shift = constant_input(op, side)) {
          const Value in = channels(op, 1 - side);
          return put_scale_shift(op, in, {{1}, {1.0f}, {}}, shift);
        }
    bool flat = false;
    const std::vector<int> inputs = same_rank(op, flat);
    put(op, Add{}, inputs, flat);
  }

  void read_mul(const Operator& op) {
    require_inputs(op, 2, 2);
    for (const size_t side : {0, 1})
      if (const Constant* scale = constant_input(op, side))
        return put_scale_shift(op, channels(op, 1 - side), *scale, nullptr);
    bool flat = false;
    std::vector<int> inputs = same_rank(op, flat);
    const Shape& a = graph_.nodes[static_cast<size_t>(inputs[0])].shape;
    const Shape& b = graph_.nodes[static_cast<size_t>(inputs[1])].shape;
    if (a != b && a == Shape{b.c, 1, 1}) std::swap(inputs[0], inputs[1]);
    put(op, Mul{}, inputs, flat);
  }

  void put_scale_shift(const Operator& op, const Value& in, const Constant& scale,
                       const Constant* shift) {
    weights_[name_of(op) + ".weight"] = by_channel(scale, in);
    if (shift) weights_[name_of(op) + ".bias"] = by_channel(*shift, in);
    put(op, ScaleShift{.shift = shift != nullptr}, {in.node}, in.flat);
  }
  void read_scale_shift(const Operator& op) {
    put_scale_shift(op, channels(op), constant(op, 1), &constant(op, 2));
  }

  void read_concat(const Operator& op) {
    require_int(op, "axis", 1);
    bool flat = false;
    const std::vector<int> inputs = same_rank(op, flat);
    put(op, Concat{}, inputs, flat);
  }

  void read_slice(const Operator& op) {
    require_inputs(op, 4, 5);
    const auto starts = int_list(op, 1), ends = int_list(op, 2), axes = int_list(op, 3);
    const bool unit_steps = op.inputs.size() == 4 || int_list(op, 4) == std::vector<int64_t>{1};
    if (starts.size() != 1 || ends.size() != 1 || axes != std::vector<int64_t>{1} || !unit_steps)
      fail("only a slice of the channels in steps of 1 is known");
    const Value in = channels(op);
    const int64_t c = shape(in).c;
    const auto position = [&](int64_t i) {
      return static_cast<int>(std::clamp<int64_t>(i < 0 ? i + c : i, 0, c));
    };
    put(op, Slice{position(starts[0]), position(ends[0])}, {in.node}, in.flat);
  }

  void read_shuffle(const Operator& op) {
    const Value in = image(op);
    const Shape& s = shape(in);
    const auto split = int_list(op, 1), joined = int_list(op, 2);
    const int64_t groups = split[1];
    if (groups < 1 || s.c % groups != 0 ||
        split != std::vector<int64_t>{1, groups, s.c / groups, s.h, s.w} ||
        joined != std::vector<int64_t>{1, s.c, s.h, s.w})
      fail("only a channel shuffle is known");
    put(op, Permute{to_int(groups)}, {in.node});
  }

  void read_pool(const Operator& op) {
    require_inputs(op, 1, 1);
    const auto kernel = ints_or(op, "kernel_shape", 2, 0);
    const Window w = window_of(op, kernel[0], kernel[1]);
    if (ints_or(op, "dilations", 2, 1) != std::vector{1, 1}) fail("dilations are not known");
    require_int(op, "storage_order", 0);
    const bool average = op.type == "AveragePool";
    put(op,
        Pool{.kind = average ? PoolKind::average : PoolKind::max,
             .kh = w.kh,
             .kw = w.kw,
             .sh = w.sh,
             .sw = w.sw,
             .padding = w.padding,
             .rounding = int_or(op, "ceil_mode", 0) != 0 ? Rounding::ceil : Rounding::floor,
             .count_padding = average && int_or(op, "count_include_pad", 0) != 0},
        {image(op).node});
  }

  void read_global_pool(const Operator& op) {
    require_inputs(op, 1, 1);
    put(op, GlobalPool{}, {image(op).node});
  }

  void read_reduce_mean(const Operator& op) {
    require_inputs(op, 1, 2);
    const Attribute* attribute = find_attribute(op, "axes");
    std::vector<int64_t> axes = attribute ? attribute->ints : int_list(op, 1);
    for (int64_t& axis : axes) axis += axis < 0 ? 4 : 0;
    std::sort(axes.begin(), axes.end());
    if (axes != std::vector<int64_t>{2, 3}) fail("only the mean over the plane is known");
    put(op, GlobalPool{}, {image(op).node}, int_or(op, "keepdims", 1) == 0);
  }

  void read_flatten(const Operator& op) {
    require_inputs(op, 1, 1);
    require_int(op, "axis", 1);
    alias(op, {value(op).node, true});
  }

  // To a vector, or from a vector to an image of one pixel.
  void read_reshape(const Operator& op) {
    require_inputs(op, 2, 2);
    const Value in = value(op);
    const Shape& s = shape(in);
    const std::vector<int64_t> dims = int_list(op, 1);
    const auto is = [&](size_t i, int64_t size) { return dims[i] == size || dims[i] == -1; };
    const bool batch =
        dims[0] == 1 || dims[0] == -1 || (dims[0] == 0 && !int_or(op, "allowzero", 0));
    const bool to_vector = dims.size() == 2 && batch && is(1, s.elements());
    const bool same = dims.size() == 4 && batch && is(1, s.c) && is(2, s.h) && is(3, s.w);
    if (std::count(dims.begin(), dims.end(), -1) > 1 || (!to_vector && !same))
      fail("only flattening is known");
    alias(op, {in.node, to_vector});
  }

  void read_gemm(const Operator& op) {
    require_inputs(op, 2, 3);
    require_int(op, "transA", 0);
    if (int_or(op, "transB", 0) != 1) fail("transB must be 1");
    if (real_or(op, "alpha", 1) != 1 || real_or(op, "beta", 1) != 1)
      fail("alpha and beta must be 1");
    const Value in = value(op);
    if (!in.flat) fail("takes a vector; flatten its input");
    const Constant& weight = constant(op, 1);
    if (weight.dims.size() != 2) fail("its weight is not [out, in]");
    const bool bias = op.inputs.size() == 3 && !op.inputs[2].empty();
    put(op, Linear{.out_features = to_int(weight.dims[0]), .bias = bias}, {in.node}, true);
    put_weight(op, "weight", weight);
    if (bias) put_weight(op, "bias", constant(op, 2));
  }

  void read_softmax(const Operator& op) {
    require_inputs(op, 1, 1);
    const Value in = channels(op);
    const int64_t axis = int_or(op, "axis", model_.opset < 13 ? 1 : -1);
    if (axis != 1 && !(in.flat && axis == -1)) fail("only over the channels is known");
    if (model_.opset < 13 && !in.flat && shape(in) != Shape{shape(in).c, 1, 1})
      fail("before opset 13 it is over the whole plane");
    put(op, Softmax{}, {in.node}, in.flat);
  }

  // The size [h, w] of a Resize's output, from its sizes or its scales.
  std::pair<int, int> resized(const Operator& op, const Shape& in) const {
    if (const Constant* sizes = constant_input(op, 3)) {
      if (sizes->ints.size() != 4 || sizes->ints[0] != 1 || sizes->ints[1] != in.c)
        fail("only the plane can be resized");
      return {to_int(sizes->ints[2]), to_int(sizes->ints[3])};
    }
    const Constant& scales = constant(op, 2);
    if (scales.floats.size() != 4 || scales.floats[0] != 1 || scales.floats[1] != 1)
      fail("only the plane can be resized");
    const auto scaled = [](int size, float scale) {
      const double result = std::floor(static_cast<double>(size) * scale);
      if (!(result >= 1 && result <= 1 << 30)) fail("scale ", scale, " is out of range");
      return static_cast<int>(result);
    };
    return {scaled(in.h, scales.floats[2]), scaled(in.w, scales.floats[3])};
  }

  void read_resize(const Operator& op) {
    const Value in = image(op);
    const Shape& s = shape(in);
    const auto [h, w] = resized(op, s);
    const std::string mode = text_or(op, "mode", "nearest");
    const std::string transform = text_or(op, "coordinate_transformation_mode", "half_pixel");
    const std::string rounding = text_or(op, "nearest_mode", "round_prefer_floor");
    // "pytorch_half_pixel" differs for outputs of one pixel only; whole factors make torch's
    // "nearest" (asymmetric, floor) the same as half-pixel centres.
    const bool whole = h > 0 && w > 0 && h % s.h == 0 && w % s.w == 0;
    const bool bilinear =
        mode == "linear" &&
        (transform == "half_pixel" || (transform == "pytorch_half_pixel" && h > 1 && w > 1));
    const bool nearest =
        mode == "nearest" && ((transform == "half_pixel" && rounding == "round_prefer_ceil") ||
                              (transform == "asymmetric" && rounding == "floor" && whole));
    if (!bilinear && !nearest)
      fail("mode ", mode, " with ", transform, " coordinates is not known");
    put(op, Resize{bilinear ? ResizeKind::bilinear : ResizeKind::nearest, h, w}, {in.node});
  }

  void read_lrn(const Operator& op) {
    require_inputs(op, 1, 1);
    put(op,
        Lrn{.size = to_int(int_or(op, "size", 0)),
            .alpha = real_or(op, "alpha", 1e-4),
            .beta = real_or(op, "beta", 0.75),
            .bias = real_or(op, "bias", 1)},
        {image(op).node});
  }

  void read_identity(const Operator& op) { alias(op, value(op)); }

  Model model_;
  size_t tensor_budget_;                              // elements that may still be copied
  std::vector<bool> absorbed_;                        // by operator
  std::unordered_map<std::string, size_t> producer_;  // of a value: the operator
  std::unordered_map<std::string, int> consumers_;    // of a value: how many
  std::unordered_map<std::string, Value> values_;
  Graph graph_;
  Weights weights_;
};

}  // namespace

FoldedNetwork from_onnx(std::string_view bytes, const std::string& where) {
  try {
    return GraphReader(parse_model(bytes), bytes.size()).read();
  } catch (const Error& error) {
    fail(where, ": ", error.what());
  }
}

FoldedNetwork read_onnx(const std::filesystem::path& path) {
  return from_onnx(read_file(path), path.string());
}

}  // namespace vpunas
