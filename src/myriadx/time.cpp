#include "myriadx/time.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"

namespace vpunas::myriadx {
namespace {

// Bytes over GB/s, and cycles over MHz, as milliseconds.
double transfer_ms(double bytes, double gb_s) { return bytes / (gb_s * 1e6); }
double compute_ms(double cycles, double mhz) { return cycles / (mhz * 1e3); }

bool pools(const Stage& stage) { return stage.weight_bytes == 0; }

// The engine computes while weights stream in; an input in DDR is read again for every descriptor.
double nce_ms(const Stage& stage, const TimeModel& model) {
  const double reads = pools(stage) ? 1 : double(stage.descriptors);
  const double input = stage.input_place == Place::ddr ? reads * double(stage.input_bytes) : 0;
  const double output = stage.output_place == Place::ddr ? double(stage.output_bytes) : 0;
  const double memory = transfer_ms(double(stage.weight_bytes), model.weight_gb_s) +
                        transfer_ms(input + output, model.input_gb_s);
  return std::max(compute_ms(double(stage.cycles()), model.clock_mhz), memory);
}

double shave_ms(const Stage& stage, const TimeModel& model) {
  return transfer_ms(double(stage.input_bytes + stage.output_bytes), model.shave_gb_s);
}

double own_ms(const Stage& stage, const TimeModel& model) {
  switch (stage.engine) {
    case Engine::nce:
      return nce_ms(stage, model) + model.stage_us / 1e3;
    case Engine::shave:
      return shave_ms(stage, model) + model.stage_us / 1e3;
    case Engine::dma:
      return model.stage_us / 1e3;
  }
  return 0;
}

// A stage in the shadow of the NCE costs what it takes longer than its host.
double shadow_ms(const Stage& stage, double host_ms, const TimeModel& model) {
  return stage.engine == Engine::shave ? std::max(0.0, shave_ms(stage, model) - host_ms) : 0;
}

// A constant of the model, with its interval and source checked to be there.
double constant(const Json& constants, const char* name, const std::string& where) {
  const Json entry = json_get<Json>(constants, name, where);
  const std::string at = cat(where, ".", name);
  const double value = json_get<double>(entry, "value", at);
  const double low = json_get<double>(entry, "low", at), high = json_get<double>(entry, "high", at);
  json_get<std::string>(entry, "unit", at);
  json_get<std::string>(entry, "source", at);
  if (!(value > 0) || !(low <= value && value <= high))
    fail(at, ": value must be above 0 and within low and high");
  return value;
}

}  // namespace

TimeModel read_time_model(const std::filesystem::path& path) {
  const Json json = read_json(path, "vpunas.myriadx/1");
  const std::string where = path.string() + ": constants";
  const Json constants = json_get<Json>(json, "constants", path.string());
  TimeModel model;
  model.version = json_get<std::string>(json, "version", path.string());
  model.clock_mhz = constant(constants, "clock_mhz", where);
  model.weight_gb_s = constant(constants, "weight_gb_s", where);
  model.input_gb_s = constant(constants, "input_gb_s", where);
  model.stage_us = constant(constants, "stage_us", where);
  model.shave_gb_s = constant(constants, "shave_gb_s", where);
  model.host_ms = constant(constants, "host_ms", where);
  model.error_share = constant(constants, "error_share", where);
  if (model.error_share >= 1) fail(where, ".error_share: must be below 1");
  return model;
}

std::vector<double> stage_ms(const Mapping& mapping, const TimeModel& model) {
  std::vector<double> ms;
  ms.reserve(mapping.stages.size());
  for (const Stage& stage : mapping.stages) {
    ms.push_back(stage.in_shadow ? shadow_ms(stage, ms[size_t(stage.host)], model)
                                 : own_ms(stage, model));
  }
  return ms;
}

Latency total_ms(const Mapping& mapping, const TimeModel& model) {
  double ms = model.host_ms;
  for (const double stage : stage_ms(mapping, model)) ms += stage;
  return {ms, ms * (1 - model.error_share), ms * (1 + model.error_share)};
}

LatencyFn latency_fn(const TimeModel& model, Mode mode) {
  const Resources chip = resources(mode == Mode::throughput ? 2 : 1);
  return [model, chip](const Graph& graph) -> std::optional<Latency> {
    try {
      return total_ms(map(graph, chip), model);
    } catch (const Error&) {
      return std::nullopt;  // the chip cannot run it
    }
  };
}

}  // namespace vpunas::myriadx
