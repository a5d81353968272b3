// Convolutions, poolings and resizing.
#include <algorithm>
#include <cmath>
#include <limits>

#include "onnx/builder.h"

namespace vpunas::onnx {
namespace {

struct Window {
  int kh, kw, sh, sw;
  Padding padding;
};

// Pads before and after for "SAME": ceil(size / stride) positions, an odd line at the end (upper)
// or the start (lower).
std::pair<int, int> same_padding(int64_t size, int64_t kernel, int64_t stride, bool upper) {
  const int64_t count = (size + stride - 1) / stride;
  const int64_t total = std::max<int64_t>((count - 1) * stride + kernel - size, 0);
  const int less = to_int(total / 2), more = to_int(total - total / 2);
  return upper ? std::pair{less, more} : std::pair{more, less};
}

Window window_of(const Builder& builder, const Operator& op, const Value& in, int kh, int kw,
                 int dilation) {
  const auto strides = ints_or(op, "strides", 2, 1);
  const auto pads = ints_or(op, "pads", 4, 0);
  Window window = {kh, kw, strides[0], strides[1], {pads[0], pads[1], pads[2], pads[3]}};
  const std::string auto_pad = text_or(op, "auto_pad", "NOTSET");
  if (auto_pad == "NOTSET") return window;
  if (auto_pad != "VALID" && auto_pad != "SAME_UPPER" && auto_pad != "SAME_LOWER")
    fail("auto_pad ", auto_pad, " is not known");
  if (window.padding != Padding{}) fail("has both pads and auto_pad");
  if (auto_pad == "VALID") return window;
  const Dims dims = builder.dims(in);
  const auto same = [&](size_t axis, int kernel, int stride) {
    if (kernel < 1 || stride < 1) fail("kernel ", kernel, " or stride ", stride, " is below 1");
    return same_padding(dims[axis], int64_t{dilation} * (kernel - 1) + 1, stride,
                        auto_pad == "SAME_UPPER");
  };
  std::tie(window.padding.top, window.padding.bottom) = same(2, kh, window.sh);
  std::tie(window.padding.left, window.padding.right) = same(3, kw, window.sw);
  return window;
}

// Both are below 2^31 / 2, or the graph refuses them.
Padding sum(const Padding& a, const Padding& b) {
  const auto add = [](int x, int y) { return to_int(int64_t{x} + y); };
  return {add(a.top, b.top), add(a.left, b.left), add(a.bottom, b.bottom), add(a.right, b.right)};
}

void read_conv(Builder& builder, const Operator& op) {
  require_inputs(op, 2, 3);
  const Constant& weight = builder.constant(op, 1);
  if (weight.dims.size() == 3 || weight.dims.size() == 5)
    fail("is a convolution of ", weight.dims.size() - 2,
         " dimensions; only those of images are known");
  if (weight.dims.size() != 4) fail("its weight is not [out, in, height, width]");
  const auto dilations = ints_or(op, "dilations", 2, 1);
  if (dilations[0] != dilations[1])
    fail("its dilations differ: ", dilations[0], " and ", dilations[1]);
  const Value in = builder.padded_image(op);
  Window w =
      window_of(builder, op, in, to_int(weight.dims[2]), to_int(weight.dims[3]), dilations[0]);
  if (find_attribute(op, "kernel_shape", type_ints) &&
      ints_or(op, "kernel_shape", 2, 0) != std::vector{w.kh, w.kw})
    fail("kernel_shape is not its weight's");
  if (in.pad) {
    if (in.pad->value != 0) fail("reads a Pad with ", in.pad->value, ", not 0");
    w.padding = sum(w.padding, in.pad->padding);
  }
  const bool bias = op.has_input(2);
  const int node = builder.add(op,
                               Conv{.out_channels = to_int(weight.dims[0]),
                                    .kh = w.kh,
                                    .kw = w.kw,
                                    .sh = w.sh,
                                    .sw = w.sw,
                                    .padding = w.padding,
                                    .dilation = dilations[0],
                                    .groups = to_int(int_or(op, "group", 1)),
                                    .bias = bias},
                               {in.node});
  builder.set_weight(node, "weight", weight);
  if (bias) {
    Constant values = builder.constant(op, 2);
    values.dims = {static_cast<int64_t>(values.size())};
    builder.set_weight(node, "bias", values);
  }
  builder.set_image(op, node);
}

Pool max_over_plane(const Shape& shape) { return {.kh = shape.h, .kw = shape.w, .sh = 1, .sw = 1}; }

// A Pad before a pooling becomes the pooling's: of lowest values before a maximum, of zeros before
// a maximum of what is not negative or before a mean that counts them.
void take_pad(const Builder& builder, const Value& in, Pool& pool) {
  if (!in.pad) return;
  const float value = in.pad->value;
  const bool average = pool.kind == PoolKind::average;
  constexpr float lowest_half = -65504;
  if (average ? value != 0 : value > lowest_half && !(value == 0 && builder.is_nonnegative(in)))
    fail("reads a Pad with ", value, ", which is not what it pads with itself");
  if (average && pool.padding != Padding{} && !pool.count_padding)
    fail("reads a Pad, which counts in the mean, and has pads that do not");
  pool.padding = sum(pool.padding, in.pad->padding);
  pool.count_padding = average;
}

void read_pool(Builder& builder, const Operator& op) {
  require_inputs(op, 1, 1);
  const auto kernel = ints_or(op, "kernel_shape", 2, 0);
  const Value in = builder.padded_image(op);
  const Window w = window_of(builder, op, in, kernel[0], kernel[1], 1);
  if (ints_or(op, "dilations", 2, 1) != std::vector{1, 1}) fail("dilations are not known");
  require_int(op, "storage_order", 0);
  const bool average = op.type == "AveragePool";
  Pool pool = {.kind = average ? PoolKind::average : PoolKind::max,
               .kh = w.kh,
               .kw = w.kw,
               .sh = w.sh,
               .sw = w.sw,
               .padding = w.padding,
               .rounding = int_or(op, "ceil_mode", 0) != 0 ? Rounding::ceil : Rounding::floor,
               .count_padding = average && int_or(op, "count_include_pad", 0) != 0};
  take_pad(builder, in, pool);
  const Shape& s = builder.shape(in);
  const bool global = average && pool.kh == s.h && pool.kw == s.w && pool.padding == Padding{};
  const Layer layer = global ? Layer(GlobalPool{}) : pool;
  builder.set_image(op, builder.add(op, layer, {in.node}));
}

void read_global_pool(Builder& builder, const Operator& op) {
  require_inputs(op, 1, 1);
  const Value in = builder.image(op);
  const bool max = op.type == "GlobalMaxPool";
  const Layer layer = max ? Layer(max_over_plane(builder.shape(in))) : GlobalPool{};
  builder.set_image(op, builder.add(op, layer, {in.node}));
}

// Over the plane, wherever that lies.
void read_reduce(Builder& builder, const Operator& op) {
  require_inputs(op, 1, 2);
  require_int(op, "noop_with_empty_axes", 0);
  const Value in = builder.value(op);
  const size_t rank = in.view.rank();
  const auto axes = front_axes(op.has_input(1) ? builder.int_list(op, 1) : Dims{}, rank);
  const std::optional<size_t> channel_axis = in.view.channel_axis(builder.shape(in));
  const Axis channels = View::vector({builder.shape(in).c, 1, 1}).axes[1];
  View view;
  for (size_t axis = 0; axis < rank; ++axis) {
    const bool reduced = std::binary_search(axes.begin(), axes.end(), axis);
    const bool is_channels = axis == channel_axis;
    if (is_channels ? reduced : !reduced && !in.view.axes[axis].empty())
      fail("only over the whole plane is known");
    if (!reduced || int_or(op, "keepdims", 1) != 0) view.axes.emplace_back();
    if (is_channels) view.axes.back() = channels;
  }
  if (!channel_axis || axes.empty()) fail("only over the whole plane is known");
  const bool max = op.type == "ReduceMax";
  const Layer layer = max ? Layer(max_over_plane(builder.shape(in))) : GlobalPool{};
  builder.set(op, {builder.add(op, layer, {in.node}), view});
}

// --- Resizing ---

// The sizes or scales of a resizing by axis, with those left out.
template <class T>
std::vector<T> by_axis(const Operator& op, const std::vector<T>& values, std::vector<T> all) {
  const Attribute* axes = find_attribute(op, "axes", type_ints);
  if (!axes) return values;
  if (axes->ints.size() != values.size()) fail("has not one size for each of its axes");
  front_axes(axes->ints, 4);
  for (size_t i = 0; i < values.size(); ++i) all[front_axis(axes->ints[i], 4)] = values[i];
  return all;
}

// [h, w] of the output, from its sizes or its scales, which stay where they are not the ratio.
Resize resized(const Builder& builder, const Operator& op, const Shape& in) {
  const bool has_roi = op.type == "Resize" && builder.opset() >= 11;
  if (has_roi && op.has_input(3)) {
    const Dims sizes = by_axis(op, builder.int_list(op, 3), {1, in.c, in.h, in.w});
    if (sizes.size() != 4 || sizes[0] != 1 || sizes[1] != in.c)
      fail("only the plane can be resized");
    return {.h = to_int(sizes[2]), .w = to_int(sizes[3])};
  }
  const auto scales =
      by_axis<float>(op, builder.constant(op, has_roi ? 2 : 1).floats, {1, 1, 1, 1});
  if (scales.size() != 4 || scales[0] != 1 || scales[1] != 1) fail("only the plane can be resized");
  const auto scaled = [](int size, float scale) {
    const float result = std::floor(static_cast<float>(size) * scale);  // in floats, as others do
    if (!(result >= 1 && result <= 1 << 30)) fail("scale ", scale, " is out of range");
    return static_cast<int>(result);
  };
  const auto unless_ratio = [](int from, int to, float scale) {
    constexpr double rounding = 1e-6;
    return std::abs(double(to) / from - scale) <= rounding * scale ? 0.0 : double{scale};
  };
  const int h = scaled(in.h, scales[2]), w = scaled(in.w, scales[3]);
  return {.h = h,
          .w = w,
          .scale_h = unless_ratio(in.h, h, scales[2]),
          .scale_w = unless_ratio(in.w, w, scales[3])};
}

void read_resize(Builder& builder, const Operator& op) {
  require_inputs(op, 1, 4);
  require_int(op, "antialias", 0);
  if (const auto policy = text_or(op, "keep_aspect_ratio_policy", "stretch"); policy != "stretch")
    fail("keep_aspect_ratio_policy ", policy, " is not known");
  const Value in = builder.image(op);
  const Shape& s = builder.shape(in);
  Resize resize = resized(builder, op, s);
  const int h = resize.h, w = resize.w;
  const bool old = op.type == "Upsample" || builder.opset() < 11;
  const std::string mode = text_or(op, "mode", "nearest");
  const std::string transform =
      old ? "asymmetric" : text_or(op, "coordinate_transformation_mode", "half_pixel");
  const std::string rounding = old ? "floor" : text_or(op, "nearest_mode", "round_prefer_floor");
  // "pytorch_half_pixel" differs for outputs of one pixel only; whole factors make torch's
  // "nearest" (asymmetric, floor) the same as half-pixel centres.
  const bool whole =
      h > 0 && w > 0 && h % s.h == 0 && w % s.w == 0 && resize.scale_h == 0 && resize.scale_w == 0;
  const bool bilinear =
      (mode == "linear" || mode == "bilinear") &&
      (transform == "half_pixel" || (transform == "pytorch_half_pixel" && h > 1 && w > 1));
  const bool nearest =
      mode == "nearest" && ((transform == "half_pixel" && rounding == "round_prefer_ceil") ||
                            (transform == "tf_half_pixel_for_nn" && rounding == "floor") ||
                            (transform == "asymmetric" && rounding == "floor" && whole));
  if (!bilinear && !nearest) fail("mode ", mode, " with ", transform, " coordinates is not known");
  resize.kind = bilinear ? ResizeKind::bilinear : ResizeKind::nearest;
  builder.set_image(op, builder.add(op, resize, {in.node}));
}

}  // namespace

const OperatorReaders& window_readers() {
  static const OperatorReaders readers = {
      {"Conv", {read_conv, "auto_pad dilations group kernel_shape pads strides"}},
      {"MaxPool",
       {read_pool, "auto_pad ceil_mode dilations kernel_shape pads storage_order strides"}},
      {"AveragePool",
       {read_pool, "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides"}},
      {"GlobalAveragePool", {read_global_pool, ""}},
      {"GlobalMaxPool", {read_global_pool, ""}},
      {"ReduceMean", {read_reduce, "keepdims noop_with_empty_axes"}},
      {"ReduceMax", {read_reduce, "keepdims noop_with_empty_axes"}},
      {"Resize",
       {read_resize,
        "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside "
        "extrapolation_value keep_aspect_ratio_policy mode nearest_mode"}},
      {"Upsample", {read_resize, "mode"}}};
  return readers;
}

}  // namespace vpunas::onnx
