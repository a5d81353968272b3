// What a run's long work leaves of its course.
#pragma once

#include <filesystem>

#include "base/progress.h"

namespace vpunas {

// `work` whose metrics are also kept in `folder`: as lines of history.jsonl, as scalars for
// TensorBoard, and those of training ("epoch") as rows of summary.csv. Steps that a killed process
// had reached and a later one takes again stand twice in history.jsonl, once in the others.
Work recorded(const Work& work, const std::filesystem::path& folder);

}  // namespace vpunas
