// Training of a supernet's shared weights: once for any number of budgets and strategies.
#pragma once

#include <filesystem>
#include <string>

#include "base/compute_cost.h"
#include "data/loader.h"
#include "learn/supernet.h"
#include "training/process_group.h"
#include "training/supernet_config.h"

namespace vpunas {

// One candidate a slot for weight step `step`: over every window of n steps a slot with n
// candidates draws each once (strict fairness, FairNAS, arXiv:1907.01845, section 3.3), in an order
// of its own. Of alike slots that may be skipped the later ones then take the skips (canonical()).
Choice fair_choice(const SearchSpace& space, uint64_t seed, int64_t step);

struct SharedWeights {
  Supernet supernet;  // its parameters need no gradients
  ComputeCost cost;
  std::string key;  // of the work: space, images, settings, seed
};

// Single-path steps on fair_choice(), to the end of their schedule: choices made before it agree
// less with what networks reach when trained alone. Saves a checkpoint every ten seconds, when
// stopped and at the end, and continues from one: a resumed training gives the weights of an
// unbroken one bit for bit. Throws Interrupted, and Error where the loss is not finite. `name` is
// that of the images. Processes of `group` work as in train(); the first alone keeps the result.
SharedWeights train_supernet(const SearchSpace& space, const Preprocess& preprocess,
                             const ImageSet& images, const std::string& name,
                             const Augmentation& augmentation, const SupernetConfig& config,
                             uint64_t seed, int workers, const std::filesystem::path& checkpoint,
                             const Work& work, const ProcessGroup& group = {});

}  // namespace vpunas
