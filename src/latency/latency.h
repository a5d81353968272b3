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

// "12.5ms" is a time on the search's device; "0.87x:mobilenet_v2" a share of a zoo network's
// latency at the same input.
struct Budget {
  double value = 0;       // ms, or the factor
  std::string reference;  // network name; empty: `value` is ms
  bool operator==(const Budget&) const = default;
};
Budget parse_budget(const std::string& text);
std::string to_string(const Budget& budget);

}  // namespace vpunas
