// Poolings as steps, and the tensors of tiles.
#include <algorithm>

#include "base/error.h"
#include "myriadx/lowering.h"

namespace vpunas::myriadx {
namespace {

int div_up(int a, int b) { return (a + b - 1) / b; }

int positions(int input, int kernel, int stride, bool ceil) {
  const int room = input - kernel;
  return (ceil ? div_up(room, stride) : room / stride) + 1;
}

bool pads_on_nce(const Window& window, const Shape& input, const Shape& output) {
  const int right = (output.w - 1) * window.stride + window.kx - input.w - window.padding.left;
  const int bottom = (output.h - 1) * window.stride + window.ky - input.h - window.padding.top;
  const auto is = [](int padding, int own) { return padding <= 0 || padding == own; };
  return is(window.padding.left, window.kx / 2) && is(right, (window.kx - 1) / 2) &&
         is(window.padding.top, window.ky / 2) && is(bottom, (window.ky - 1) / 2);
}

}  // namespace

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
    return out == positions(size, kernel, pool.sw, false) ||
           out == positions(size, kernel, pool.sw, true);
  };
  return either(w, pool.kw, output.w) && either(h, pool.kh, output.h);
}

void Lowering::lower_layer(int i, const Pool& layer) {
  const int from = image(i);
  const bool on_nce = runs_on_nce(layer, shape(from), node(i).shape);
  const std::vector<int> behind = followers(i);
  const Activation* next = on_nce ? activation_behind(i) : nullptr;
  const size_t fused = next != nullptr && next->act == Act::relu ? 1 : 0;
  const int output = finish(i, std::span(behind).first(fused));
  pool(i, node(i).name, from, output, layer, on_nce);
}

void Lowering::lower_layer(int i, const GlobalPool&) {
  const int from = image(i);
  const Shape& in = shape(from);
  const Pool whole{.kind = PoolKind::average, .kh = in.h, .kw = in.w, .sh = 1, .sw = 1};
  const bool on_nce = runs_on_nce(whole, in, node(i).shape);
  pool(i, node(i).name, from, new_value(i), whole, on_nce);
}

void Lowering::pool(int i, const std::string& name, int in, int out, const Pool& layer,
                    bool on_nce) {
  const bool max = layer.kind == PoolKind::max;
  if (on_nce) {
    const Shape from = shape(in), to = shape(out);
    Window window{layer.kw, layer.kh, layer.sw, layer.padding};
    Padding& p = window.padding;
    const bool odd_w = window.kx % 2 == 0 && from.w % 2 == 1,
               odd_h = window.ky % 2 == 0 && from.h % 2 == 1;
    if (odd_w && p.right == 0) p.right = 1;
    if (odd_h && p.bottom == 0) p.bottom = 1;
    if (odd_w || odd_h || !pads_on_nce(window, from, to)) {
      p.right = std::max(p.right, (to.w - 1) * window.stride + window.kx - from.w - p.left);
      p.bottom = std::max(p.bottom, (to.h - 1) * window.stride + window.ky - from.h - p.top);
      in = padded(name, i, in, p);
      p = {};
    }
    if (const auto tiling = tile_pooling(shape(in), to, window, resources_.tile_limit())) {
      pool_tiles(i, name, max ? "max_pool" : "avg_pool", in, out, window, *tiling);
      return;
    }
  }
  if (!max && shape(in) == Shape{shape(in).c, layer.kh, layer.kw} && layer.padding == Padding{}) {
    add_shave(Phase::software, name, i, "reduce_mean", {in}, out, kAnyStrides, Shaves::limited);
    return;
  }
  add_shave(Phase::software, name, i, max ? "shave_max_pool" : "shave_avg_pool", {in}, out,
            kAnyStrides, Shaves::all);
}

void Lowering::pool_tiles(int i, const std::string& name, const char* kind, int in, int out,
                          const Window& window, const Tiling& tiling) {
  const Work work{
      .node = i, .name = name, .kind = kind, .input = in, .output = out, .window = window};
  std::vector<int> inputs, outputs;
  const bool whole = tiling.tiles() == 1;
  for (size_t r = 0; r < tiling.rows.size(); ++r) {
    for (size_t c = 0; c < tiling.columns.size(); ++c) {
      const Strip &row = tiling.rows[r], &column = tiling.columns[c];
      Work tile = work;
      tile.name += part("soh", r, tiling.rows.size()) + part("sow", c, tiling.columns.size());
      const int from = input_tile(tile, whole, shape(in).c, column, row, inputs);
      const int to = with_junk(tile, Phase::pooling, output_tile(tile, whole, column, row, outputs),
                               column, row);
      add_pool(tile, from, to);
    }
  }
  if (whole) return;
  add_special(Phase::pooling, Step::Kind::split, name + "@split-input", i, {in}, inputs);
  add_special(Phase::pooling, Step::Kind::concat, name + "@concat-output", i, outputs, {out});
}

// One descriptor for 16 channels, always in mode 16_16.
void Lowering::add_pool(const Work& work, int input, int output) {
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

// --- Tiles ---

// The input with its padding, for what the engine cannot pad.
int Lowering::padded(const std::string& name, int node, int input, const Padding& padding) {
  const Shape in = shape(input);
  const int output = program_.add_tensor(
      {in.c, in.h + padding.top + padding.bottom, in.w + padding.left + padding.right});
  add_shave(Phase::padding, name + "@padding", node, "pad", {input}, output, kAnyStrides,
            Shaves::limited);
  return output;
}

// The output tile that a strip pair writes its useful part to; a tile whose columns do not start
// at 16 bytes is copied there.
int Lowering::output_tile(const Work& work, bool whole, const Strip& column, const Strip& row,
                          std::vector<int>& outputs) {
  if (whole) return work.output;
  const int tile = program_.add_tensor({shape(work.output).c, row.output_size, column.output_size});
  outputs.push_back(tile);
  if (column.output_begin % 8 == 0) return tile;
  const int aligned = program_.add_tensor(shape(tile));
  program_.add_copy(Phase::tiling, work.name + "@align-output", work.node, aligned, tile);
  return aligned;
}

int Lowering::input_tile(const Work& work, bool whole, int channels, const Strip& column,
                         const Strip& row, std::vector<int>& inputs) {
  if (whole) return work.input;
  const int tile = program_.add_tensor({channels, row.size, column.size});
  inputs.push_back(tile);
  if (column.begin % 8 == 0) return tile;
  const int aligned = program_.add_tensor(shape(tile));
  program_.add_copy(Phase::tiling, work.name + "@align-input", work.node, tile, aligned);
  return aligned;
}

// The tensor that the engine writes, with junk, before it is cropped to `tile`.
int Lowering::with_junk(const Work& work, Phase phase, int tile, const Strip& column,
                        const Strip& row) {
  if (row.computed() == row.output_size && column.computed() == column.output_size) return tile;
  const int junk = program_.add_tensor({shape(tile).c, row.computed(), column.computed()});
  add_special(phase, Step::Kind::crop, work.name + "@remove-junk", work.node, {junk}, {tile});
  return junk;
}

}  // namespace vpunas::myriadx
