// Stages -> milliseconds, and the built-in device MYRIADX. The model and its sources:
// docs/myriadx.md, "Time".
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "latency/latency.h"
#include "myriadx/mapping.h"

namespace vpunas::myriadx {

// What a time is of. throughput: one of two streams that run side by side (2000 / FPS); latency:
// one request at a time; profile: stages as the chip's own profiler tells them for a layer that
// runs alone, without what lies between stages.
enum class Regime { throughput, latency, profile };
const std::string& regime_name(Regime regime);
Regime parse_regime(const std::string& name);  // throws Error

// The model in one regime. A stage costs stage_us, in a shadow or not, and
//   NCE:   max(cycles / clock, weights / weight_gb_s + descriptors * input / input_gb_s)
//   SHAVE: max((bytes in + bytes out) / shave_gb_s, MACs / (SHAVEs * shave_macs * clock))
//   DMA:   nothing more
// where only convolutions have MACs, and the NCE computes rows rounded up to pixel_step pixels and
// reads its input again for every descriptor if that lies in DDR, in rows rounded up to
// burst_bytes; a pooling reads it once. In the shadow of an NCE stage a stage costs, beside
// stage_us, what it takes longer than its host. A network costs host_ms once.
//
// Nobody measured convolutions on SHAVEs: shave_macs comes from another chip, so a network's
// interval reaches from what they take at its `high` to what they take at its `low`.
struct PerCycle {  // MACs a cycle of one SHAVE
  double value = 1, low = 1, high = 1;
};
struct TimeModel {
  Regime regime = Regime::throughput;
  double clock_mhz = 0;
  double weight_gb_s = 0;
  double input_gb_s = 0;
  double stage_us = 0;
  double shave_gb_s = 0;
  PerCycle shave_macs, shave_depthwise_macs;
  double host_ms = 0;
  int pixel_step = 1;
  int burst_bytes = 1;
  // Standard deviations of the relative error of an unseen network: its own, and what it shares
  // with its family.
  double network_error = 0, family_error = 0;
  std::string version;
};
// Schema vpunas.myriadx/2, which has every constant's source and interval. Throws Error naming the
// constant that is missing or makes no sense.
TimeModel read_time_model(const std::filesystem::path& path, Regime regime = Regime::throughput);

// Milliseconds of every stage, in order.
std::vector<double> stage_ms(const Mapping& mapping, const TimeModel& model);

// The time of a network with its 90 % interval.
Latency total_ms(const Mapping& mapping, const TimeModel& model);

// a - b with its 90 % interval, which is what decides between two networks. The error of a family
// moves both alike; the networks' own errors concern only the stages that they do not share:
//   variance = network_error^2 (own_a^2 + own_b^2) + family_error^2 (a - b)^2
Latency difference_ms(const Mapping& a, const Mapping& b, const TimeModel& model);

// MYRIADX as a LatencyFn, for networks compiled for two streams, the compiler's default, with a
// result in FP32: the model of every regime was fitted to that.
LatencyFn latency_fn(const TimeModel& model);

}  // namespace vpunas::myriadx
