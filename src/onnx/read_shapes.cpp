// Operators that move and select data: most of them change the view alone.
#include <algorithm>
#include <numeric>

#include "onnx/builder.h"

namespace vpunas::onnx {
namespace {

void read_reshape(Builder& builder, const Operator& op) {
  const Value in = builder.value(op);
  const Dims dims = in.view.dims();
  Dims target;
  if (op.type == "Flatten") {
    target = flattened_dims(dims, int_or(op, "axis", 1));
  } else if (op.type == "Squeeze") {
    target = squeezed_dims(dims, op.has_input(1) ? &builder.int_list(op, 1) : nullptr);
  } else if (op.type == "Unsqueeze") {
    target = unsqueezed_dims(dims, builder.int_list(op, 1));
  } else {
    require_inputs(op, 2, 2);
    target = reshaped_dims(dims, builder.int_list(op, 1), int_or(op, "allowzero", 0) != 0);
  }
  const std::optional<View> view = in.view.reshaped(target);
  if (!view) fail("cuts through axes; only flattening and channel shuffles are known");
  builder.set_view(op, in.node, *view);
}

void read_transpose(Builder& builder, const Operator& op) {
  require_inputs(op, 1, 1);
  const Value in = builder.padded_value(op);
  const View view = in.view.transposed(permutation(op, in.view.rank()));
  if (!in.pad) return builder.set_view(op, in.node, view);
  const Shape& s = builder.shape(in);
  if (view != View::image(s) && view != View::channels_last(s))
    fail("reads a Pad, which is known only before a convolution or a pooling");
  builder.set(op, {in.node, view, in.pad});
}

void read_cast(Builder& builder, const Operator& op) {
  require_inputs(op, 1, 1);
  const int64_t to = int_or(op, "to", 0);
  if (to != data_float && to != data_double && to != data_float16 && to != data_bfloat16)
    fail("only casts to floats are known");
  builder.set(op, builder.padded_value(op));
}

void read_expand(Builder& builder, const Operator& op) {
  require_inputs(op, 2, 2);
  const Value in = builder.value(op);
  Dims target = builder.int_list(op, 1);
  const Dims dims = in.view.dims();
  if (target.size() > dims.size()) fail("gives its input more axes, which is not known");
  target.insert(target.begin(), dims.size() - target.size(), 1);
  for (size_t axis = 0; axis < dims.size(); ++axis)
    if (target[axis] != 1 && target[axis] != dims[axis])
      fail("repeats its input, which is not known");
  builder.set(op, in);
}

// --- Selecting channels ---

// Positions [first, last) of an axis, as a node named `name` where that is not all of it.
Value selected(Builder& builder, const Operator& op, const std::string* name, const Value& in,
               size_t axis, int64_t first, int64_t last) {
  if (first == 0 && last == in.view.dims()[axis]) return in;
  const Shape& s = builder.shape(in);
  if (!in.view.has_channels_at(axis, s))
    fail("selects along axis ", axis, ", which is not the channels'");
  const Slice slice = {to_int(first), to_int(last)};
  const int node = name ? builder.add(*name, slice, {in.node}) : builder.add(op, slice, {in.node});
  const Shape selected_shape = {slice.end - slice.begin, s.h, s.w};
  return {node, with_channels(in.view, axis, selected_shape)};
}

void read_slice(Builder& builder, const Operator& op) {
  require_inputs(op, 3, 5);
  Value in = builder.value(op);
  const auto &starts = builder.int_list(op, 1), &ends = builder.int_list(op, 2);
  Dims axes(starts.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (op.has_input(3)) axes = builder.int_list(op, 3);
  if (ends.size() != starts.size() || axes.size() != starts.size())
    fail("starts, ends and axes differ in length");
  if (op.has_input(4))
    for (const int64_t step : builder.int_list(op, 4))
      if (step != 1) fail("only steps of 1 are known");
  front_axes(axes, in.view.rank());
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t axis = front_axis(axes[i], in.view.rank());
    const auto [first, last] = slice_range(starts[i], ends[i], in.view.dims()[axis]);
    in = selected(builder, op, nullptr, in, axis, first, last);
  }
  builder.set(op, in);
}

void read_split(Builder& builder, const Operator& op) {
  require_inputs(op, 1, 2);
  const Value in = builder.value(op);
  const size_t axis = front_axis(int_or(op, "axis", 0), in.view.rank());
  const int64_t size = in.view.dims()[axis];
  const auto parts = static_cast<int64_t>(op.outputs.size());
  Dims sizes(op.outputs.size(), (size + parts - 1) / parts);
  if (op.has_input(1)) {
    sizes = builder.int_list(op, 1);
  } else {
    sizes.back() = size - sizes.front() * (parts - 1);
    if (int_or(op, "num_outputs", parts) != parts) fail("num_outputs is not the number of outputs");
  }
  if (sizes.size() != op.outputs.size()) fail("does not say the size of every output");
  int64_t first = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0 || sizes[i] > size - first) fail("its parts are not those of its input");
    const int64_t last = first + sizes[i];
    if (builder.is_read(op.outputs[i]))
      builder.set(op, selected(builder, op, &op.outputs[i], in, axis, first, last), i);
    first = last;
  }
  if (first != size) fail("its parts are not all of its input");
}

void read_gather(Builder& builder, const Operator& op) {
  require_inputs(op, 2, 2);
  const Value in = builder.value(op);
  const size_t axis = front_axis(int_or(op, "axis", 0), in.view.rank());
  const auto& indices = builder.int_list(op, 1);
  const auto size = static_cast<size_t>(in.view.dims()[axis]);
  if (indices.empty() || builder.constant(op, 1).dims.size() > 1)
    fail("only positions in a row are known");
  const auto first = static_cast<int64_t>(front_axis(indices[0], size));
  for (size_t i = 0; i < indices.size(); ++i)
    if (front_axis(indices[i], size) != static_cast<size_t>(first) + i)
      fail("only positions in a row are known");
  Value out =
      selected(builder, op, nullptr, in, axis, first, first + static_cast<int64_t>(indices.size()));
  if (builder.constant(op, 1).dims.empty())
    out.view.axes.erase(out.view.axes.begin() + static_cast<int64_t>(axis));
  builder.set(op, out);
}

void read_concat(Builder& builder, const Operator& op) {
  const Value first = builder.value(op);
  if (!op.attributes.contains("axis")) fail("has no axis");
  const size_t axis = front_axis(int_or(op, "axis", 1), first.view.rank());
  const Shape& s = builder.shape(first);
  std::vector<int> nodes;
  int64_t channels = 0;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const Value in = builder.value(op, i);
    if (!in.view.has_channels_at(axis, builder.shape(in)))
      fail("joins along axis ", axis, ", which is not the channels'");
    if (with_channels(in.view, axis, s) != with_channels(first.view, axis, s))
      fail("its inputs' shapes differ");
    channels += builder.shape(in).c;
    nodes.push_back(in.node);
  }
  const Shape joined = {to_int(channels), s.h, s.w};
  const View view = with_channels(first.view, axis, joined);
  builder.set(op, {builder.add(op, Concat{}, nodes), view});
}

// --- Pads ---

void read_pad(Builder& builder, const Operator& op) {
  require_inputs(op, 2, 4);
  if (const std::string mode = text_or(op, "mode", "constant"); mode != "constant")
    fail("mode ", mode, " is not known, only constant");
  const Value in = builder.padded_value(op);
  const size_t rank = in.view.rank();
  const Dims& pads = builder.int_list(op, 1);
  Dims axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (op.has_input(3)) axes = builder.int_list(op, 3);
  front_axes(axes, rank);
  if (pads.size() != 2 * axes.size()) fail("has not two pads for each axis");
  Dims before(rank, 0), after(rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    before[front_axis(axes[i], rank)] = pads[i];
    after[front_axis(axes[i], rank)] = pads[i + axes.size()];
  }
  if (std::count(pads.begin(), pads.end(), 0) == static_cast<int64_t>(pads.size()))
    return builder.set(op, in);
  const bool last = in.view == View::channels_last(builder.shape(in));
  const size_t row = last ? 1 : 2;
  if (!last && in.view != View::image(builder.shape(in))) fail("pads what is no image");
  for (size_t axis = 0; axis < rank; ++axis) {
    const bool plane = axis == row || axis == row + 1;
    constexpr int64_t most = 1 << 16;
    if (!plane && (before[axis] != 0 || after[axis] != 0))
      fail("pads axis ", axis, "; only the plane can be padded");
    if (std::min(before[axis], after[axis]) < 0 || std::max(before[axis], after[axis]) > most)
      fail("pads by less than 0 or more than ", most);
  }
  if (in.pad) fail("pads a Pad, which is not known");
  float value = 0;
  if (op.has_input(2)) {
    const Constant& given = builder.constant(op, 2);
    if (given.floats.size() != 1) fail("its value is not one float");
    value = given.floats[0];
  }
  const Padding padding = {to_int(before[row]), to_int(before[row + 1]), to_int(after[row]),
                           to_int(after[row + 1])};
  builder.set(op, {in.node, in.view, PendingPad{padding, value}});
}

}  // namespace

const OperatorReaders& shape_readers() {
  static const OperatorReaders readers = {{"Reshape", {read_reshape, "allowzero"}},
                                          {"Flatten", {read_reshape, "axis"}},
                                          {"Squeeze", {read_reshape, ""}},
                                          {"Unsqueeze", {read_reshape, ""}},
                                          {"Transpose", {read_transpose, "perm"}},
                                          {"Cast", {read_cast, "to saturate"}},
                                          {"Expand", {read_expand, ""}},
                                          {"Slice", {read_slice, ""}},
                                          {"Split", {read_split, "axis num_outputs"}},
                                          {"Gather", {read_gather, "axis"}},
                                          {"Concat", {read_concat, "axis"}},
                                          {"Pad", {read_pad, "mode"}}};
  return readers;
}

}  // namespace vpunas::onnx
