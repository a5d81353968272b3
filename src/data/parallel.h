// Long work on many images, on all processors.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/progress.h"

namespace vpunas {

// Calls each(i) for every i in [0, count), from several threads, and reports `what` through `work`
// from this one. Throws what the lowest i that failed threw, so that the error is always the same,
// and Interrupted when asked to stop.
void parallel_for(int64_t count, const std::string& what, const Work& work,
                  const std::function<void(int64_t)>& each);

}  // namespace vpunas
