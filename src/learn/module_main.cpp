// The module's one symbol: what it does, for training/module.h.
#include "base/files.h"
#include "learn/connect.h"
#include "learn/evaluate.h"
#include "learn/fp16_range.h"
#include "learn/runtime.h"
#include "learn/search_trainer.h"
#include "learn/train.h"
#include "training/module.h"

extern "C" const vpunas::TrainingModule* vpunas_training_module() {
  using namespace vpunas;
  static const std::string version = vpunas::version();
  static const TrainingModule module{.version = version.c_str(),
                                     .set_threads = set_threads,
                                     .choose_device = choose_device,
                                     .check_cuda_graphs = check_cuda_graphs,
                                     .connect = connect,
                                     .train = train,
                                     .evaluate = evaluate,
                                     .logits = logits,
                                     .largest_activation = largest_activation,
                                     .make_search_trainer = make_search_trainer,
                                     .follow_search = follow_search};
  return &module;
}
