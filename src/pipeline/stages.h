// The stages of a run: each reads the files of those before it and writes its own. The processes of
// a group share training; the first one does the rest, the others follow it.
#pragma once

#include "base/progress.h"
#include "pipeline/run.h"
#include "training/process_group.h"

namespace vpunas {

// Does every stage up to and including `last` that is not done yet, in order.
void run_until(Run& run, Stage last, const ProcessGroup& group, const Work& work);

// Trains `networks` by the run's recipe, search or not, each into train/NAME of its folder: of the
// zoo, of the run ("found", "pareto_1"), or files, as FILE or NAME=FILE. Trained ones are left as
// they are.
void train_networks(Run& run, const std::vector<std::string>& networks, const ProcessGroup& group,
                    const Work& work);

// In a process that another one leads: does its part until that one is done. Started with the same
// configuration; its images may lie elsewhere.
void follow(const Config& config, const ProcessGroup& group, const Work& work);

}  // namespace vpunas
