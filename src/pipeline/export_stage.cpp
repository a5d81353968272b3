#include "base/error.h"
#include "pipeline/export_network.h"
#include "pipeline/stages.h"

namespace vpunas {
void export_stage(StageInputs& in) {
  for (const std::string& name : in.networks()) {
    const Architecture architecture = in.network(name);
    Graph graph = in.deployed(architecture);
    graph.name = name;
    in.training();
    const fs::path weights = in.file("train/" + name + "/weights.safetensors");
    if (!fs::exists(weights))
      fail(weights.string(), ": ", name, " is not trained yet; run `vpunas train` first");
    export_network(architecture, graph, read_safetensors(weights),
                   in.data(graph.input_shape().h).test, in.config().exporting, *in.device(),
                   in.file("export/" + name), in.work());
  }
}

}  // namespace vpunas
