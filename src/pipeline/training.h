// Training a network of a run into its folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "training/process_group.h"
#include "training/train.h"

namespace vpunas {

// Leaves weights.safetensors (those to deliver), best.safetensors, train.json, history.jsonl,
// summary.csv and TensorBoard's event files in `folder`, and until it is done
// checkpoint.safetensors, from which it goes on. The job's graph bears the network's name.
void train_into(const std::filesystem::path& folder, const TrainJob& job, const Dataset& data,
                const Work& work, const ProcessGroup& group);

}  // namespace vpunas
