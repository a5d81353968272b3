#include "arch/zoo.h"
#include "base/text.h"
#include "pipeline/networks.h"
#include "pipeline/samples.h"
#include "pipeline/stages.h"
#include "pipeline/training.h"

namespace vpunas {
TrainJob train_job(StageInputs& in, const Graph& graph) {
  const TrainConfig& config = in.config().train;
  TrainJob job{.graph = graph,
               .augmentation = in.config().augment,
               .config = config,
               .seed = in.seed(),
               .workers = in.workers(),
               .cuda_graphs = in.cuda_graphs()};
  if (!config.init_from.empty()) {
    const ImportedWeights from = read_weights(
        graph, config.init_from, config.new_head ? Classifier::left_out : Classifier::imported);
    if (!from.left_out.empty()) {
      in.work().note("train", cat(graph.name, ": ", config.init_from, " without its classifier (",
                                  join(from.left_out), "), which starts at random"));
    }
    job.initial = from.weights;
  }
  if (!config.teacher.empty()) {
    Graph teacher = lower(with_input(find_network(config.teacher, data_folder()),
                                     graph.input_shape(), in.spaces().train.classes),
                          in.spaces().preprocess);
    Weights weights = read_weights(teacher, config.teacher_weights).weights;
    job.teacher = {std::move(teacher), std::move(weights)};
  }
  return job;
}

void train_stage(StageInputs& in, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const fs::path folder = in.file("train/" + name);
    const bool trains = !fs::exists(folder / "train.json");
    const bool shows = name == "found" && !fs::exists(folder / "samples.json");
    if (!trains && !shows) continue;
    const Architecture architecture = in.network(name);
    Graph graph = in.trained(architecture);
    graph.name = name;
    if (trains) {
      in.tell({{"do", "train"}, {"name", name}, {"network", to_json(architecture)}});
      in.training();
      train_into(folder, train_job(in, graph), in.train_data(), in.work(), in.group());
    }
    if (shows) {
      in.training();
      write_json(folder / "samples.json", "vpunas.samples/1",
                 samples(graph, read_safetensors(folder / "weights.safetensors"),
                         in.train_data().test, in.train_data().classes));
    }
  }
}

void train_networks(Run& run, const std::vector<std::string>& networks, const ProcessGroup& group,
                    const Work& work) {
  StageInputs in(&run, run.config(), group, work);
  train_stage(in, in.add_networks(networks));
  in.tell({{"do", "end"}});
}

}  // namespace vpunas
