// Graph -> steps: what the NCE runs and how it is cut, what fuses, and what is left to the SHAVEs.
#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "myriadx/nce.h"
#include "myriadx/program.h"

namespace vpunas::myriadx {
namespace {

constexpr int kMaxKernel = 15;
constexpr int kMaxStride = 8;

int div_up(int a, int b) { return (a + b - 1) / b; }

// What one convolution stage of the compiler's graph computes, before tiling.
struct Work {
  int node = 0;
  std::string name;
  std::string kind = "conv";
  int input = 0, output = 0;  // tensors
  Window window = {};
  Act act = Act::none;  // in the NCE
  double slope = 0;
  bool pooled = false;  // with a 2x2 max pooling behind it
};

bool runs_on_nce(const Conv& conv, const Shape& input) {
  const bool whole_height = conv.kh == input.h + conv.padding.top + conv.padding.bottom;
  return (conv.sh == conv.sw || whole_height) && conv.dilation == 1 && conv.sw <= kMaxStride &&
         conv.kh <= kMaxKernel && conv.kw <= kMaxKernel;
}

// The engine pads as its kernel wants it or not at all.
bool pads_on_nce(const Window& window) {
  const Padding own{window.ky / 2, window.kx / 2, (window.ky - 1) / 2, (window.kx - 1) / 2};
  return window.padding == Padding{} || window.padding == own;
}

int padded_output(int input, int kernel, int stride, bool ceil) {
  const int room = input - kernel;
  return (ceil ? div_up(room, stride) : room / stride) + 1;
}

bool runs_on_nce(const Pool& pool, const Shape& input, const Shape& output) {
  const bool average = pool.kind == PoolKind::average;
  const bool even = pool.kw % 2 == 0 || pool.kh % 2 == 0;
  const bool odd_input = input.w % 2 == 1 || input.h % 2 == 1;
  if (pool.sh != pool.sw || pool.kw > kMaxKernel || pool.kh > kMaxKernel || pool.sw > kMaxStride)
    return false;
  if (average && pool.kw == 3 && pool.kh == 3 && pool.sw == 2) return false;
  if (average && pool.kw == 5 && pool.kh == 5 && pool.sw == 3) return false;
  if (average && even && odd_input) return false;
  if (even && (input.w > 1000 || input.h > 700)) return false;
  if (average && !pool.count_padding && pool.kw == 5 && pool.kh == 5 && output.w == 5 &&
      output.h == 5)
    return false;
  const Padding& p = pool.padding;
  const int w =
      input.w + p.left + p.right + (input.w % 2 == 1 && pool.kw % 2 == 0 && p.right == 0 ? 1 : 0);
  const int h =
      input.h + p.top + p.bottom + (input.h % 2 == 1 && pool.kh % 2 == 0 && p.bottom == 0 ? 1 : 0);
  const auto either = [&](int size, int kernel, int out) {
    return out == padded_output(size, kernel, pool.sw, false) ||
           out == padded_output(size, kernel, pool.sw, true);
  };
  return either(w, pool.kw, output.w) && either(h, pool.kh, output.h);
}

bool pads_on_nce(const Window& window, const Shape& input, const Shape& output) {
  const int right = (output.w - 1) * window.stride + window.kx - input.w - window.padding.left;
  const int bottom = (output.h - 1) * window.stride + window.ky - input.h - window.padding.top;
  const auto is = [](int padding, int own) { return padding <= 0 || padding == own; };
  return is(window.padding.left, window.kx / 2) && is(right, (window.kx - 1) / 2) &&
         is(window.padding.top, window.ky / 2) && is(bottom, (window.ky - 1) / 2);
}

// A linear layer is a convolution whose kernel and stride are the k x k plane of its reshaped
// input.
int linear_kernel(int inputs) {
  const auto is_power_of_2 = [](int n) { return (n & (n - 1)) == 0; };
  for (int k = kMaxStride; k >= 1; --k) {
    if (inputs % (k * k) == 0 && is_power_of_2(inputs / (k * k))) return k;
  }
  for (int k = kMaxStride; k > 1; --k) {
    if (inputs % (k * k) == 0) return k;
  }
  return 1;
}

const char* shave_kind(Act act) {
  switch (act) {
    case Act::relu:
      return "relu";
    case Act::relu6:
      return "clamp";
    case Act::leaky_relu:
      return "leaky_relu";
    case Act::hswish:
      return "hswish";
    case Act::swish:
      return "swish";
    case Act::sigmoid:
      return "sigmoid";
    default:
      return "copy";
  }
}

std::string part(const char* axis, int index, size_t count) {
  return count == 1 ? std::string() : cat("@", axis, "=", index + 1, "/", count);
}

class Lowering {
 public:
  Lowering(const Graph& graph, const Resources& resources) : graph_(graph), resources_(resources) {}

  Program run(Precision output) {
    find_consumers();
    values_.assign(graph_.nodes.size(), -1);
    done_.assign(graph_.nodes.size(), false);
    for (const int i : parse_order()) {
      if (!done_[size_t(i)]) lower_node(i);
    }
    finish(output);
    return std::move(program_);
  }

 private:
  const Node& node(int i) const { return graph_.nodes[size_t(i)]; }
  const Shape& shape(int tensor) const { return program_.tensors[size_t(tensor)].shape; }
  int value(int node) const { return values_[size_t(node)]; }
  int input(int i, size_t which = 0) const { return value(node(i).inputs[which]); }

  // Who reads each node, of those that the output depends on.
  void find_consumers() {
    const size_t n = graph_.nodes.size();
    consumers_.assign(n, {});
    live_.assign(n, false);
    live_[n - 1] = true;
    for (size_t i = n; i-- > 0;) {
      if (!live_[i]) continue;
      for (const int input : graph_.nodes[i].inputs) {
        live_[size_t(input)] = true;
        consumers_[size_t(input)].push_back(int(i));
      }
    }
  }

  // The order in which the compiler reads layers: depth first from the input, of several readers of
  // a layer the last by name first. It decides which of two branches runs first.
  std::vector<int> parse_order() const {
    std::vector<int> order;
    std::vector<char> seen(graph_.nodes.size(), 0);
    struct Frame {
      int node;
      std::vector<int> readers;  // to be visited from the back
    };
    const auto open = [&](int i) {
      seen[size_t(i)] = 1;
      Frame frame{i, consumers_[size_t(i)]};
      std::sort(frame.readers.begin(), frame.readers.end(),
                [&](int a, int b) { return node(a).name > node(b).name; });
      return frame;
    };
    std::vector<Frame> stack;
    if (live_[0]) stack.push_back(open(0));
    while (!stack.empty()) {
      if (stack.back().readers.empty()) {
        order.push_back(stack.back().node);
        stack.pop_back();
        continue;
      }
      const int next = stack.back().readers.back();
      stack.back().readers.pop_back();
      if (!seen[size_t(next)]) stack.push_back(open(next));
    }
    std::reverse(order.begin(), order.end());
    return order;
  }

  // The only reader of node i, -1 where there is not exactly one.
  int sole_consumer(int i) const {
    const auto& consumers = consumers_[size_t(i)];
    return consumers.size() == 1 && i + 1 < int(graph_.nodes.size()) ? consumers.front() : -1;
  }

  const Activation* activation_behind(int i) const {
    const int next = sole_consumer(i);
    return next < 0 ? nullptr : std::get_if<Activation>(&node(next).layer);
  }

  int add_shave(Phase phase, const std::string& name, int node, std::string kind,
                std::vector<int> inputs, int output, const Strides& strides, Shaves shaves) {
    Step step{.kind = Step::Kind::shave,
              .inputs = std::move(inputs),
              .outputs = {output},
              .strides = strides,
              .shaves = shaves};
    step.stage.name = name;
    step.stage.node = node;
    step.stage.kind = std::move(kind);
    step.stage.engine = Engine::shave;
    return program_.add_step(phase, std::move(step));
  }

  void add_special(Phase phase, Step::Kind kind, const std::string& name, int node,
                   std::vector<int> inputs, std::vector<int> outputs, const Strides& strides = {}) {
    Step step{.kind = kind,
              .inputs = std::move(inputs),
              .outputs = std::move(outputs),
              .strides = strides};
    step.stage.name = name;
    step.stage.node = node;
    program_.add_step(phase, std::move(step));
  }

  void lower_node(int i) {
    std::visit([&](const auto& layer) { lower_layer(i, layer); }, node(i).layer);
  }

  int new_value(int i) { return values_[size_t(i)] = program_.add_tensor(node(i).shape); }

  // A node that is one SHAVE stage.
  void lower_shave(int i, const char* kind, const Strides& strides, Shaves shaves) {
    std::vector<int> inputs;
    for (const int input : node(i).inputs) inputs.push_back(value(input));
    add_shave(Phase::parse, node(i).name, i, kind, std::move(inputs), new_value(i), strides,
              shaves);
  }

  // --- Layers ---

  void lower_layer(int i, const Input& layer) {
    const int image = program_.add_tensor(layer.shape, Role::input);
    program_.tensors[size_t(image)].element_bytes = 1;
    add_shave(Phase::parse, node(i).name + "@FP16", i, "convert", {image}, new_value(i),
              kConvertStrides, Shaves::all);
  }

  void lower_layer(int i, const Conv& conv) {
    Work work{.node = i, .name = node(i).name, .input = input(i)};
    work.window = {conv.kw, conv.kh, conv.sw, conv.padding};
    if (!runs_on_nce(conv, shape(work.input))) {
      software_convolution(i, conv);
      return;
    }
    int last = fuse_activation(work, i);
    if (conv.groups == 1) last = fuse_pooling(work, last);
    if (conv.groups == 1 && !work.pooled && split_with_pooling(work, i, last)) return;
    work.output = finish_at(i, last);
    if (conv.groups == 1) {
      convolve(work);
    } else if (conv.groups == shape(work.input).c && conv.out_channels == conv.groups) {
      const int group = depthwise_group(conv.groups, shape(work.input).w, shape(work.input).h,
                                        conv.kw, conv.kh, conv.sw);
      work.kind = "depthwise";
      convolve_grouped(work, group, group, "tile", Phase::depthwise);
    } else {
      convolve_grouped(work, shape(work.input).c / conv.groups, conv.out_channels / conv.groups,
                       "group", Phase::groups);
    }
  }

  void lower_layer(int i, const BatchNorm&) {
    fail("node ", node(i).name, ": batch norm must be folded before mapping (see fold())");
  }
  void lower_layer(int i, const ScaleShift&) {
    lower_shave(i, "scale_shift", kPlaneStrides, Shaves::two);
  }

  void lower_layer(int i, const Activation& layer) {
    if (layer.act == Act::none) {
      values_[size_t(i)] = input(i);
    } else if (layer.act == Act::hsigmoid) {
      hard_sigmoid(i);
    } else {
      lower_shave(i, shave_kind(layer.act), kPlaneStrides, Shaves::two);
    }
  }

  void lower_layer(int i, const PRelu&) { lower_shave(i, "prelu", kPlaneStrides, Shaves::two); }

  void lower_layer(int i, const Add&) {
    int sum = input(i);
    for (size_t k = 1; k < node(i).inputs.size(); ++k) {
      const bool last = k + 1 == node(i).inputs.size();
      const int next = last ? new_value(i) : program_.add_tensor(node(i).shape);
      const std::string name = k == 1 ? node(i).name : cat(node(i).name, "@", k - 1);
      add_shave(Phase::parse, name, i, "sum", {sum, input(i, k)}, next, kAnyStrides,
                Shaves::limited);
      sum = next;
    }
    values_[size_t(i)] = sum;
  }
  void lower_layer(int i, const Mul&) { lower_shave(i, "prod", kAnyStrides, Shaves::limited); }

  void lower_layer(int i, const Concat&) {
    std::vector<int> inputs;
    for (const int input : node(i).inputs) inputs.push_back(value(input));
    add_special(Phase::parse, Step::Kind::concat, node(i).name, i, std::move(inputs),
                {new_value(i)});
  }
  void lower_layer(int i, const Slice&) {
    add_special(Phase::parse, Step::Kind::crop, node(i).name, i, {input(i)}, {new_value(i)});
  }

  void lower_layer(int i, const Permute& layer) {
    const Shape& s = node(i).shape;
    const int in = program_.add_tensor({layer.groups, s.c / layer.groups, s.h * s.w});
    const int out = program_.add_tensor({s.c / layer.groups, layer.groups, s.h * s.w});
    add_special(Phase::parse, Step::Kind::reshape, node(i).name + "@in", i, {input(i)}, {in},
                kCompact);
    add_shave(Phase::parse, node(i).name, i, "permute", {in}, out, kAnyStrides, Shaves::all);
    add_special(Phase::parse, Step::Kind::reshape, node(i).name + "@out", i, {out}, {new_value(i)},
                kCompact);
  }

  void lower_layer(int i, const Pool& pool) {
    const Window window{pool.kw, pool.kh, pool.sw, pool.padding};
    const bool on_nce = runs_on_nce(pool, shape(input(i)), node(i).shape);
    int last = i;
    if (const Activation* next = on_nce ? activation_behind(i) : nullptr;
        next && next->act == Act::relu) {
      last = sole_consumer(i);
    }
    this->pool(i, node(i).name, input(i), finish_at(i, last), window, pool.kind, on_nce);
  }

  void lower_layer(int i, const GlobalPool&) {
    const Shape& in = shape(input(i));
    const Window window{in.w, in.h, 1, {}};
    const bool small = in.w <= kMaxKernel && in.h <= kMaxKernel;
    const auto tiling =
        small ? tile_pooling(in, node(i).shape, window, resources_.tile_limit()) : std::nullopt;
    if (tiling) {
      pool_tiles(i, node(i).name, "avg_pool", input(i), new_value(i), window, *tiling);
    } else {
      lower_shave(i, "reduce_mean", kAnyStrides, Shaves::limited);
    }
  }

  void lower_layer(int i, const Linear& layer) {
    const std::string& name = node(i).name;
    const Shape from = shape(input(i));
    const auto inputs = from.elements();
    if (inputs > 1 << 24)
      fail("node ", name, ": ", inputs, " inputs are too many for a linear layer");
    int vector = input(i);
    if (!std::holds_alternative<Linear>(node(node(i).inputs[0]).layer)) {
      vector = program_.add_tensor({int(inputs), 1, 1});
      add_special(Phase::parse, Step::Kind::reshape, name + "@flatten", i, {input(i)}, {vector},
                  kCompact);
    }
    Work work{.node = i, .name = name, .kind = "linear"};
    int last = i;
    // Only ReLU moves before the reshape behind the convolution, into the engine.
    if (const Activation* next = activation_behind(i); next && next->act == Act::relu) {
      work.act = Act::relu;
      last = sole_consumer(i);
    }
    const int output = finish_at(i, last);
    const int k = linear_kernel(int(inputs));
    work.window = {k, k, k, {}};
    work.input = program_.add_tensor({int(inputs) / (k * k), k, k});
    work.output = program_.add_tensor({layer.out_features, 1, 1});
    add_special(Phase::linear, Step::Kind::reshape, name + "@reshape-in", i, {vector}, {work.input},
                kCompact);
    add_special(Phase::linear, Step::Kind::reshape, name + "@reshape-out", i, {work.output},
                {output}, kCompact);
    convolve(work);
  }

  void lower_layer(int i, const Softmax&) { lower_shave(i, "softmax", kAnyStrides, Shaves::all); }
  void lower_layer(int i, const Resize& layer) {
    lower_shave(i, layer.kind == ResizeKind::nearest ? "resample" : "interp", kAnyStrides,
                Shaves::all);
  }
  void lower_layer(int i, const Lrn&) { lower_shave(i, "lrn", kAnyStrides, Shaves::all); }

  // clip(x + 3, 0, 6) / 6, as our ONNX spells it for this compiler: behind a convolution the sum
  // goes into its bias and the clipping into the NCE.
  void hard_sigmoid(int i) {
    int x = input(i);
    const auto stage = [&](const char* kind, const char* suffix, int output) {
      add_shave(Phase::parse, node(i).name + suffix, i, kind, {x}, output, kPlaneStrides,
                Shaves::two);
      x = output;
    };
    const int producer = node(i).inputs[0];
    if (!std::holds_alternative<Conv>(node(producer).layer) || sole_consumer(producer) != i) {
      stage("power", "@shift", program_.add_tensor(node(i).shape));
      stage("clamp", "@clip", program_.add_tensor(node(i).shape));
    }
    stage("power", "", new_value(i));
  }

  // --- Fusion ---

  // The tensor of node `last`, the end of what is fused behind node `first`.
  int finish_at(int first, int last) {
    for (int i = first;; i = sole_consumer(i)) {
      done_[size_t(i)] = true;
      if (i == last) return new_value(last);
    }
  }

  int fuse_activation(Work& work, int i) {
    const Activation* next = activation_behind(i);
    if (next == nullptr) return i;
    const bool integer_slope = next->act == Act::leaky_relu && next->slope > 0 &&
                               std::fabs(std::round(1 / next->slope) - 1 / next->slope) < 1e-6;
    if (next->act == Act::hsigmoid)
      work.act = Act::relu6;  // the rest of it is left to hard_sigmoid()
    if (next->act != Act::relu && next->act != Act::relu6 && !integer_slope) return i;
    work.act = next->act;
    work.slope = next->slope;
    return sole_consumer(i);
  }

  int fuse_pooling(Work& work, int last) {
    const int next = sole_consumer(last);
    const Pool* pool = next < 0 ? nullptr : std::get_if<Pool>(&node(next).layer);
    if (pool == nullptr || pool->kind != PoolKind::max) return last;
    const auto even = [](const Shape& s) { return s.w % 2 == 0 && s.h % 2 == 0; };
    const Pool wanted{
        .padding = pool->padding, .rounding = pool->rounding, .count_padding = pool->count_padding};
    const bool fits = *pool == wanted && pool->padding == Padding{} && even(shape(work.input)) &&
                      even(node(last).shape) && even(node(next).shape) &&
                      work.window == Window{3, 3, 1, Padding::all(1)};
    if (!fits) return last;
    work.pooled = true;
    return next;
  }

  // A convolution whose output is larger than a tile may be, with nothing but a pooling behind it,
  // is cut along its output channels together with the pooling, so that what lies between them
  // stays in CMX.
  bool split_with_pooling(const Work& work, int i, int last) {
    const int next = sole_consumer(last);
    const Pool* layer = next < 0 ? nullptr : std::get_if<Pool>(&node(next).layer);
    const Shape whole = node(last).shape;
    if (layer == nullptr || !runs_on_nce(*layer, whole, node(next).shape)) return false;
    if (nce_bytes(whole) <= resources_.tile_limit()) return false;
    int channels = 0;
    for (const int candidate : {32, 64, 128}) {
      const bool fits = nce_bytes({candidate, whole.h, whole.w}) <= resources_.tile_limit();
      if (whole.c % candidate == 0 && fits) channels = candidate;
    }
    if (channels == 0) return false;
    const Shape pooled = node(next).shape;
    const size_t tiles = size_t(whole.c / channels);
    std::vector<int> outputs;
    for (size_t t = 0; t < tiles; ++t) {
      Work tile = work;
      tile.name += part("tile", int(t), tiles);
      tile.output = program_.add_tensor({channels, whole.h, whole.w});
      outputs.push_back(program_.add_tensor({channels, pooled.h, pooled.w}));
      convolve(tile);
      pool(next, node(next).name + part("tile", int(t), tiles), tile.output, outputs.back(),
           {layer->kw, layer->kh, layer->sw, layer->padding}, layer->kind, true);
    }
    const int output = finish_at(i, next);
    add_special(Phase::depthwise, Step::Kind::concat, node(next).name + "@concat", next, outputs,
                {output});
    return true;
  }

  // --- Convolutions ---

  void software_convolution(int i, const Conv& conv) {
    const bool depthwise = conv.groups > 1 && conv.groups == shape(input(i)).c;
    int last = i;
    const Activation* next = activation_behind(i);
    const bool relu = next && next->act == Act::relu;
    if (relu) last = sole_consumer(i);
    const int raw = conv.bias || relu ? program_.add_tensor(node(i).shape) : -1;
    const int output = finish_at(i, last);
    add_shave(Phase::parse, node(i).name, i, depthwise ? "shave_depthwise" : "shave_conv",
              {input(i)}, raw < 0 ? output : raw, kCompact, Shaves::all);
    if (raw >= 0) {
      add_shave(Phase::parse, node(i).name + "@bias", i, relu ? "bias_relu" : "bias", {raw}, output,
                kPlaneStrides, Shaves::two);
    }
  }

  // Groups as stages of their own between a split and a concat.
  void convolve_grouped(const Work& work, int in_channels, int out_channels, const char* suffix,
                        Phase phase) {
    const Shape in = shape(work.input), out = shape(work.output);
    const int groups = div_up(in.c, in_channels);
    if (groups == 1) {
      convolve(work);
      return;
    }
    std::vector<int> inputs, outputs;
    for (int g = 0; g < groups; ++g) {
      Work group = work;
      group.name += part(suffix, g, size_t(groups));
      group.input =
          program_.add_tensor({std::min(in_channels, in.c - g * in_channels), in.h, in.w});
      group.output =
          program_.add_tensor({std::min(out_channels, out.c - g * out_channels), out.h, out.w});
      inputs.push_back(group.input);
      outputs.push_back(group.output);
      convolve(group);
    }
    add_special(phase, Step::Kind::split, work.name + "@split", work.node, {work.input}, inputs);
    add_special(phase, Step::Kind::concat, work.name + "@concat", work.node, outputs,
                {work.output});
  }

  // A dense convolution: padded where the engine cannot, tiled, or left to the SHAVEs where no
  // tiling is legal.
  void convolve(Work work) {
    if (!pads_on_nce(work.window)) {
      const Padding& p = work.window.padding;
      const Shape in = shape(work.input);
      const int padded =
          program_.add_tensor({in.c, in.h + p.top + p.bottom, in.w + p.left + p.right});
      add_shave(Phase::padding, work.name + "@padding", work.node, "pad", {work.input}, padded,
                kAnyStrides, Shaves::two);
      work.input = padded;
      work.window.padding = {};
    }
    const auto tile = [&] {
      return tile_convolution(shape(work.input), shape(work.output), work.window, work.pooled,
                              resources_.tile_limit(), resources_.cmx_slices);
    };
    auto tiling = tile();
    if (!tiling && work.pooled) {
      const Shape pooled = shape(work.output);
      const int output = work.output;
      work.output = program_.add_tensor({pooled.c, pooled.h * 2, pooled.w * 2});
      work.pooled = false;
      tiling = tile();
      pool(work.node, work.name + "@pool", work.output, output, {2, 2, 2, {}}, PoolKind::max, true);
    }
    if (tiling) {
      convolve_tiles(work, *tiling);
    } else {
      const bool acts = work.act != Act::none;
      const int raw = acts ? program_.add_tensor(shape(work.output)) : work.output;
      add_shave(Phase::tiling, work.name, work.node, "shave_conv", {work.input}, raw, kCompact,
                Shaves::all);
      if (acts) {
        add_shave(Phase::tiling, work.name + "@act", work.node,
                  work.act == Act::relu ? "bias_relu" : shave_kind(work.act), {raw}, work.output,
                  kPlaneStrides, Shaves::two);
      }
    }
  }

  void convolve_tiles(Work& work, const Tiling& tiling) {
    const Shape whole = shape(work.output);
    const auto config_of = [&](const Strip& column, const Strip& row) {
      return best_nce_config(column.size, row.size, tiling.part_channels, whole.c, work.window.kx,
                             work.window.ky, work.window.stride);
    };
    int channels = shape(work.input).c;
    for (const Strip& row : tiling.rows) {
      for (const Strip& column : tiling.columns) {
        const int extended = config_of(column, row).extended_channels;
        channels = std::max(channels, (tiling.parts - 1) * tiling.part_channels + extended);
      }
    }
    if (channels > shape(work.input).c) {
      const Shape in = shape(work.input);
      const int extended = program_.add_tensor({channels, in.h, in.w});
      add_special(Phase::tiling, Step::Kind::expand, work.name + "@expand", work.node, {work.input},
                  {extended});
      work.input = extended;
    }
    std::vector<int> inputs, outputs;
    for (size_t r = 0; r < tiling.rows.size(); ++r) {
      for (size_t c = 0; c < tiling.columns.size(); ++c) {
        Work tile = work;
        tile.name +=
            part("soh", int(r), tiling.rows.size()) + part("sow", int(c), tiling.columns.size());
        convolve_tile(tile, tiling, tiling.columns[c], tiling.rows[r],
                      config_of(tiling.columns[c], tiling.rows[r]), inputs, outputs);
      }
    }
    if (tiling.tiles() > 1) {
      add_special(Phase::tiling, Step::Kind::split, work.name + "@split-input", work.node,
                  {work.input}, inputs);
    }
    if (!outputs.empty()) {
      add_special(Phase::tiling, Step::Kind::concat, work.name + "@concat-output", work.node,
                  outputs, {work.output});
    }
  }

  // The output tile that a strip pair writes its useful part to; a tile whose columns do not start
  // at 16 bytes is copied there.
  int output_tile(const Work& work, bool whole, const Strip& column, const Strip& row,
                  std::vector<int>& outputs) {
    if (whole) return work.output;
    int tile = program_.add_tensor({shape(work.output).c, row.output_size, column.output_size});
    outputs.push_back(tile);
    if (column.output_begin % 8 != 0) {
      const int aligned = program_.add_tensor(shape(tile));
      program_.add_copy(Phase::tiling, work.name + "@align-output", work.node, aligned, tile);
      tile = aligned;
    }
    return tile;
  }

  int input_tile(const Work& work, bool whole, int channels, const Strip& column, const Strip& row,
                 std::vector<int>& inputs) {
    if (whole) return work.input;
    int tile = program_.add_tensor({channels, row.size, column.size});
    inputs.push_back(tile);
    if (column.begin % 8 != 0) {
      const int aligned = program_.add_tensor(shape(tile));
      program_.add_copy(Phase::tiling, work.name + "@align-input", work.node, tile, aligned);
      tile = aligned;
    }
    return tile;
  }

  // The tensor that the engine writes, with junk, before it is cropped to `tile`.
  int with_junk(const Work& work, Phase phase, int tile, const Strip& column, const Strip& row) {
    if (row.computed() == row.output_size && column.computed() == column.output_size) return tile;
    const int junk = program_.add_tensor({shape(tile).c, row.computed(), column.computed()});
    add_special(phase, Step::Kind::crop, work.name + "@remove-junk", work.node, {junk}, {tile});
    return junk;
  }

  void convolve_tile(const Work& work, const Tiling& tiling, const Strip& column, const Strip& row,
                     const NceConfig& config, std::vector<int>& inputs, std::vector<int>& outputs) {
    const bool one_plane = tiling.rows.size() == 1 && tiling.columns.size() == 1;
    const int output = output_tile(work, one_plane, column, row, outputs);
    int sum = -1;
    for (int p = 0; p < tiling.parts; ++p) {
      Work tile = work;
      tile.name += part("soc", p, size_t(tiling.parts));
      const int in = input_tile(tile, one_plane && tiling.parts == 1, config.extended_channels,
                                column, row, inputs);
      int out = output;
      if (tiling.parts > 1) {
        out = program_.add_tensor(shape(output));
        sum = p == 0 ? out : accumulate(tile, sum, out, output, p + 1 == tiling.parts);
      }
      add_nce(tile, in, with_junk(tile, Phase::tiling, out, column, row), config, p == 0,
              Phase::tiling);
    }
  }

  // Adds one part's result to those before it; behind the last comes the activation that the engine
  // could not apply.
  int accumulate(const Work& work, int before, int part, int output, bool last) {
    const bool acts = work.act != Act::none;
    const int sum = last && !acts ? output : program_.add_tensor(shape(output));
    add_shave(Phase::tiling, work.name + "@accum", work.node, "sum", {before, part}, sum,
              kAnyStrides, Shaves::limited);
    if (!last || !acts) return sum;
    add_shave(Phase::tiling, work.name + "@act", work.node, shave_kind(work.act), {sum}, output,
              kPlaneStrides, Shaves::two);
    return output;
  }

  void add_nce(const Work& work, int input, int output, const NceConfig& config, bool bias,
               Phase phase) {
    Step step{
        .kind = Step::Kind::nce, .inputs = {input}, .outputs = {output}, .strides = kNceStrides};
    Stage& stage = step.stage;
    const Shape& out = shape(output);
    stage.name = work.name;
    stage.node = work.node;
    stage.kind = work.pooled ? work.kind + "_pool" : work.kind;
    stage.engine = Engine::nce;
    stage.mode = config.mode;
    stage.descriptors = config.descriptors;
    stage.extended_channels = config.extended_channels;
    stage.cycles_per_pixel = config.cycles_per_pixel;
    stage.output_pixels = int64_t{out.w} * out.h * (work.pooled ? 4 : 1);
    // FP16 weights, and a bias (of the first part) and a scale an output channel.
    const int64_t outputs = (out.c + 7) / 8 * 8;
    stage.weight_bytes = 2 * outputs * config.extended_channels * work.window.kx * work.window.ky +
                         outputs * (bias ? 4 : 2);
    program_.add_step(phase, std::move(step));
  }

  // --- Pooling ---

  void pool(int i, const std::string& name, int in, int out, Window window, PoolKind kind,
            bool on_nce) {
    const bool max = kind == PoolKind::max;
    const Shape from = shape(in), to = shape(out);
    if (on_nce) {
      Padding& p = window.padding;
      const bool odd_w = window.kx % 2 == 0 && from.w % 2 == 1,
                 odd_h = window.ky % 2 == 0 && from.h % 2 == 1;
      if (odd_w && p.right == 0) p.right = 1;
      if (odd_h && p.bottom == 0) p.bottom = 1;
      if (odd_w || odd_h || !pads_on_nce(window, from, to)) {
        const int padded =
            program_.add_tensor({from.c, from.h + p.top + p.bottom, from.w + p.left + p.right});
        add_shave(Phase::padding, name + "@padding", i, "pad", {in}, padded, kAnyStrides,
                  Shaves::two);
        in = padded;
        p = {};
      }
      if (const auto tiling = tile_pooling(shape(in), to, window, resources_.tile_limit())) {
        pool_tiles(i, name, max ? "max_pool" : "avg_pool", in, out, window, *tiling);
        return;
      }
    }
    add_shave(Phase::pooling, name, i, max ? "shave_max_pool" : "shave_avg_pool", {in}, out,
              kCompact, Shaves::all);
  }

  void pool_tiles(int i, const std::string& name, const char* kind, int in, int out,
                  const Window& window, const Tiling& tiling) {
    Work work{.node = i, .name = name, .kind = kind, .input = in, .output = out, .window = window};
    std::vector<int> inputs, outputs;
    const bool whole = tiling.tiles() == 1;
    for (size_t r = 0; r < tiling.rows.size(); ++r) {
      for (size_t c = 0; c < tiling.columns.size(); ++c) {
        const Strip &row = tiling.rows[r], &column = tiling.columns[c];
        Work tile = work;
        tile.name +=
            part("soh", int(r), tiling.rows.size()) + part("sow", int(c), tiling.columns.size());
        const int from = input_tile(tile, whole, shape(in).c, column, row, inputs);
        const int to = with_junk(tile, Phase::pooling,
                                 output_tile(tile, whole, column, row, outputs), column, row);
        add_pool(tile, from, to);
      }
    }
    if (whole) return;
    add_special(Phase::pooling, Step::Kind::split, name + "@split-input", i, {in}, inputs);
    add_special(Phase::pooling, Step::Kind::concat, name + "@concat-output", i, outputs, {out});
  }

  // One descriptor for 16 channels, always in mode 16_16.
  void add_pool(const Work& work, int input, int output) {
    Step step{
        .kind = Step::Kind::nce, .inputs = {input}, .outputs = {output}, .strides = kNceStrides};
    Stage& stage = step.stage;
    const Shape& out = shape(output);
    stage.name = work.name;
    stage.node = work.node;
    stage.kind = work.kind;
    stage.mode = 4;
    stage.descriptors = div_up(out.c, 16);
    stage.extended_channels = out.c;
    stage.cycles_per_pixel = int64_t{stage.descriptors} * work.window.kx * work.window.ky;
    stage.output_pixels = int64_t{out.w} * out.h;
    program_.add_step(Phase::pooling, std::move(step));
  }

  void finish(Precision precision) {
    const int last = int(graph_.nodes.size()) - 1;
    int result = value(last);
    if (program_.tensors[size_t(result)].consumers.size() + program_.steps.size() == 0) {
      fail("its output is its input, so there is nothing to map");
    }
    if (precision == Precision::fp16) {
      program_.tensors[size_t(result)].role = Role::output;
      return;
    }
    const int output = program_.add_tensor(shape(result), Role::output);
    program_.tensors[size_t(output)].element_bytes = 4;
    add_shave(Phase::parse, node(last).name + "@FP32", last, "convert", {result}, output,
              kConvertStrides, Shaves::all);
  }

  const Graph& graph_;
  const Resources& resources_;
  Program program_;
  std::vector<std::vector<int>> consumers_;  // by node
  std::vector<bool> live_, done_;            // by node
  std::vector<int> values_;                  // tensor by node
};

}  // namespace

Program lower(const Graph& graph, const Resources& resources, Precision output) {
  return Lowering(graph, resources).run(output);
}

}  // namespace vpunas::myriadx
