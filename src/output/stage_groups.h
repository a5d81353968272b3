// What the time of a MyriadX stage (of vpunas.explain/2) is booked under in pictures.
#pragma once

#include "base/files.h"

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
StageGroup group_of(const Json& stage);

}  // namespace vpunas
