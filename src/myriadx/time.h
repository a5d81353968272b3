// Stages -> milliseconds, and the built-in device MYRIADX. The model and its sources:
// docs/myriadx.md, "Time".
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "latency/latency.h"
#include "myriadx/mapping.h"

namespace vpunas::myriadx {

// Constants of the model, read from data/myriadx.json. A stage costs stage_us and
//   NCE:   max(cycles / clock, weights / weight_gb_s + (descriptors * input in DDR + output in DDR)
//   / input_gb_s) SHAVE: (bytes in + bytes out) / shave_gb_s DMA:   nothing more
// A stage in the shadow of an NCE stage costs only what it takes longer than that. A network costs
// host_ms once.
struct TimeModel {
  double clock_mhz = 0;
  double weight_gb_s = 0;
  double input_gb_s = 0;
  double stage_us = 0;
  double shave_gb_s = 0;
  double host_ms = 0;
  double error_share =
      0;  // half-width of the 90 % interval of an unseen network as a share of the prediction
  std::string version;
};
// Schema vpunas.myriadx/1. Throws Error naming the constant that is missing or makes no sense.
TimeModel read_time_model(const std::filesystem::path& path);

// Milliseconds of every stage, in order.
std::vector<double> stage_ms(const Mapping& mapping, const TimeModel& model);

Latency total_ms(const Mapping& mapping, const TimeModel& model);

// MYRIADX as a LatencyFn: throughput mode prices one of two streams, latency mode a single stream
// with the whole chip, for which the same constants are an extrapolation.
LatencyFn latency_fn(const TimeModel& model, Mode mode);

}  // namespace vpunas::myriadx
