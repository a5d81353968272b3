// Training of one network.
#pragma once

#include <filesystem>

#include "training/process_group.h"
#include "training/train.h"

namespace vpunas {

// Throws Error where TrainJob::cuda_graphs are not to be had, as a training would.
void check_cuda_graphs();

// Trains by the recipe, from random weights of the seed or from given ones. Saves a checkpoint
// every config.checkpoint_seconds and when stopped, and continues from one that is there: a resumed
// training gives the weights of an unbroken one bit for bit (same machine and threads).
//
// The loss is cross-entropy, with a teacher (1 - d) of it and d T^2 KL(teacher || student) of
// softmax(logits / T) (arXiv:1503.02531, section 2). Blocks ("features.N") learn at
// layer_decay^(last - N) of the rate, what follows them at the whole of it.
//
// The processes of `group` share every batch evenly; batch norm takes its statistics of a process's
// part, and the first process's running ones are kept. That one alone writes, evaluates and
// reports, and only its result means something.
//
// Images of another size than the graph's input are scaled to it.
//
// Throws Interrupted when `work.stop` is requested, Diverged, and Error where weights do not fit.
TrainResult train(const TrainJob& job, const Dataset& data, const std::filesystem::path& checkpoint,
                  const Work& work, const ProcessGroup& group = {});

}  // namespace vpunas
