// Training of a supernet's shared weights: once for any number of choices.
#pragma once

#include <filesystem>

#include "data/loader.h"
#include "learn/cost.h"
#include "learn/search_config.h"
#include "learn/supernet.h"

namespace vpunas {

struct SharedWeights {
  Supernet supernet;  // its parameters need no gradients
  Cost cost;
  std::string key;  // of the work: space, images, settings, seed
};

// Single-path steps in which every candidate of a slot is drawn equally often (FairNAS,
// arXiv:1907.01845, strict fairness over every window of steps), to the end of their schedule:
// choices made before it agree less with what networks reach when trained alone. Saves a checkpoint
// every ten seconds, when stopped and at the end, and continues from one: a resumed training gives
// the weights of an unbroken one bit for bit. Throws Interrupted, and Error where the loss is not
// finite. `name` is that of the images. Processes of `group` work as in train(); the first alone
// keeps the result.
SharedWeights train_shared_weights(const SearchSpace& space, const Preprocess& preprocess,
                                   const ImageSet& images, const std::string& name,
                                   const Augmentation& augmentation,
                                   const SharedWeightsConfig& config, uint64_t seed, int workers,
                                   const std::filesystem::path& checkpoint, const Work& work,
                                   const ProcessGroup& group = {});

}  // namespace vpunas
