// Small random spaces with all of their choices, for comparison with brute force.
#pragma once

#include <numeric>
#include <vector>

#include "arch/space.h"
#include "base/random.h"
#include "latency/table.h"

namespace vpunas::test {

inline double total(const std::vector<double>& ms) {
  return std::accumulate(ms.begin(), ms.end(), 0.0);
}

inline BlockSpec random_block(Random& random, int stride) {
  const BlockKind kinds[] = {BlockKind::mbconv, BlockKind::fused_mbconv, BlockKind::conv,
                             BlockKind::residual};
  BlockSpec block;
  block.kind = kinds[random.below(4)];
  block.kernel = random.below(2) ? 3 : 5;
  block.expansion = random.below(2) ? 2 : 3;
  block.out_channels = 8 * static_cast<int>(random.below(4));  // 0: as its input
  block.stride = stride;
  return block;
}

// 2-5 slots of 1-4 candidates; widths vary inside of a slot or follow the input, skips stand in
// slots of stride 1.
inline SearchSpace random_space(Random& random) {
  SearchSpace space;
  space.name = "small";
  space.input = {3, 32, 32};
  space.classes = 10;
  space.stem.channels = 8;
  space.head.channels = 32;
  const int64_t slots = 2 + random.below(4);
  for (int64_t i = 0; i < slots; ++i) {
    const int stride = random.below(3) == 0 ? 2 : 1;
    Slot slot;
    const int64_t candidates = 1 + random.below(4);
    for (int64_t j = 0; j < candidates; ++j)
      slot.candidates.push_back(random_block(random, stride));
    if (stride == 1 && random.below(2)) slot.candidates.push_back({.kind = BlockKind::skip});
    space.slots.push_back(slot);
  }
  return space;
}

// Some of these offer two inputs, apart also behind six strides of 2.
inline SearchSpace random_space_of_inputs(Random& random) {
  const SearchSpace space = random_space(random);
  return random.below(3) == 0 ? with_inputs(space, {64, 128}) : space;
}

inline std::vector<Choice> all_choices(const SearchSpace& space) {
  std::vector<Choice> choices = {{}};
  for (const Slot& slot : space.slots) {
    std::vector<Choice> longer;
    for (const Choice& choice : choices) {
      for (size_t j = 0; j < slot.size(); ++j) {
        longer.push_back(choice);
        longer.back().push_back(static_cast<int>(j));
      }
    }
    choices = std::move(longer);
  }
  return choices;
}

inline Shape last_shape(const SearchSpace& space, const Choice& choice) {
  Shape shape = stem_shape(space.stem, space.input);
  for (size_t i = 0; i < choice.size(); ++i) shape = shape_behind(space, i, choice[i], shape);
  return shape;
}

inline Latency random_latency(Random& random) {
  const double ms = 0.1 + random.uniform();
  return {ms, 0.9 * ms, 1.2 * ms};
}

inline LatencyTable random_table(const SearchSpace& space, Random& random) {
  LatencyTable table{{"TEST", "1", Mode::latency, "FP32", 3, "2026-01-01T00:00:00Z"},
                     space.name,
                     space_hash(space),
                     {},
                     {}};
  for (const PlacedBlock& place : placed_blocks(space))
    table.blocks[place] = random_latency(random);
  for (const Choice& choice : all_choices(space)) {
    const Shape shape = last_shape(space, choice);
    if (!table.ends.contains(shape)) table.ends[shape] = random_latency(random);
  }
  return table;
}

// Takes some blocks out of the table, as of a device that cannot run them.
inline void drop_some_blocks(LatencyTable& table, Random& random) {
  std::erase_if(table.blocks, [&](const auto&) { return random.below(5) == 0; });
}

// The block and end costs of a choice, empty where the table lacks one.
inline std::vector<double> costs(const SearchSpace& space, const LatencyTable& table,
                                 const Choice& choice) {
  std::vector<double> ms;
  Shape shape = stem_shape(space.stem, space.input);
  for (size_t i = 0; i < choice.size(); ++i) {
    const BlockSpec* block = block_of(space.slots[i], choice[i]);
    if (block && has_layers(*block)) {
      const auto found = table.blocks.find({placed(*block, shape), shape});
      if (found == table.blocks.end()) return {};
      ms.push_back(found->second.ms);
    }
    shape = shape_behind(space, i, choice[i], shape);
  }
  ms.push_back(table.ends.at(shape).ms);
  return ms;
}

}  // namespace vpunas::test
