// Linear layers, normalisation, activations and arithmetic.
#include <algorithm>

#include "onnx/builder.h"

namespace vpunas::onnx {
namespace {

// --- Linear layers ---

// The weight as [out, in], its columns in the order in which the tensor is stored.
Constant linear_weight(Builder& builder, const Constant& given, bool transposed_already,
                       const Axis& in) {
  if (given.dims.size() != 2 || given.is_integer) fail("its weight is not a matrix of floats");
  Constant weight = transposed_already ? given : transposed(given, {1, 0}, builder.allowance());
  int64_t columns = 1;
  for (const Factor& factor : in) columns *= factor.size;
  if (weight.dims[1] != columns)
    fail("its weight takes ", weight.dims[1], " values, its input has ", columns);
  if (in.size() <= 1) return weight;
  const std::vector<int64_t> order = positions(in);
  const std::vector<float> rows = weight.floats;
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t column = i % order.size();
    weight.floats[i - column + static_cast<size_t>(order[column])] = rows[i];
  }
  return weight;
}

void scale(Constant& constant, double factor) {
  if (factor != 1)
    for (float& value : constant.floats) value = static_cast<float>(value * factor);
}

// The bias with a value for each of `count` features.
Constant linear_bias(Builder& builder, const Constant& given, int64_t count) {
  Constant bias = given;
  builder.allowance().spend(static_cast<size_t>(count));
  if (bias.floats.size() == 1) bias.floats.assign(static_cast<size_t>(count), bias.floats[0]);
  const bool is_row = given.size() == 1 || (!given.dims.empty() && given.dims.back() == count);
  if (!is_row || static_cast<int64_t>(bias.floats.size()) != count)
    fail("its bias has not one value for each of the ", count, " features");
  bias.dims = {count};
  return bias;
}

// Gemm, and MatMul with a bias or without.
void read_linear(Builder& builder, const Operator& op) {
  require_inputs(op, 2, 3);
  require_int(op, "transA", 0);
  const Value in = builder.value(op);
  const bool gemm = op.type == "Gemm";
  if (in.view.rank() < 1 || (gemm && in.view.rank() != 2))
    fail("takes a vector; flatten its input");
  const size_t last = in.view.rank() - 1;
  for (size_t axis = 0; axis < last; ++axis)
    if (!in.view.axes[axis].empty()) fail("takes a vector; flatten its input");
  Constant weight = linear_weight(builder, builder.constant(op, 1), int_or(op, "transB", 0) != 0,
                                  in.view.axes[last]);
  scale(weight, real_or(op, "alpha", 1));
  const bool bias = op.has_input(2);
  const int64_t out = weight.dims[0];
  const int node = builder.add(op, Linear{.out_features = to_int(out), .bias = bias}, {in.node});
  builder.set_weight(node, "weight", weight);
  if (bias) {
    Constant values = linear_bias(builder, builder.constant(op, 2), out);
    scale(values, real_or(op, "beta", 1));
    builder.set_weight(node, "bias", values);
  }
  View view = in.view;
  view.axes[last] = View::vector({to_int(out), 1, 1}).axes[1];
  builder.set(op, {node, view});
}

// --- Normalisation ---

void read_batch_norm(Builder& builder, const Operator& op) {
  require_inputs(op, 5, 5);
  require_int(op, "spatial", 1);
  // Before opset 14 the outputs say it.
  if (int_or(op, "training_mode", 0) != 0 ||
      std::count(op.outputs.begin(), op.outputs.end(), "") + 1 <
          static_cast<int64_t>(op.outputs.size()))
    fail("is in training mode; export the network for inference");
  const Value in = builder.value(op);
  if (!in.view.has_channels_at(1, builder.shape(in))) fail("its input has its channels elsewhere");
  const int node = builder.add(op, BatchNorm{.eps = real_or(op, "epsilon", 1e-5)}, {in.node});
  size_t input = 1;
  for (const char* parameter : {"weight", "bias", "running_mean", "running_var"})
    builder.set_weight(node, parameter, builder.constant(op, input++));
  builder.set(op, {node, in.view});
}

void read_lrn(Builder& builder, const Operator& op) {
  require_inputs(op, 1, 1);
  const Lrn lrn = {.size = to_int(int_or(op, "size", 0)),
                   .alpha = real_or(op, "alpha", 1e-4),
                   .beta = real_or(op, "beta", 0.75),
                   .bias = real_or(op, "bias", 1)};
  builder.set_image(op, builder.add(op, lrn, {builder.image(op).node}));
}

void read_softmax(Builder& builder, const Operator& op) {
  require_inputs(op, 1, 1);
  const Value in = builder.value(op);
  const Shape& s = builder.shape(in);
  const bool old = builder.opset() < 13;
  const size_t axis = front_axis(int_or(op, "axis", old ? 1 : -1), in.view.rank());
  const std::optional<size_t> channels = in.view.channel_axis(s);
  if (old && s != Shape{s.c, 1, 1}) fail("before opset 13 it is over the whole plane");
  if (!channels || (old ? axis > *channels : !in.view.has_channels_at(axis, s)))
    fail("only over the channels is known");
  builder.set(op, {builder.add(op, Softmax{}, {in.node}), in.view});
}

// --- Activations ---

void put_activation(Builder& builder, const Operator& op, const Activation& activation) {
  require_inputs(op, 1, 2);
  const Value in = builder.value(op);
  builder.set(op, {builder.add(op, activation, {in.node}), in.view});
}

void read_activation(Builder& builder, const Operator& op) {
  require_inputs(op, 1, 1);
  if (real_or(op, "alpha", 1) != 1) fail("alpha must be 1");
  const Act act = op.type == "Relu"         ? Act::relu
                  : op.type == relu6_op     ? Act::relu6
                  : op.type == "Sigmoid"    ? Act::sigmoid
                  : op.type == h_sigmoid_op ? Act::hsigmoid
                  : op.type == h_swish_op   ? Act::hswish
                                            : Act::swish;
  put_activation(builder, op, {.act = act});
}

void read_leaky_relu(Builder& builder, const Operator& op) {
  require_inputs(op, 1, 1);
  put_activation(builder, op, {.act = Act::leaky_relu, .slope = real_or(op, "alpha", 0.01)});
}

void read_prelu(Builder& builder, const Operator& op) {
  require_inputs(op, 2, 2);
  const Value in = builder.value(op);
  std::vector<float> slopes = builder.by_channel(builder.constant(op, 1), in);
  const int node = builder.add(op, PRelu{}, {in.node});
  builder.set_weight(node, "weight", {builder.shape(in).c}, std::move(slopes));
  builder.set(op, {node, in.view});
}

void read_clip(Builder&, const Operator&) {
  fail("only limits of 0 and 6, 0 and 1, or 0 alone are known");
}

// --- Arithmetic ---

// x * scale + shift. Where there is no constant, 1 and nothing.
int add_scale_shift(Builder& builder, const std::string& name, const Value& in,
                    const Constant& scale, const Constant* shift) {
  const int64_t c = builder.shape(in).c;
  std::vector<float> weight = builder.by_channel(scale, in), bias;
  if (shift) bias = builder.by_channel(*shift, in);
  const int node = builder.add(name, ScaleShift{.shift = shift != nullptr}, {in.node});
  builder.set_weight(node, "weight", {c}, std::move(weight));
  if (shift) builder.set_weight(node, "bias", {c}, std::move(bias));
  return node;
}

void put_scale_shift(Builder& builder, const Operator& op, size_t input, const Constant& scale,
                     const Constant* shift) {
  const Value in = builder.value(op, input);
  builder.set(op, {add_scale_shift(builder, name_of(op), in, scale, shift), in.view});
}

void read_scale_shift(Builder& builder, const Operator& op) {
  put_scale_shift(builder, op, 0, builder.constant(op, 1), &builder.constant(op, 2));
}

// HardSigmoid(alpha x + beta) is that of alpha 1/6 and beta 1/2 on 6 alpha x + 6 beta - 3.
void read_hard_sigmoid(Builder& builder, const Operator& op) {
  require_inputs(op, 1, 1);
  const Value in = builder.value(op);
  const double alpha = real_or(op, "alpha", 0.2), beta = real_or(op, "beta", 0.5);
  const Constant scale = scalar_constant(static_cast<float>(6 * alpha));
  const Constant shift = scalar_constant(static_cast<float>(6 * beta - 3));
  const int scaled =
      add_scale_shift(builder, name_of(op) + "/scale", in, scale, beta == 0.5 ? nullptr : &shift);
  builder.set(op, {builder.add(op, Activation{.act = Act::hsigmoid}, {scaled}), in.view});
}

// An operator of opset 1 that Custom Vision and Core ML's converter still write.
void read_image_scaler(Builder& builder, const Operator& op) {
  require_inputs(op, 1, 1);
  const Attribute* bias = find_attribute(op, "bias", type_floats);
  const Constant scale = scalar_constant(static_cast<float>(real_or(op, "scale", 1)));
  if (!bias) return put_scale_shift(builder, op, 0, scale, nullptr);
  const Constant shift{.dims = {static_cast<int64_t>(bias->floats.size()), 1, 1},
                       .floats = bias->floats};
  put_scale_shift(builder, op, 0, scale, &shift);
}

void read_negation(Builder& builder, const Operator& op) {
  require_inputs(op, 1, 1);
  put_scale_shift(builder, op, 0, scalar_constant(-1), nullptr);
}

void read_sum(Builder& builder, const Operator& op) {
  for (const size_t side : {0, 1})
    if (const Constant* shift = builder.constant_or_null(op, side); shift && op.inputs.size() == 2)
      return put_scale_shift(builder, op, 1 - side, scalar_constant(1), shift);
  const Value first = builder.value(op);
  std::vector<int> nodes;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const Value in = builder.value(op, i);
    if (builder.shape(in) == builder.shape(first) && in.view != first.view)
      fail("its inputs have their axes in another order");
    nodes.push_back(in.node);
  }
  if (op.type == "Sum" && nodes.size() == 1) return builder.set(op, first);
  builder.set(op, {builder.add(op, Add{}, nodes), first.view});
}

// Of tensors, only a constant minus one is known: -x + constant.
void read_difference(Builder& builder, const Operator& op) {
  require_inputs(op, 2, 2);
  const Constant* shift = builder.constant_or_null(op, 0);
  if (!shift) fail("of two tensors is not known");
  put_scale_shift(builder, op, 1, scalar_constant(-1), shift);
}

void read_product(Builder& builder, const Operator& op) {
  require_inputs(op, 2, 2);
  for (const size_t side : {0, 1})
    if (const Constant* scale = builder.constant_or_null(op, side))
      return put_scale_shift(builder, op, 1 - side, *scale, nullptr);
  Value a = builder.value(op, 0), b = builder.value(op, 1);
  const Shape &shape_a = builder.shape(a), &shape_b = builder.shape(b);
  if (shape_a != shape_b && shape_a == Shape{shape_b.c, 1, 1}) std::swap(a, b);
  const bool same_axes =
      builder.shape(a) == builder.shape(b)
          ? a.view == b.view
          : a.view.rank() == b.view.rank() &&
                b.view.has_channels_at(builder.channel_axis(a), builder.shape(b));
  if (!same_axes) fail("its inputs have their axes in another order");
  builder.set(op, {builder.add(op, Mul{}, {a.node, b.node}), a.view});
}

}  // namespace

const OperatorReaders& layer_readers() {
  static const OperatorReaders readers = {
      {"Gemm", {read_linear, "alpha beta transA transB"}},
      {"MatMul", {read_linear, ""}},
      {"BatchNormalization", {read_batch_norm, "epsilon momentum spatial training_mode"}},
      {"LRN", {read_lrn, "alpha beta bias size"}},
      {"Softmax", {read_softmax, "axis"}},
      {"Relu", {read_activation, ""}},
      {relu6_op, {read_activation, ""}},
      {"Sigmoid", {read_activation, ""}},
      {h_sigmoid_op, {read_activation, ""}},
      {h_swish_op, {read_activation, ""}},
      {swish_op, {read_activation, ""}},
      {"Swish", {read_activation, "alpha"}},
      {"HardSigmoid", {read_hard_sigmoid, "alpha beta"}},
      {"LeakyRelu", {read_leaky_relu, "alpha"}},
      {"PRelu", {read_prelu, ""}},
      {"Clip", {read_clip, ""}},
      {"Add", {read_sum, ""}},
      {"Sum", {read_sum, ""}},
      {"Sub", {read_difference, ""}},
      {"Neg", {read_negation, ""}},
      {"ImageScaler", {read_image_scaler, "bias scale"}},
      {"Mul", {read_product, ""}},
      {scale_shift_op, {read_scale_shift, ""}}};
  return readers;
}

}  // namespace vpunas::onnx
