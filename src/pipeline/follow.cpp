#include "pipeline/stages.h"
#include "training/module.h"

namespace vpunas {
void follow(const Config& config, const ProcessGroup& group, const Work& work) {
  StageInputs in(nullptr, config, group, work);
  for (;;) {
    const Json told = Json::parse(in.group().broadcast(""));
    const std::string what = told.at("do");
    if (what == "end") return;
    if (what == "search") {
      in.training().follow_search(search_training(in, {}), in.work(), in.group());
    } else {
      Graph graph = in.trained(architecture_from_json(told.at("network"), "the leading process"));
      graph.name = told.at("name");
      in.training().train(train_job(in, graph), in.train_data(), {}, in.work(), in.group());
    }
  }
}

}  // namespace vpunas
