// Stages -> milliseconds, and the built-in device MYRIADX.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "latency/latency.h"
#include "myriadx/mapping.h"

namespace vpunas::myriadx {

// Constants of the fit (docs/myriadx.md section 7), read from data/myriadx.json.
struct TimeModel {
  double clock_mhz = 0;
  double weight_gb_s = 0;   // weights from DDR
  double input_gb_s = 0;    // a convolution's input or output in DDR, read again for every descriptor
  double stage_us = 0;      // fixed cost of an executed stage
  double sum_gb_s = 0;      // SHAVE Sum and Prod
  double shave_gb_s = 0;    // other SHAVE stages
  double host_ms = 0;       // once a network
  double error_share = 0;   // half-width of the 90 % interval as a share of the prediction
  std::string version;
};
TimeModel read_time_model(const std::filesystem::path& path);  // schema vpunas.myriadx/1

// Milliseconds of every stage (in_shadow stages: only what exceeds their host), in order.
std::vector<double> stage_ms(const Mapping& mapping, const TimeModel& model);

Latency total_ms(const Mapping& mapping, const TimeModel& model);

// MYRIADX as a LatencyFn: throughput mode prices one of two streams, latency mode a single stream.
LatencyFn latency_fn(const TimeModel& model, Mode mode);

// Cost by node of the original network, for explain and the report.
struct NodeCost {
  std::string node;      // the node's name
  int stages = 0, nce_stages = 0, shave_stages = 0, dma_stages = 0;
  double ms = 0;
  double nce_mcycles = 0;
};
std::vector<NodeCost> explain(const Mapping& mapping, const TimeModel& model);

}  // namespace vpunas::myriadx
