// How Intel's MyriadX compiler maps a network: graph -> executed stages. Rules and their sources:
// docs/myriadx.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "arch/graph.h"

namespace vpunas::myriadx {

// What one inference has of the chip (16 SHAVEs, 19 CMX slices of 128 KiB, two NCEs).
struct Resources {
  int streams = 2;
  int shaves = 7;  // of each stream, as the slices
  int cmx_slices = 9;
  int64_t cmx_bytes() const { return int64_t{cmx_slices} * 131072; }
  int64_t tile_limit() const {
    return int64_t{cmx_slices / 2} * 131072 + 65536;
  }  // bytes of one output tile
};
// streams 1, 2 or 3 as the compiler divides the chip, or with a chosen number of SHAVEs and CMX
// slices for each stream (both, as MYRIAD_NUMBER_OF_SHAVES and _CMX_SLICES). Throws Error for what
// the compiler refuses: more SHAVEs than slices, and more than the chip has.
Resources resources(int streams, int shaves = 0, int cmx_slices = 0);

enum class Engine { nce, shave, dma };
enum class Place { ddr, cmx };

// One executed step of the compiled network.
struct Stage {
  std::string name;  // the node's, with "@soh=1/3"-like suffixes for parts
  int node = 0;      // index in the folded graph
  std::string kind;  // "conv", "depthwise", "pool", "sum", "copy", "convert", "hswish", ...
  Engine engine = Engine::nce;
  Shape input, output;  // of this part; the NCE's input with its channels rounded up, its output
                        // with junk rows
  int64_t input_bytes = 0, output_bytes = 0;  // all input tensors; without row padding
  Place input_place = Place::ddr, output_place = Place::ddr;
  int shaves = 0;
  bool in_shadow = false;  // runs beside an NCE stage
  int host = -1;           // index of that NCE stage
  int64_t macs = 0;        // of a convolution on SHAVEs
  // NCE only
  int mode = 0;  // 0..4, 2^mode channels an input block
  int descriptors = 0;
  int extended_channels = 0;  // input channels rounded up to the mode's block
  int64_t cycles_per_pixel = 0;
  int64_t output_pixels = 0;  // computed ones (x4 before a fused 2x2 pooling)
  int64_t weight_bytes = 0;   // with the zeros of depthwise groups

  int64_t cycles() const { return cycles_per_pixel * output_pixels; }
};

// The compiler's name for the stage's operation: "MyriadXHwOp", "Copy", "Convert", "Sum", ...
const char* compiler_type(const Stage& stage);

struct Mapping {
  Resources resources;
  Graph graph;                // folded, the one that Stage::node refers to
  std::vector<Stage> stages;  // in order of execution, a stage in the shadow behind its host
};

// How the result leaves the chip; fp32 costs a conversion.
enum class Precision { fp16, fp32 };

// Folds the graph first. Throws Error naming the node for a graph that the MyriadX cannot run.
Mapping map(const Graph& graph, const Resources& resources, Precision output = Precision::fp16);

// Sums over a mapping, for reports and comparisons.
struct Totals {
  int nce = 0, shave = 0, dma = 0, dma_in_shadow = 0;
  int64_t descriptors = 0, nce_cycles = 0;  // cycles without pooling
  int stages() const { return nce + shave + dma; }
};
Totals totals(const Mapping& mapping);

}  // namespace vpunas::myriadx
