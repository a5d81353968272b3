#include "output/stage_groups.h"

#include "output/figures.h"

namespace vpunas {

StageGroup group_of(const Json& stage) {
  const std::string engine = text(at(stage, "engine"));
  if (engine == "SHAVE") return shave;
  if (engine == "DMA") return dma;
  if (text(at(stage, "op")) == "POOL") return pooling;
  return text(at(stage, "kind")) == "depthwise" ? depthwise : convolution;
}

}  // namespace vpunas
