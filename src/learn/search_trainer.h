// The other side of a search's doors (search/trainer.h): supernets and networks trained by
// libtorch.
#pragma once

#include <filesystem>

#include "learn/supernet_config.h"
#include "learn/train.h"
#include "search/trainer.h"

namespace vpunas {

// What a search trains with. All of it must stay as long as the trainer does.
struct SearchTraining {
  const SearchSpace& space;  // at training size
  const Preprocess& preprocess;
  const Dataset& data;
  const Augmentation& augmentation;
  const SupernetConfig& supernet;
  const TrainConfig& alone;  // the recipe of networks trained alone, but for their epochs
  uint64_t seed = 1;
  int workers = 1;                           // threads that load images
  std::filesystem::path supernet_file = {};  // the checkpoint and result of the shared weights
};

// Processes of `group`, which must stay, share the training of the supernet; the first one does the
// rest.
std::unique_ptr<Trainer> make_search_trainer(const SearchTraining& training, const Work& work,
                                             const ProcessGroup& group);

// What the processes do that do not lead: their part of the supernet's training.
void follow_search(const SearchTraining& training, const Work& work, const ProcessGroup& group);

}  // namespace vpunas
