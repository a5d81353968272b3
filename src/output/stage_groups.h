// What the time of a MyriadX stage (of vpunas.explain/2) is booked under in pictures.
#pragma once

#include "output/figures.h"

namespace vpunas {

enum StageGroup { depthwise, convolution, pooling, shave, dma, host, stage_groups };
struct GroupStyle {
  const char* css;
  const char* name;
};
inline constexpr GroupStyle kStageGroups[stage_groups] = {{"k0", "depthwise convolution"},
                                                          {"k1", "other convolution"},
                                                          {"k4", "pooling"},
                                                          {"k2", "SHAVE"},
                                                          {"k3", "DMA copy"},
                                                          {"k5", "host"}};

// Never host: that is what no stage owns.
inline StageGroup group_of(const Json& stage) {
  const std::string engine = text(at(stage, "engine"));
  if (engine == "SHAVE") return shave;
  if (engine == "DMA") return dma;
  if (text(at(stage, "op")) == "POOL") return pooling;
  return text(at(stage, "kind")) == "depthwise" ? depthwise : convolution;
}

}  // namespace vpunas
