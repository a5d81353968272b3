// What a search trains with.
#pragma once

#include <filesystem>

#include "arch/space.h"
#include "training/supernet_config.h"
#include "training/train.h"

namespace vpunas {

// All that it refers to must stay as long as the search's trainer does.
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

}  // namespace vpunas
