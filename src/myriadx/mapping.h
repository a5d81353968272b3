// How Intel's MyriadX compiler maps a network: graph -> executed stages. Rules and their sources: docs/myriadx.md.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "arch/graph.h"

namespace vpunas::myriadx {

// What one inference has of the chip (16 SHAVEs, 19 CMX slices of 128 KiB, two NCEs).
struct Resources {
  int streams = 2;
  int shaves = 7;
  int cmx_slices = 9;
  int64_t cmx_bytes() const { return int64_t{cmx_slices} * 131072; }
  int64_t tile_limit() const { return int64_t{cmx_slices / 2} * 131072 + 65536; }  // bytes of one output tile
};
// streams 1, 2 or 3 as the compiler divides the chip. Throws Error for others.
Resources resources(int streams);

enum class Engine { nce, shave, dma };
enum class Place { ddr, cmx };

// One step of the compiled network.
struct Stage {
  std::string name;    // the node's, with "@soh=1/3"-like suffixes for parts
  int node = 0;        // index in the (folded) graph
  std::string kind;    // "conv", "depthwise", "pool", "sum", "copy", "convert", "hswish", ...
  Engine engine = Engine::nce;
  Shape input, output;             // of this part
  int64_t input_bytes = 0, output_bytes = 0;  // FP16, rows padded where the engine needs it
  Place input_place = Place::ddr, output_place = Place::ddr;
  int shaves = 0;
  bool in_shadow = false;          // runs beside an NCE stage (injected)
  int host = -1;                   // index of that NCE stage
  // NCE only
  int mode = 0;                    // 0..4, 2^mode input blocks
  int descriptors = 0;
  int extended_channels = 0;       // input channels rounded up to the mode's blocks
  int64_t cycles_per_pixel = 0;
  int64_t output_pixels = 0;       // computed ones (x4 before a fused 2x2 pooling)
  int64_t weight_bytes = 0;        // with the zeros of depthwise groups
};

struct Mapping {
  Resources resources;
  Graph graph;  // folded, the one that Stage::node refers to
  std::vector<Stage> stages;
};

// Throws Error for a graph that the MyriadX cannot run.
Mapping map(const Graph& graph, const Resources& resources);

// --- NCE convolution cost, exact (docs/myriadx.md section 3), public for tests and explanation. ---

struct NceConfig {
  int mode = -1;  // -1: no legal mode
  int descriptors = 0;
  int channels_per_descriptor = 0;
  int extended_channels = 0;
  int64_t cycles_per_pixel = 0;
};
// Best mode for one tile: input w x h x c, o output channels.
NceConfig best_nce_config(int w, int h, int c, int o, int kx, int ky, int stride);

// The group size T into which a depthwise convolution over `channels` is cut, each group a dense T x T convolution.
int depthwise_group(int channels, int w, int h, int kernel, int stride);

}  // namespace vpunas::myriadx
