// Training and evaluation by libtorch, in a module that is loaded when it is first asked for:
// loading takes half a second, and most verbs need none of it.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "data/dataset.h"
#include "search/trainer.h"
#include "training/evaluate.h"
#include "training/process_group.h"
#include "training/search_training.h"

namespace vpunas {

// What the module does; the functions are those of src/learn, which document them.
struct TrainingModule {
  const char* version;  // of the program that it was built with
  void (*set_threads)(int threads);
  std::string (*choose_device)(const std::string& wanted, int index);
  void (*check_cuda_graphs)();
  ProcessGroup (*connect)(const Place& place, const std::stop_token& stop);
  TrainResult (*train)(const TrainJob& job, const Dataset& data,
                       const std::filesystem::path& checkpoint, const Work& work,
                       const ProcessGroup& group);
  Evaluation (*evaluate)(const Graph& graph, const Weights& weights, const ImageSet& images,
                         int batch_size);
  std::vector<float> (*logits)(const Graph& graph, const Weights& weights, const ImageSet& images,
                               int batch_size);
  LargestActivation (*largest_activation)(const Graph& graph, const Weights& weights,
                                          const ImageSet& images);
  std::unique_ptr<Trainer> (*make_search_trainer)(const SearchTraining& training, const Work& work,
                                                  const ProcessGroup& group);
  void (*follow_search)(const SearchTraining& training, const Work& work,
                        const ProcessGroup& group);
};

// Images that pass together where nothing is said.
inline constexpr int usual_batch = 256;

// Loads libvpunas_learn.so, from beside the program or from where it is installed. Throws Error
// where it or libtorch is not there, or it is of another version.
const TrainingModule& training_module();

// The libtorch that the module was built with, as "libtorch 2.13.0"; "without libtorch".
std::string training_library();

}  // namespace vpunas
