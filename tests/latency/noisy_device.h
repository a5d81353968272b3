// A device of the tests' own: true costs, a speed that drifts, noise, and bursts gone wrong.
#pragma once

#include <cmath>

#include "arch/space.h"
#include "base/random.h"
#include "latency/timing.h"

namespace vpunas::test {

struct NoisyDevice {
  double noise = 0.03, drift = 0.3, wrong = 0.03;
  double in_context = 0.8;  // a layer inside a network of the space, as a share of one in a probe
  int bursts = 0;
  Random random{7};

  // Not proportional to multiply-accumulates: depthwise layers are dear, every layer costs.
  double true_ms(const Graph& graph, bool whole) const {
    double ms = 0.1;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      const auto* conv = std::get_if<Conv>(&graph.nodes[i].layer);
      const double dear = conv && conv->groups > 1 ? (conv->kh > 3 ? 5 : 3) : 1;
      ms += (whole ? in_context * (dear > 1 ? 1.2 : 1) : 1) *
            (0.005 + 1e-7 * dear * static_cast<double>(node_macs(graph, i)));
    }
    return ms;
  }
  double true_ms(const Probe& probe) const { return true_ms(probe.graph, !probe.choice.empty()); }

  std::optional<double> operator()(const Probe& probe) {
    const double speed = 1 + drift * std::sin(0.01 * ++bursts);
    const double gone_wrong = random.uniform() < wrong ? 10 : 1;
    return true_ms(probe) * speed * std::exp(noise * random.normal()) * gone_wrong;
  }
};

}  // namespace vpunas::test
