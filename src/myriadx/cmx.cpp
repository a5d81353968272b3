#include "myriadx/cmx.h"

#include <algorithm>

namespace vpunas::myriadx {
namespace {

constexpr int64_t kSlice = 131072;
constexpr int64_t kAlignment = 64;

using Block = CmxState::Block;
using Hole = CmxState::Hole;

std::vector<Block>::iterator find_block(CmxState& state, int tensor) {
  return std::find_if(state.blocks.begin(), state.blocks.end(),
                      [&](const Block& b) { return b.tensor == tensor; });
}

// Edges that read the tensor or a view of it.
int count_users(const Program& program, int tensor) {
  const Tensor& t = program.tensors[size_t(tensor)];
  int users = int(t.consumers.size());
  for (const int child : t.children) users += count_users(program, child);
  return users;
}

// A block takes the end of the smallest hole that holds it, else the top of the stack; -1 where
// neither has room.
int64_t allocate(CmxState& state, int64_t size, int64_t limit) {
  auto best = state.holes.end();
  for (auto hole = state.holes.begin(); hole != state.holes.end(); ++hole) {
    if (hole->size >= size && (best == state.holes.end() || hole->size < best->size)) best = hole;
  }
  if (best != state.holes.end()) {
    best->size -= size;
    const int64_t offset = best->offset + best->size;
    if (best->size == 0) state.holes.erase(best);
    return offset;
  }
  if (state.end + size > limit) return -1;
  state.end += size;
  return state.end - size;
}

void free(CmxState& state, Hole hole) {
  for (auto other = state.holes.begin(); other != state.holes.end();) {
    const bool touches =
        hole.offset + hole.size == other->offset || other->offset + other->size == hole.offset;
    if (!touches) {
      ++other;
      continue;
    }
    hole = {std::min(hole.offset, other->offset), hole.size + other->size};
    state.holes.erase(other);
    other = state.holes.begin();
  }
  if (hole.offset + hole.size == state.end) {
    state.end = hole.offset;
  } else {
    state.holes.push_back(hole);
  }
}

bool write(const Program& program, const Step& step, int64_t limit, CmxState& state) {
  for (const int output : step.outputs) {
    if (program.tensors[size_t(output)].place != Place::cmx) continue;
    const int top = program.top(output);
    if (find_block(state, top) != state.blocks.end()) continue;
    const int64_t size =
        (program.tensors[size_t(top)].bytes() + kAlignment - 1) / kAlignment * kAlignment;
    const int64_t offset = allocate(state, size, limit);
    if (offset < 0) return false;
    state.blocks.push_back({top, count_users(program, top), offset, size});
  }
  return true;
}

void release(const Program& program, const Step& step, CmxState& state) {
  for (const int input : step.inputs) {
    if (program.tensors[size_t(input)].place != Place::cmx) continue;
    const auto block = find_block(state, program.top(input));
    if (block == state.blocks.end() || --block->users > 0) continue;
    const Hole hole{block->offset, block->size};
    state.blocks.erase(block);
    free(state, hole);
  }
}

// A running SHAVE needs a slice of its own.
int free_shaves(const CmxState& state, const Resources& resources) {
  return int(std::min<int64_t>(resources.cmx_slices - (state.end + kSlice - 1) / kSlice,
                               resources.shaves));
}

}  // namespace

int run_step(const Program& program, const Resources& resources, int index, CmxState& state) {
  const Step& step = program.steps[size_t(index)];
  const Step* shadow = step.injected >= 0 ? &program.steps[size_t(step.injected)] : nullptr;
  const Shaves wanted = shadow ? std::max(step.shaves, shadow->shaves) : step.shaves;
  int64_t limit = resources.cmx_bytes();
  int shaves = resources.shaves;
  if (wanted == Shaves::all) {
    if (free_shaves(state, resources) < shaves) return -1;
    limit -= shaves * kSlice;
  }
  if (!write(program, step, limit, state) || (shadow && !write(program, *shadow, limit, state)))
    return -1;
  if (wanted != Shaves::all) shaves = free_shaves(state, resources);
  if (wanted != Shaves::none && shaves <= 0) return -1;
  release(program, step, state);
  if (shadow) release(program, *shadow, state);
  return shaves;
}

}  // namespace vpunas::myriadx
