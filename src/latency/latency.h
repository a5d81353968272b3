// Latency as a value, as a function of a network, and as a budget.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "arch/graph.h"

namespace vpunas {

// throughput: several requests in flight; for MYRIADX the time of one of two streams, 2000 / FPS.
// latency: one request at a time.
enum class Mode { throughput, latency };
const char* mode_name(Mode mode);
Mode parse_mode(const std::string& name);

// Milliseconds for one image, and the interval in which the truth is expected (about 90 %).
struct Latency {
  double ms = 0, low_ms = 0, high_ms = 0;
  bool operator==(const Latency&) const = default;
};

// A network's latency on some device; nullopt: the device cannot run it.
using LatencyFn = std::function<std::optional<Latency>(const Graph&)>;

// MACS is a device, too: its "latency" is a network's millions of multiply-accumulates, so that a
// search can keep to them as to a time. Whatever is called ms here is in the device's unit.
inline constexpr const char* macs_device = "MACS";
std::optional<Latency> count_mmacs(const Graph& graph);  // a LatencyFn
const char* unit_of(const std::string& device);          // "ms"; of MACS "MMACs"

// "12.5ms" is a cost on `device` in its unit ("50MMACs" on MACS); "0.87x:mobilenet_v2" a share of a
// zoo network's cost at the same input.
struct Budget {
  std::string device;
  double value = 0;       // in the device's unit, or the factor
  std::string reference;  // network name; empty: `value` is the cost
  bool operator==(const Budget&) const = default;
};
Budget parse_budget(const std::string& text, const std::string& device);
std::string to_string(const Budget& budget);

// A sweep of budgets, each of one or more devices: "MYRIADX=12.5ms, CPU=3ms; MYRIADX=10ms,
// CPU=0.9x:resnet18". What names no device is for `device`. Throws Error where a device comes twice
// in a point or the points are not of the same devices in the same order.
std::vector<std::vector<Budget>> parse_budgets(const std::string& text, const std::string& device);

}  // namespace vpunas
