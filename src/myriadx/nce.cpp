#include "myriadx/nce.h"

#include <algorithm>
#include <array>
#include <limits>

namespace vpunas::myriadx {
namespace {

constexpr int kModes = 5;
constexpr std::array<int, kModes> kModeOverhead = {0, 5, 11, 19,
                                                   31};  // cycles an output pixel and descriptor
constexpr int kMaxChannels = 2048;
constexpr int kMaxSide = 4096;
constexpr int kMaxCoefficients = 256;  // of one block, in the engine's coefficient store
constexpr int kLineBuffer = 131072;    // bytes
constexpr int kMaxSplits = 15;         // along each of columns, rows and channels

int div_up(int a, int b) { return (a + b - 1) / b; }
int round_up(int a, int b) { return div_up(a, b) * b; }

// The line buffer must hold the kernel's lines of all blocks and some lines ahead.
bool fits_line_buffer(int w, int h, int channels, int ky, int stride) {
  const int64_t line = int64_t{channels} * round_up(2 * w, 16);
  const int64_t lines = std::min<int64_t>(kLineBuffer / line, h);
  return std::min(ky + stride + 2 + (w <= 8 ? 1 : 0), h) <= lines;
}

bool fits_engine(int w, int h, int c, int o) {
  return w <= kMaxSide && h <= kMaxSide && c <= kMaxChannels && o <= kMaxChannels;
}

bool is_legal(int w, int h, int c, int o, int kx, int ky, int stride, int block) {
  const bool too_flat = w > 507 && h > 1 && h < 64 && c != 3;
  const int blocks = div_up(c, block);
  return !too_flat && fits_engine(w, h, c, o) && blocks * kx * ky <= kMaxCoefficients &&
         fits_line_buffer(w, h, blocks * block, ky, stride);
}

int output_size(int input, int kernel, int stride, int padding, bool ceil) {
  const int room = input - kernel + padding;
  return (ceil ? div_up(room, stride) : room / stride) + 1;
}

// The strip that computes outputs [first, last). Padding belongs to the operation, so an inner
// strip starts at the nearest stride-aligned line and computes lines that see padding where there
// is none: junk.
Strip strip_for(int input, int kernel, int stride, int before, int after, int first, int last) {
  Strip strip{.output_begin = first, .output_size = last - first};
  const int start = first * stride - before;
  if (start < 0) {
    strip.junk_before = first;
  } else {
    strip.begin = start / stride * stride;
    strip.junk_before = (start - strip.begin + before) / stride;
  }
  const int wanted_end = (last - 1) * stride + kernel - before;
  const int end = std::min(wanted_end, input);
  strip.junk_after = std::max(0, after - (wanted_end - end)) / stride;
  strip.size = end - strip.begin;
  return strip;
}

// Cuts an axis greedily into strips of at most `most` computed outputs; empty where that is
// impossible.
std::vector<Strip> cut(int input, int output, int kernel, int stride, int before, int after,
                       int most) {
  if (most == output) return {{.size = input, .output_size = output}};
  std::vector<Strip> strips;
  for (int first = 0; first < output;) {
    int last = std::min(output, first + most);
    Strip strip = strip_for(input, kernel, stride, before, after, first, last);
    while (last > first && strip.computed() > most) {
      strip = strip_for(input, kernel, stride, before, after, first, --last);
    }
    if (last <= first || strip.size <= 0) return {};
    strips.push_back(strip);
    first = last;
  }
  return strips;
}

// The same for a 3x3 convolution with padding 1 and a 2x2 pooling behind it: `most` and the outputs
// are pooled lines, and neighbouring strips overlap by one pooled line on each side, which is junk.
std::vector<Strip> cut_pooled(int input, int most) {
  const int output = input / 2;
  if (most == output) return {{.size = input, .output_size = output}};
  if (most % 2 == 0) --most;
  std::vector<Strip> strips;
  if (most < 3) return strips;
  for (int in = 0, out = 0;;) {
    const int in_end = std::min(in + 2 * most, input);
    const int out_end = std::min(out + most, output);
    const int before = out > 0 ? 1 : 0, after = out_end < output ? 1 : 0;
    strips.push_back({.begin = in,
                      .size = in_end - in,
                      .output_begin = out + before,
                      .output_size = out_end - out - before - after,
                      .junk_before = before,
                      .junk_after = after});
    if (out_end >= output) return strips;
    in = in_end - 4;
    out = out_end - 2;
  }
}

// An operation on the plane, and what both tilers need to cut it.
struct Plane {
  const Shape& input;
  const Shape& output;
  const Window& window;
  bool pooled;
  bool ceil;  // the whole output is rounded up, so a tile's is

  int tile_width(int w) const {
    const int size =
        output_size(w, window.kx, window.stride, window.padding.left + window.padding.right, ceil);
    return std::min(output.w, pooled ? size / 2 : size);
  }
  int tile_height(int h) const {
    const int size =
        output_size(h, window.ky, window.stride, window.padding.top + window.padding.bottom, ceil);
    return std::min(output.h, pooled ? size / 2 : size);
  }
  std::vector<Strip> columns(int most) const {
    if (pooled) return cut_pooled(input.w, most);
    return most < 1 ? std::vector<Strip>{}
                    : cut(input.w, output.w, window.kx, window.stride, window.padding.left,
                          window.padding.right, most);
  }
  std::vector<Strip> rows(int most) const {
    if (pooled) return cut_pooled(input.h, most);
    return most < 1 ? std::vector<Strip>{}
                    : cut(input.h, output.h, window.ky, window.stride, window.padding.top,
                          window.padding.bottom, most);
  }
};

bool misaligned(int column) { return column % 8 != 0; }

// Height of input tiles for `splits` of them, enlarged where it would give too few output rows.
int split_height(const Plane& plane, int splits) {
  const Window& window = plane.window;
  const int height = div_up(plane.input.h, splits);
  if (splits == 1) return height;
  const int rounded = round_up(height, window.stride);
  const int padding = window.padding.top + window.padding.bottom;
  const int least = div_up(plane.output.h, splits);
  if (output_size(rounded, window.ky, window.stride, padding, false) >= least) return rounded;
  return (least - 1) * window.stride + window.ky - padding;
}

int split_width(const Plane& plane, int splits) {
  const int width = div_up(plane.input.w, splits);
  return splits == 1 ? width : round_up(width, plane.window.stride);
}

// What the engine allows of a fused pooling: even sizes, and widths by channels.
bool pooled_tile_fits(const Strip& column, const Strip& row, int channels) {
  static constexpr std::array<std::array<int, 3>, 7> kWidest = {{{16, 32, 288},
                                                                 {32, 48, 192},
                                                                 {48, 64, 144},
                                                                 {64, 80, 112},
                                                                 {80, 96, 96},
                                                                 {96, 112, 80},
                                                                 {112, 128, 72}}};
  if (column.size % 2 != 0 || row.size % 2 != 0 || column.computed() % 2 != 0) return false;
  if (column.computed() <= 2 || row.computed() <= 2) return false;
  for (const auto& [above, up_to, widest] : kWidest) {
    if (channels > above && channels <= up_to && column.size > widest) return false;
  }
  return true;
}

// The compiler's score of a tiling (not its time: pixels are not counted); nullopt: not legal.
std::optional<int64_t> convolution_score(const Plane& plane, const std::vector<Strip>& columns,
                                         const std::vector<Strip>& rows, int parts,
                                         int64_t tile_limit) {
  const int channels = div_up(plane.input.c, parts);
  const Window& window = plane.window;
  int64_t score = 0;
  for (const Strip& row : rows) {
    for (const Strip& column : columns) {
      if (plane.pooled && !pooled_tile_fits(column, row, channels)) return std::nullopt;
      const Shape tile{plane.output.c, row.computed(), column.computed()};
      if (nce_bytes(tile) > tile_limit) return std::nullopt;
      const NceConfig config = best_nce_config(column.size, row.size, channels, plane.output.c,
                                               window.kx, window.ky, window.stride);
      if (!config.legal()) return std::nullopt;
      score += config.cycles_per_pixel * parts + (parts - 1) * tile.elements();
      if (misaligned(column.output_begin)) score += tile.elements();
      if (misaligned(column.begin))
        score += int64_t{column.size} * row.size * config.extended_channels;
    }
  }
  return score;
}

struct Splits {
  int columns = 1, rows = 1, parts = 1;
  int count() const { return columns * rows * parts; }
};

// The splits with the least score, the fewest tiles among equals. For each number of parts and
// columns only the smallest legal number of rows counts.
std::optional<Splits> best_splits(const Plane& plane, int64_t tile_limit) {
  const int least_width = plane.pooled ? 128 : 64;
  const int least_height = plane.window.ky * (plane.pooled ? 2 : 1);
  std::optional<Splits> best;
  int64_t best_score = 0;
  for (int parts = 1; parts <= (plane.pooled ? 1 : kMaxSplits); ++parts) {
    if (div_up(plane.input.c, parts) > kMaxChannels) continue;
    // Summing the parts alone costs more from here on.
    if (best && (parts - 1) * plane.output.elements() >= best_score) break;
    for (int n_columns = 1; n_columns <= kMaxSplits; ++n_columns) {
      const int width = split_width(plane, n_columns);
      if (width > 2048) continue;
      if (n_columns > 1 && width < least_width) break;
      const int out_width = plane.tile_width(width);
      if (plane.pooled && out_width <= 2) break;
      const std::vector<Strip> columns = plane.columns(out_width);
      if (columns.empty()) break;
      for (int n_rows = 1; n_rows <= kMaxSplits; ++n_rows) {
        const int height = split_height(plane, n_rows);
        if (height > 2048) continue;
        if (n_rows > 1 && height < least_height) break;
        const int out_height = plane.tile_height(height);
        if (plane.pooled && out_height <= 2) break;
        const std::vector<Strip> rows = plane.rows(out_height);
        if (rows.empty()) continue;
        const auto score = convolution_score(plane, columns, rows, parts, tile_limit);
        if (!score) continue;
        const Splits splits{n_columns, n_rows, parts};
        if (!best || *score < best_score ||
            (*score == best_score && splits.count() < best->count())) {
          best = splits;
          best_score = *score;
        }
        break;
      }
    }
  }
  return best;
}

// Input tiles that the compiler has by heart for some shapes of well-known networks; 0: as chosen.
struct FixedTile {
  Shape input;
  int out_channels;  // 0: any
  int kernel;        // 0: any kernel, stride and padding
  int stride, padding;
  Shape tile;
  int out_rows = 0;  // 0: any
  bool pooled_too = false;
};
constexpr FixedTile kFixedTiles[] = {
    {{512, 28, 28}, 512, 3, 1, 1, {172, 28, 0}},
    {{256, 56, 56}, 256, 3, 1, 1, {128, 30, 0}},
    {{64, 224, 224}, 64, 3, 1, 1, {0, 82, 82}},
    {{512, 7, 7}, 4096, 0, 0, 0, {64, 0, 0}, 0, true},
    {{128, 112, 112}, 128, 3, 1, 1, {32, 32, 112}},
    {{1088, 17, 17}, 128, 0, 0, 0, {544, 17, 0}, 0, true},
    {{1088, 17, 17}, 192, 0, 0, 0, {544, 17, 0}, 0, true},
    {{1024, 17, 17}, 384, 0, 0, 0, {512, 17, 0}, 0, true},
    {{384, 35, 35}, 384, 3, 2, 0, {194, 35, 35}},
    {{192, 71, 71}, 0, 0, 0, 0, {96, 0, 71}, 35, true},
    {{256, 128, 128}, 256, 0, 0, 0, {64, 15, 128}},
    {{512, 64, 64}, 512, 0, 0, 0, {128, 10, 64}},
    {{384, 56, 56}, 64, 1, 1, 0, {384, 56, 20}},
    {{2112, 14, 14}, 1056, 1, 1, 0, {556, 14, 14}},
    {{256, 52, 52}, 512, 3, 2, 1, {128, 52, 52}},
    {{256, 23, 23}, 640, 3, 1, 1, {256, 14, 23}},
};

// The fixed input tile over the chosen one, where the plane has one.
const FixedTile* find_fixed_tile(const Plane& plane) {
  const Window& window = plane.window;
  const auto matches = [&](const FixedTile& fixed) {
    const bool any_kernel = fixed.kernel == 0;
    return plane.input == fixed.input &&
           (fixed.out_channels == 0 || fixed.out_channels == plane.output.c) &&
           (fixed.out_rows == 0 || fixed.out_rows == plane.output.h) &&
           (fixed.pooled_too || !plane.pooled) &&
           (any_kernel ||
            (window.kx == fixed.kernel && window.ky == fixed.kernel &&
             window.stride == fixed.stride && window.padding == Padding::all(fixed.padding)));
  };
  const auto* found = std::find_if(std::begin(kFixedTiles), std::end(kFixedTiles), matches);
  return found == std::end(kFixedTiles) ? nullptr : found;
}

// Limits of a pooling tile: lines in the engine's buffer, and a plane small enough to be copied
// with its padding.
bool pooling_tile_fits(const Plane& plane, const Strip& column, const Strip& row,
                       int64_t tile_limit) {
  const Window& window = plane.window;
  const int channels = plane.output.c;
  if (nce_bytes({channels, row.computed(), column.computed()}) > tile_limit || row.size < window.ky)
    return false;
  if (!fits_engine(column.size, row.size, channels, channels)) return false;
  const int line = round_up(column.size, 8) * 2;
  if (std::min(kLineBuffer / 16 / line, row.size) < window.ky) return false;
  if (!fits_line_buffer(column.size, row.size, 16, window.ky, window.stride)) return false;
  const int right =
      (column.computed() - 1) * window.stride + window.kx - column.size - window.padding.left;
  const int bottom =
      (row.computed() - 1) * window.stride + window.ky - row.size - window.padding.top;
  if (window.padding.left <= 0 && right <= 0 && bottom <= 0) return true;
  return line * (row.size - 1 + window.ky - 1) <= (bottom > 0 ? 2048 : 4096);
}

std::optional<int64_t> pooling_score(const Plane& plane, const std::vector<Strip>& columns,
                                     const std::vector<Strip>& rows, int64_t tile_limit) {
  int64_t score = 0;
  for (const Strip& row : rows) {
    for (const Strip& column : columns) {
      if (!pooling_tile_fits(plane, column, row, tile_limit)) return std::nullopt;
      score += int64_t{plane.input.c / 16} * plane.window.kx * plane.window.ky;
      if (misaligned(column.output_begin))
        score += int64_t{column.computed()} * row.computed() * plane.output.c;
      if (misaligned(column.begin)) score += int64_t{column.size} * row.size * plane.input.c;
    }
  }
  return score;
}

bool rounded_up(int input, int output, int kernel, int stride, int padding) {
  return output == output_size(input, kernel, stride, padding, true);
}

}  // namespace

int64_t nce_bytes(const Shape& shape) {
  return int64_t{round_up(2 * shape.w, 16)} * shape.h * shape.c;
}

NceConfig best_nce_config(int w, int h, int c, int o, int kx, int ky, int stride) {
  NceConfig best;
  for (int mode = 0; mode < kModes; ++mode) {
    const int block = 1 << mode;
    const int per_descriptor = std::min(256 / block, round_up(o, 8));
    if (!is_legal(w, h, c, per_descriptor, kx, ky, stride, block)) continue;
    const int descriptors = div_up(o, per_descriptor);
    const int64_t cost = int64_t{descriptors} *
                         (div_up(c, block) * kx * ky + kModeOverhead[static_cast<size_t>(mode)]);
    const bool better = !best.legal() || cost < best.cycles_per_pixel ||
                        (cost == best.cycles_per_pixel && descriptors < best.descriptors);
    if (better) best = {mode, descriptors, per_descriptor, round_up(c, block), cost};
  }
  return best;
}

std::optional<Tiling> tile_convolution(const Shape& input, const Shape& output,
                                       const Window& window, bool pooled, int64_t tile_limit,
                                       int cmx_slices) {
  const Padding& padding = window.padding;
  const int scale = pooled ? 2 : 1;
  const bool ceil =
      rounded_up(input.w, output.w * scale, window.kx, window.stride,
                 padding.left + padding.right) ||
      rounded_up(input.h, output.h * scale, window.ky, window.stride, padding.top + padding.bottom);
  const Plane plane{input, output, window, pooled, ceil};
  const auto splits = best_splits(plane, tile_limit);
  if (!splits) return std::nullopt;

  Shape tile{div_up(input.c, splits->parts), split_height(plane, splits->rows),
             split_width(plane, splits->columns)};
  int out_width = plane.tile_width(tile.w), out_height = plane.tile_height(tile.h);
  if (const FixedTile* fixed = cmx_slices >= 9 ? find_fixed_tile(plane) : nullptr) {
    if (fixed->tile.c) tile.c = fixed->tile.c;
    if (fixed->tile.h) tile.h = fixed->tile.h;
    if (fixed->tile.w) tile.w = fixed->tile.w;
    out_width = plane.tile_width(tile.w);
    out_height = plane.tile_height(tile.h);
  }
  Tiling tiling{.columns = plane.columns(out_width),
                .rows = plane.rows(out_height),
                .parts = div_up(input.c, tile.c),
                .part_channels = tile.c};
  for (const Strip& row : tiling.rows) {
    for (const Strip& column : tiling.columns) {
      tiling.configs.push_back(best_nce_config(column.size, row.size, tile.c, output.c, window.kx,
                                               window.ky, window.stride));
      if (!tiling.configs.back().legal()) return std::nullopt;
    }
  }
  if (tiling.configs.empty()) return std::nullopt;
  return tiling;
}

std::optional<Tiling> tile_pooling(const Shape& input, const Shape& output, const Window& window,
                                   int64_t tile_limit) {
  const Padding& padding = window.padding;
  const bool ceil =
      rounded_up(input.w, output.w, window.kx, window.stride, padding.left + padding.right) &&
      rounded_up(input.h, output.h, window.ky, window.stride, padding.top + padding.bottom);
  const Plane plane{input, output, window, false, ceil};
  std::optional<Tiling> best;
  int64_t best_score = 0;
  for (int n_columns = 1; n_columns <= kMaxSplits; ++n_columns) {
    const int width = split_width(plane, n_columns);
    if (n_columns > 1 && width < std::max(8, window.kx)) break;
    std::vector<Strip> columns = plane.columns(plane.tile_width(width));
    if (columns.empty()) break;
    for (int n_rows = 1; n_rows <= kMaxSplits; ++n_rows) {
      int height = div_up(input.h, n_rows);
      if (n_rows > 1) height = round_up(height, window.stride);
      if (n_rows > 1 && height < window.ky) break;
      std::vector<Strip> rows = plane.rows(plane.tile_height(height));
      if (rows.empty()) continue;
      const auto score = pooling_score(plane, columns, rows, tile_limit);
      if (!score) continue;
      if (!best || *score < best_score) {
        best = Tiling{.columns = columns, .rows = std::move(rows), .part_channels = input.c};
        best_score = *score;
      }
    }
  }
  return best;
}

int depthwise_group(int channels, int w, int h, int kx, int ky, int stride) {
  int best = channels;
  int64_t least = std::numeric_limits<int64_t>::max() / 256;
  for (int group = 1; group < channels; ++group) {
    // A dense group x group stage multiplies at most 256 times a cycle, so no larger group can win
    // any more.
    if (int64_t{channels} * group * kx * ky > 256 * least) break;
    const NceConfig config = best_nce_config(w, h, group, group, kx, ky, stride);
    if (!config.legal()) continue;
    const int64_t total = config.cycles_per_pixel * div_up(channels, group);
    if (total < least) {
      best = group;
      least = total;
    }
  }
  return best;
}

}  // namespace vpunas::myriadx
