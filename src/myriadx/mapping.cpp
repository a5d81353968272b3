#include "myriadx/mapping.h"

#include <algorithm>

#include "arch/weights.h"
#include "base/error.h"
#include "myriadx/lowering.h"

namespace vpunas::myriadx {
namespace {

// Fills what only the finished program knows: shapes, bytes, places.
Stage finish_stage(const Program& program, Step& step) {
  Stage stage = std::move(step.stage);
  const Tensor& input = program.tensors[size_t(step.inputs[0])];
  const Tensor& output = program.tensors[size_t(step.outputs[0])];
  stage.input = input.shape;
  stage.output = output.shape;
  for (const int t : step.inputs) stage.input_bytes += program.tensors[size_t(t)].payload();
  stage.output_bytes = output.payload();
  stage.input_place = input.place;
  stage.output_place = output.place;
  return stage;
}

std::vector<Stage> executed_stages(Program& program) {
  std::vector<Stage> stages;
  for (const int index : program.order()) {
    Step& step = program.steps[size_t(index)];
    if (!step.executes()) continue;
    stages.push_back(finish_stage(program, step));
    if (step.injected < 0) continue;
    Stage shadow = finish_stage(program, program.steps[size_t(step.injected)]);
    shadow.in_shadow = true;
    shadow.host = int(stages.size()) - 1;
    stages.push_back(std::move(shadow));
  }
  return stages;
}

}  // namespace

const char* compiler_type(const Stage& stage) {
  static constexpr std::pair<const char*, const char*> kTypes[] = {{"bias", "Bias"},
                                                                   {"bias_relu", "BiasRelu"},
                                                                   {"clamp", "Clamp"},
                                                                   {"convert", "Convert"},
                                                                   {"hswish", "HSwish"},
                                                                   {"interp", "Interp"},
                                                                   {"leaky_relu", "LeakyRelu"},
                                                                   {"lrn", "LRN"},
                                                                   {"min", "Min"},
                                                                   {"pad", "Pad"},
                                                                   {"permute", "Permute"},
                                                                   {"power", "Power"},
                                                                   {"prelu", "PRelu"},
                                                                   {"prod", "Prod"},
                                                                   {"reduce_mean", "ReduceMean"},
                                                                   {"relu", "Relu"},
                                                                   {"resample", "Resample"},
                                                                   {"scale_shift", "ScaleShift"},
                                                                   {"shave_avg_pool", "AvgPool"},
                                                                   {"shave_conv", "Conv"},
                                                                   {"shave_depthwise", "DepthConv"},
                                                                   {"shave_max_pool", "MaxPool"},
                                                                   {"sigmoid", "Sigmoid"},
                                                                   {"softmax", "SoftMax"},
                                                                   {"sum", "Sum"},
                                                                   {"swish", "Swish"}};
  if (stage.engine == Engine::nce) return "MyriadXHwOp";
  if (stage.engine == Engine::dma) return "Copy";
  for (const auto& [kind, type] : kTypes)
    if (stage.kind == kind) return type;
  return "";
}

Resources resources(int streams, int shaves, int cmx_slices) {
  constexpr int kShaves = 16, kSlices = 19;
  static constexpr Resources kDefaults[] = {{1, 16, 19}, {2, 7, 9}, {3, 4, 6}};
  if (streams < 1 || streams > 3) fail("MyriadX streams must be 1, 2 or 3, not ", streams);
  if (shaves == 0 && cmx_slices == 0) return kDefaults[streams - 1];
  if (shaves == 0 || cmx_slices == 0) fail("MyriadX SHAVEs and CMX slices must be given together");
  const int most_shaves = kShaves / streams, most_slices = kSlices / streams;
  if (shaves < 1 || shaves > most_shaves)
    fail("MyriadX SHAVEs for each of ", streams, " streams must be 1 to ", most_shaves, ", not ",
         shaves);
  if (cmx_slices < shaves || cmx_slices > most_slices)
    fail("MyriadX CMX slices for each of ", streams, " streams must be ", shaves,
         " (one for each SHAVE) to ", most_slices, ", not ", cmx_slices);
  return {streams, shaves, cmx_slices};
}

Mapping map(const Graph& graph, const Resources& resources, Precision output) {
  if (graph.nodes.size() < 2)
    fail("network ", graph.name, ": has no layers, so there is nothing to map");
  Mapping mapping{resources, fold(graph), {}};
  try {
    const Rewritten rewritten = move_into_branches(mapping.graph);
    Program program = lower(rewritten.graph, resources, output);
    settle_strides(program);
    place(program, resources);
    mapping.stages = executed_stages(program);
    for (Stage& stage : mapping.stages) stage.node = rewritten.origin[size_t(stage.node)];
  } catch (const Error& error) {
    fail("network ", graph.name, ": ", error.what());
  }
  return mapping;
}

Totals totals(const Mapping& mapping) {
  Totals sum;
  for (const Stage& stage : mapping.stages) {
    sum.nce += stage.engine == Engine::nce;
    sum.shave += stage.engine == Engine::shave;
    sum.dma += stage.engine == Engine::dma;
    sum.dma_in_shadow += stage.engine == Engine::dma && stage.in_shadow;
    sum.descriptors += stage.descriptors;
    if (stage.weight_bytes > 0) sum.nce_cycles += stage.cycles();
  }
  return sum;
}

}  // namespace vpunas::myriadx
