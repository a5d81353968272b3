#include "pipeline/training.h"

#include "base/text.h"
#include "pipeline/history.h"
#include "pipeline/results.h"
#include "training/module.h"

namespace vpunas {
void train_into(const fs::path& folder, const TrainJob& job, const Dataset& data, const Work& work,
                const ProcessGroup& group) {
  const fs::path checkpoint = folder / "checkpoint.safetensors";
  const std::string& name = job.graph.name;
  const TrainResult result =
      training_module().train(job, data, checkpoint, recorded(work, folder), group);
  const Weights& delivered = job.config.deliver == "best" ? result.best : result.weights;
  const Evaluation validation =
      training_module().evaluate(job.graph, delivered, data.validation, usual_batch);
  const Evaluation test = training_module().evaluate(job.graph, delivered, data.test, usual_batch);
  const std::map<std::string, std::string> about = {{"network", name}, {"format", "pt"}};
  write_safetensors(folder / "weights.safetensors", delivered, about);
  write_safetensors(folder / "best.safetensors", result.best, about);
  write_json(folder / "train.json", "vpunas.train/1",
             {{"network", name},
              {"seed", job.seed},
              {"macs", count_macs(job.graph)},
              {"parameters", count_parameters(job.graph)},
              {"classes", data.classes.size()},
              {"epochs", job.config.epochs},
              {"best_epoch", result.best_epoch},
              {"images_seen", result.images_seen},
              {"seconds", result.seconds},
              {"validation_accuracy", validation.accuracy},
              {"test_accuracy", test.accuracy},
              {"test_loss", test.loss},
              {"test_images", test.images},
              {"curve", to_json(result.curve)}});
  fs::remove(checkpoint);
  work.note("train", cat(name, ": test accuracy ", fixed(100 * test.accuracy, 2), " % after ",
                         result.images_seen, " images in ", duration(result.seconds)));
}

}  // namespace vpunas
