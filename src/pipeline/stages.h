// The stages of a run: each reads the files of those before it and writes its own. The processes of
// a group share training; the first one does the rest, the others follow it.
#pragma once

#include "pipeline/stage_inputs.h"

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

// The stages themselves, a file each (STAGE_stage.cpp); what they write is in docs/formats.md.
// Latency tables of the devices that have budgets.
void profile_stage(StageInputs& in);
// search.json and the architectures.
void search_stage(StageInputs& in);
// train/NAME of networks by their name in the run.
void train_stage(StageInputs& in, const std::vector<std::string>& names);
// export/NAME of the run's networks. Throws Error where one is not trained.
void export_stage(StageInputs& in);
// benchmark.json: networks are measured in turns, so that what disturbs the machine for a while
// disturbs all.
void benchmark_stage(StageInputs& in);
// result.json and report.html.
void report_stage(StageInputs& in);

// What the search and a training are given, for the processes that follow, too.
SearchTraining search_training(StageInputs& in, std::filesystem::path supernet_file);
TrainJob train_job(StageInputs& in, const Graph& graph);

}  // namespace vpunas
