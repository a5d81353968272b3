// The Neural Compute Engine (NCE): which convolutions and poolings it runs, how they are cut into
// tiles, and what a tile costs. Rules and sources: docs/myriadx.md, "NCE".
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "arch/graph.h"

namespace vpunas::myriadx {

// Bytes of FP16 channel-first planes whose rows are padded to 16 bytes, as every tensor of the NCE
// is.
int64_t nce_bytes(const Shape& shape);

// How one tile is computed: mode m reads channels in blocks of 2^m and writes 256 / 2^m channels a
// descriptor.
struct NceConfig {
  int mode = -1;  // 0..4; -1: no mode is legal
  int descriptors = 0;
  int channels_per_descriptor = 0;
  int extended_channels = 0;     // input channels rounded up to the mode's block
  int64_t cycles_per_pixel = 0;  // of the output, all descriptors
  bool legal() const { return mode >= 0; }
  bool operator==(const NceConfig&) const = default;
};
// The cheapest legal mode for a tile of w x h x c input channels and o output channels.
NceConfig best_nce_config(int w, int h, int c, int o, int kx, int ky, int stride);

struct Window {
  int kx = 1, ky = 1, stride = 1;
  Padding padding = {};
  bool operator==(const Window&) const = default;
};

// One strip along an axis: `size` input lines from `begin` on give `computed()` output lines, of
// which the junk at both ends is dropped and the others are lines `output_begin` on of the whole
// output.
struct Strip {
  int begin = 0, size = 0;
  int output_begin = 0, output_size = 0;
  int junk_before = 0, junk_after = 0;
  int computed() const { return output_size + junk_before + junk_after; }
};

// A convolution or pooling as tiles: columns x rows of the plane, and for convolutions `parts` of
// `part_channels` input channels each, whose results are summed.
struct Tiling {
  std::vector<Strip> columns, rows;
  std::vector<NceConfig> configs = {};  // of a convolution's tiles, row by row
  int parts = 1;
  int part_channels = 0;
  size_t tiles() const { return columns.size() * rows.size() * static_cast<size_t>(parts); }
};

// The compiler's tiling of a dense convolution; nullopt: the NCE cannot run it. `pooled`: a 2x2
// pooling of stride 2 is fused and `output` is the shape behind it. `tile_limit` is in bytes of one
// tile's output.
std::optional<Tiling> tile_convolution(const Shape& input, const Shape& output,
                                       const Window& window, bool pooled, int64_t tile_limit,
                                       int cmx_slices);
std::optional<Tiling> tile_pooling(const Shape& input, const Shape& output, const Window& window,
                                   int64_t tile_limit);

// The group size T into which a depthwise convolution over `channels` is cut, each group a dense T
// x T convolution with zeros off the diagonal; `channels` itself where one stage does it all.
int depthwise_group(int channels, int w, int h, int kx, int ky, int stride);

}  // namespace vpunas::myriadx
