// CMX, the fast memory of the NCE and the SHAVEs, while a program runs.
#pragma once

#include <vector>

#include "myriadx/program.h"

namespace vpunas::myriadx {

// What is allocated between two steps: a stack of blocks with holes.
struct CmxState {
  struct Block {
    int tensor;  // the outermost parent
    int users;   // reads still to come
    int64_t offset, size;
    bool operator==(const Block&) const = default;
  };
  struct Hole {
    int64_t offset, size;
    bool operator==(const Hole&) const = default;
  };
  std::vector<Block> blocks;
  std::vector<Hole> holes;
  int64_t end = 0;
  bool operator==(const CmxState&) const = default;
};

// Runs a step and its shadow: allocates what they write in CMX and frees what nobody reads any
// more. Returns the SHAVEs that are free while it runs, -1 where it cannot get its outputs or
// SHAVEs.
int run_step(const Program& program, const Resources& resources, int step, CmxState& state);

}  // namespace vpunas::myriadx
