// Mistakes in a run's settings that would otherwise show in a later stage, hours into the work.
#pragma once

#include "pipeline/config.h"

namespace vpunas {

// Throws Error naming the setting: budgets, space, images, networks and weights that are not there,
// or a .blob without Intel's compiler. Opens small files alone and measures nothing, so it may be
// asked before anything of an older run is discarded.
void check_settings(const Config& config);

}  // namespace vpunas
