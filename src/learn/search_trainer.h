// The other side of a search's doors (search/trainer.h): supernets and networks trained by
// libtorch.
#pragma once

#include <memory>

#include "search/trainer.h"
#include "training/process_group.h"
#include "training/search_training.h"

namespace vpunas {

// Processes of `group`, which must stay, share the training of the supernet; the first one does the
// rest.
std::unique_ptr<Trainer> make_search_trainer(const SearchTraining& training, const Work& work,
                                             const ProcessGroup& group);

// What the processes do that do not lead: their part of the supernet's training.
void follow_search(const SearchTraining& training, const Work& work, const ProcessGroup& group);

}  // namespace vpunas
