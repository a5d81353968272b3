// Convolutions and linear layers as steps: what fuses into them, how they are cut, and what is left
// to the SHAVEs.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "myriadx/lowering.h"

namespace vpunas::myriadx {
namespace {

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

// Leaky ReLU runs on the NCE where it divides by an integer.
bool has_integer_slope(const Activation& activation) {
  if (activation.act != Act::leaky_relu || !(activation.slope > 0)) return false;
  const float divisor = 1.0f / static_cast<float>(activation.slope);
  return std::ceil(divisor) == divisor;
}

// What an activation behind a convolution is in the NCE; the rest of h-sigmoid is left to the
// SHAVEs.
Act act_in_nce(const Activation& activation) {
  switch (activation.act) {
    case Act::relu:
    case Act::relu6:
      return activation.act;
    case Act::hsigmoid:
      return Act::relu;
    case Act::leaky_relu:
      return has_integer_slope(activation) ? Act::leaky_relu : Act::none;
    default:
      return Act::none;
  }
}

// An activation as a SHAVE stage of its own.
const char* activation_stage(Act act) {
  return act == Act::relu6 ? "clamp" : act == Act::leaky_relu ? "leaky_relu" : "relu";
}

bool is_relu(const Layer& layer) {
  const auto* activation = std::get_if<Activation>(&layer);
  return activation != nullptr && activation->act == Act::relu;
}

bool has_even_plane(const Shape& s) { return s.w % 2 == 0 && s.h % 2 == 0; }

}  // namespace

void Lowering::lower_layer(int i, const Conv& conv) {
  Work work{.node = i, .name = node(i).name, .input = image(i)};
  work.window = {conv.kw, conv.kh, conv.sw, conv.padding};
  const Shape in = shape(work.input);
  if (!runs_on_nce(conv, in)) return software_convolution(i, conv);
  if (conv.groups > 1 && !(conv.groups == in.c && conv.out_channels == conv.groups))
    return convolve_groups(work, conv, movable_behind(graph_, readers_, i));

  const std::vector<int> behind = followers(i);
  const std::span<const int> all(behind);
  if (conv.groups > 1) {
    work.kind = "depthwise";
    work.output = finish(i, all.first(fuse_activation(work, behind)));
    return convolve_depthwise(work,
                              depthwise_group(conv.groups, in.w, in.h, conv.kw, conv.kh, conv.sw));
  }
  const size_t fused = fuse(work, node(i).shape, behind);
  const int last = fused > 0 ? behind[fused - 1] : i;
  if (!work.pooled && fused < behind.size()) {
    const int next = behind[fused];
    if (split_channels(node(last).shape, next) > 0) {
      split_with_pooling(work, node(last).shape, next, finish(i, all.first(fused + 1)));
      return;
    }
  }
  work.output = finish(i, all.first(fused));
  convolve(work);
}

// --- Fusion ---

// Takes an activation from the front of `behind` into the convolution; returns how many nodes it
// took.
size_t Lowering::fuse_activation(Work& work, std::span<const int> behind) const {
  const auto* next = behind.empty() ? nullptr : std::get_if<Activation>(&node(behind[0]).layer);
  if (next == nullptr) return 0;
  work.act = act_in_nce(*next);
  return work.act != Act::none && next->act != Act::hsigmoid ? 1 : 0;
}

// Takes an activation and a 2x2 max pooling from the front of `behind` into the convolution and
// returns how many nodes it took. `output` is the convolution's own.
size_t Lowering::fuse(Work& work, const Shape& output, std::span<const int> behind) const {
  const size_t taken = fuse_activation(work, behind);
  if (taken == behind.size()) return taken;
  const auto* pool = std::get_if<Pool>(&node(behind[taken]).layer);
  const bool fits = pool != nullptr && pool->kind == PoolKind::max && pool->kh == 2 &&
                    pool->kw == 2 && pool->sh == 2 && pool->sw == 2 && pool->padding == Padding{} &&
                    has_even_plane(shape(work.input)) && has_even_plane(output) &&
                    has_even_plane(node(behind[taken]).shape) &&
                    work.window == Window{3, 3, 1, Padding::all(1)};
  work.pooled = fits;
  return fits ? taken + 1 : taken;
}

// A convolution whose output is larger than a tile may be, with nothing but a pooling behind it, is
// cut along its output channels together with the pooling, so that what lies between them stays in
// CMX. Returns the channels of a tile, 0 where that does not apply.
int Lowering::split_channels(const Shape& output, int next) const {
  const auto* pool = std::get_if<Pool>(&node(next).layer);
  if (pool == nullptr || nce_bytes(output) <= resources_.tile_limit()) return 0;
  const Shape pooled{output.c, node(next).shape.h, node(next).shape.w};
  if (!myriadx::runs_on_nce(*pool, output, pooled)) return 0;
  for (const int channels : {128, 64, 32}) {
    const bool fits = nce_bytes({channels, output.h, output.w}) <= resources_.tile_limit();
    if (output.c % channels == 0 && fits) return channels;
  }
  return 0;
}

void Lowering::split_with_pooling(const Work& work, const Shape& whole, int next, int result) {
  const int channels = split_channels(whole, next);
  const auto& layer = std::get<Pool>(node(next).layer);
  const Shape pooled = shape(result);
  const size_t tiles = size_t(whole.c / channels);
  std::vector<int> outputs;
  for (size_t t = 0; t < tiles; ++t) {
    Work tile = work;
    tile.name += part("tile", t, tiles);
    tile.output = program_.add_tensor({channels, whole.h, whole.w});
    outputs.push_back(program_.add_tensor({channels, pooled.h, pooled.w}));
    convolve(tile);
    pool(next, node(next).name + part("tile", t, tiles), tile.output, outputs.back(), layer, true);
  }
  add_special(Phase::depthwise, Step::Kind::concat, node(next).name + "@concat", next, outputs,
              {result});
}

// --- Groups ---

// Groups as stages of their own between a split and a concat, into whose branches the compiler
// moves what of `behind` follows it.
void Lowering::convolve_groups(const Work& work, const Conv& conv, std::span<const int> behind) {
  const size_t groups = size_t(conv.groups);
  const Shape in = shape(work.input), out = node(work.node).shape;
  const int out_channels = out.c / conv.groups;
  const int result = finish(work.node, behind);
  std::vector<int> inputs, outputs;
  for (size_t g = 0; g < groups; ++g) {
    Work group = work;
    group.name += part("group", g, groups);
    group.input = program_.add_tensor({in.c / conv.groups, in.h, in.w});
    inputs.push_back(group.input);
    const auto tensor_behind = [&](int last) {
      const Shape& s = node(last).shape;
      return program_.add_tensor({out_channels, s.h, s.w});
    };
    std::span<const int> left = behind;
    if (const Activation* next = activation_behind(work.node)) {
      if (next->act == Act::hsigmoid) group.act = Act::relu;
    }
    const size_t fused = fuse(group, out, left);
    const int last = fused > 0 ? left[fused - 1] : work.node;
    left = left.subspan(fused);
    const Shape whole{out_channels, node(last).shape.h, node(last).shape.w};
    if (!group.pooled && !left.empty() && split_channels(whole, left[0]) > 0) {
      group.output = tensor_behind(left[0]);
      split_with_pooling(group, whole, left[0], group.output);
      left = left.subspan(1);
    } else {
      group.output = tensor_behind(last);
      convolve(group);
    }
    for (; !left.empty(); left = left.subspan(1)) {
      const int next = left[0], from = group.output;
      const std::string name = node(next).name + part("sub", g, groups);
      group.output = tensor_behind(next);
      if (const auto* layer = std::get_if<Pool>(&node(next).layer)) {
        const bool relu = left.size() > 1 && is_relu(node(left[1]).layer);
        pool(next, name, from, group.output, *layer, true);
        if (relu) left = left.subspan(1);
      } else {
        add_shave(Phase::branches, name, next,
                  activation_stage(std::get<Activation>(node(next).layer).act), {from},
                  group.output, kPlaneStrides, Shaves::two);
      }
    }
    outputs.push_back(group.output);
  }
  add_special(Phase::groups, Step::Kind::split, work.name + "@split", work.node, {work.input},
              inputs);
  add_special(Phase::groups, Step::Kind::concat, work.name + "@concat", work.node, outputs,
              {result});
}

void Lowering::convolve_depthwise(const Work& work, int group) {
  const Shape in = shape(work.input), out = shape(work.output);
  const size_t groups = size_t((in.c + group - 1) / group);
  if (groups == 1) return convolve(work);
  std::vector<int> inputs, outputs;
  for (size_t g = 0; g < groups; ++g) {
    Work tile = work;
    tile.name += part("tile", g, groups);
    const int channels = std::min(group, in.c - int(g) * group);
    tile.input = program_.add_tensor({channels, in.h, in.w});
    tile.output = program_.add_tensor({channels, out.h, out.w});
    inputs.push_back(tile.input);
    outputs.push_back(tile.output);
    convolve(std::move(tile));
  }
  add_special(Phase::depthwise, Step::Kind::split, work.name + "@split", work.node, {work.input},
              inputs);
  add_special(Phase::depthwise, Step::Kind::concat, work.name + "@concat", work.node, outputs,
              {work.output});
}

// --- Dense convolutions ---

void Lowering::software_convolution(int i, const Conv& conv) {
  const bool depthwise = conv.groups > 1 && conv.groups == node(node(i).inputs[0]).shape.c;
  const std::vector<int> behind = followers(i);
  const Activation* next = activation_behind(i);
  const bool relu = conv.bias && next != nullptr && next->act == Act::relu;
  const int from = image(i);
  const int output = finish(i, std::span(behind).first(relu ? 1 : 0));
  const int raw = conv.bias ? program_.add_tensor(node(i).shape) : output;
  const int step =
      add_shave(Phase::software, node(i).name, i, depthwise ? "shave_depthwise" : "shave_conv",
                {from}, raw, kCompact, Shaves::all);
  program_.steps[size_t(step)].stage.macs = node_macs(graph_, size_t(i));
  if (conv.bias) {
    add_shave(Phase::software, node(i).name + "@bias", i, relu ? "bias_relu" : "bias", {raw},
              output, kPlaneStrides, Shaves::two);
  }
}

// A dense convolution: padded where the engine cannot, tiled, or left to the SHAVEs where no
// tiling is legal.
void Lowering::convolve(Work work) {
  if (!pads_on_nce(work.window)) {
    work.input = padded(work.name, work.node, work.input, work.window.padding);
    work.window.padding = {};
  }
  const std::optional<Tiling>* tiling = &tile(work);
  if (!*tiling && work.pooled) {
    const Shape pooled = shape(work.output);
    const int output = work.output;
    work.output = program_.add_tensor({pooled.c, pooled.h * 2, pooled.w * 2});
    work.pooled = false;
    tiling = &tile(work);
    pool(work.node, work.name + "@pool", work.output, output, Pool{}, true);
  }
  if (*tiling) {
    convolve_tiles(work, **tiling);
  } else {
    convolve_on_shaves(work);
  }
}

// Groups are tiled alike, so the last tiling is remembered.
const std::optional<Tiling>& Lowering::tile(const Work& work) {
  const Tiled key{shape(work.input), shape(work.output), work.window, work.pooled};
  if (tiled_ != key) {
    tiled_ = key;
    tiling_ = tile_convolution(key.input, key.output, key.window, key.pooled,
                               resources_.tile_limit(), resources_.cmx_slices);
  }
  return tiling_;
}

void Lowering::convolve_on_shaves(const Work& work) {
  const bool acts = work.act != Act::none;
  const int raw = acts ? program_.add_tensor(shape(work.output)) : work.output;
  const int step = add_shave(Phase::software, work.name, work.node, "shave_conv", {work.input}, raw,
                             kCompact, Shaves::all);
  program_.steps[size_t(step)].stage.macs =
      shape(raw).elements() * shape(work.input).c * work.window.kx * work.window.ky;
  if (!acts) return;
  add_shave(Phase::software, work.name + "@act", work.node,
            work.act == Act::relu ? "bias_relu" : activation_stage(work.act), {raw}, work.output,
            kPlaneStrides, Shaves::two);
}

void Lowering::convolve_tiles(Work& work, const Tiling& tiling) {
  int channels = shape(work.input).c;
  for (const NceConfig& config : tiling.configs) {
    channels =
        std::max(channels, (tiling.parts - 1) * tiling.part_channels + config.extended_channels);
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
      tile.name += part("soh", r, tiling.rows.size()) + part("sow", c, tiling.columns.size());
      convolve_tile(tile, tiling, tiling.columns[c], tiling.rows[r],
                    tiling.configs[r * tiling.columns.size() + c], inputs, outputs);
    }
  }
  if (tiling.tiles() > 1) {
    add_special(Phase::tiling, Step::Kind::split, work.name + "@split-input", work.node,
                {work.input}, inputs);
  }
  if (!outputs.empty()) {
    add_special(Phase::tiling, Step::Kind::concat, work.name + "@concat-output", work.node, outputs,
                {work.output});
  }
}

void Lowering::convolve_tile(const Work& work, const Tiling& tiling, const Strip& column,
                             const Strip& row, const NceConfig& config, std::vector<int>& inputs,
                             std::vector<int>& outputs) {
  const bool one_plane = tiling.rows.size() == 1 && tiling.columns.size() == 1;
  const int output = output_tile(work, one_plane, column, row, outputs);
  int sum = -1;
  for (int p = 0; p < tiling.parts; ++p) {
    Work tile = work;
    tile.name += part("soc", size_t(p), size_t(tiling.parts));
    const int in = input_tile(tile, one_plane && tiling.parts == 1, config.extended_channels,
                              column, row, inputs);
    int out = output;
    if (tiling.parts > 1) {
      out = program_.add_tensor(shape(output));
      sum = p == 0 ? out : accumulate(tile, sum, out, output, p + 1 == tiling.parts);
    }
    add_nce(tile, in, with_junk(tile, Phase::tiling, out, column, row), config, p == 0);
  }
}

// Adds one part's result to those before it; behind the last comes the activation that the engine
// could not apply.
int Lowering::accumulate(const Work& work, int before, int part, int output, bool last) {
  const bool acts = work.act != Act::none;
  const int sum = last && !acts ? output : program_.add_tensor(shape(output));
  add_shave(Phase::tiling, work.name + "@accum", work.node, "sum", {before, part}, sum, kAnyStrides,
            Shaves::limited);
  if (!last || !acts) return sum;
  add_shave(Phase::tiling, work.name + "@act", work.node, activation_stage(work.act), {sum}, output,
            kPlaneStrides, Shaves::two);
  return output;
}

void Lowering::add_nce(const Work& work, int input, int output, const NceConfig& config,
                       bool bias) {
  const Shape &in = shape(input), &out = shape(output);
  Step step{
      .kind = Step::Kind::nce, .inputs = {input}, .outputs = {output}, .strides = kNceStrides};
  // One shape of YOLO's, which the compiler knows by heart, keeps its input in CMX and not its
  // output.
  step.reads_cmx =
      in == Shape{352, 13, 13} && out.c == 1024 && work.window == Window{3, 3, 1, Padding::all(1)};
  Stage& stage = step.stage;
  stage.name = work.name;
  stage.node = work.node;
  stage.kind = work.kind;
  if (work.pooled) stage.kind += "_pool";
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
  program_.add_step(Phase::tiling, std::move(step));
}

// --- Linear layers ---

void Lowering::lower_layer(int i, const Linear& layer) {
  const std::string& name = node(i).name;
  const int from = vector(i);
  const int inputs = shape(from).c;
  Work work{.node = i, .name = name, .kind = "linear"};
  // These activations move before the reshape behind the convolution, and into the engine where it
  // has them.
  const std::vector<int> behind = followers(i);
  const Activation* next = activation_behind(i);
  const bool moves = next != nullptr && (next->act == Act::relu || next->act == Act::leaky_relu ||
                                         next->act == Act::sigmoid);
  const bool fuses = moves && act_in_nce(*next) != Act::none;
  if (fuses) work.act = act_in_nce(*next);
  const int output = finish(i, std::span(behind).first(moves ? 1 : 0));
  const int k = linear_kernel(inputs);
  work.window = {k, k, k, {}};
  work.input = program_.add_tensor({inputs / (k * k), k, k});
  work.output = program_.add_tensor({layer.out_features, 1, 1});
  int result = work.output;
  if (moves && !fuses) {
    result = program_.add_tensor({layer.out_features, 1, 1});
    add_shave(Phase::parse, node(behind[0]).name, behind[0],
              next->act == Act::sigmoid ? "sigmoid" : "leaky_relu", {work.output}, result,
              kPlaneStrides, Shaves::two);
  }
  reshape(Phase::linear, name + "@reshape-in", i, from, work.input);
  reshape(Phase::linear, name + "@reshape-out", i, result, output);
  convolve(work);
}

}  // namespace vpunas::myriadx
