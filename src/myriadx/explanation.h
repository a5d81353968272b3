// What a network costs on the MyriadX, and why, as the JSON of docs/formats.md
// (vpunas.explain/2): every stage, every layer, shares, traffic.
#pragma once

#include "base/files.h"
#include "myriadx/mapping.h"
#include "myriadx/time.h"

namespace vpunas::myriadx {

// What the compiler calls a stage: "CONV", "CONV_POOL" and "POOL" on the NCE, "Convert", "HSwish",
// "Copy" elsewhere.
std::string operation(const Stage& stage);
const char* engine_name(Engine engine);  // "NCE", "SHAVE", "DMA"
const char* place_name(Place place);     // "CMX", "DDR"
const char* mode_name(int mode);         // "1_256" .. "16_16"

Json explanation(const Mapping& mapping, const TimeModel& model);

}  // namespace vpunas::myriadx
