// The stages of a run: each reads the files of those before it and writes its own.
#pragma once

#include "base/progress.h"
#include "pipeline/run.h"

namespace vpunas {

// Does every stage up to and including `last` that is not done yet, in order.
void run_until(Run& run, Stage last, const Work& work);

}  // namespace vpunas
