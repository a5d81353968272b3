// What a network would cost if one of its layers were otherwise: each change is made to the graph,
// which is mapped and priced anew as a whole.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "myriadx/mapping.h"
#include "myriadx/time.h"

namespace vpunas::myriadx {

struct WhatIf {
  std::string layer;   // "(all 17)" for the same change of every layer that offers it
  std::string change;  // "3x3 instead of 5x5"
  double ms = 0;       // difference of the whole network's time; below 0: faster
};

// The changes that the network offers, the most helpful first:
//   channels (of all layers that must agree) rounded up to a multiple of 16 or 32,
//   3x3 kernels for larger ones, no dilation,
//   a dense convolution for a 1x1 expansion and the depthwise one behind it,
//   ReLU6 for activations that the NCE does not have,
//   no squeeze-excite, ReLU before an addition instead of behind it, poolings without padding.
// What the MyriadX could not run is left out. What a change does to accuracy is not known here.
std::vector<WhatIf> what_if(const Mapping& mapping, const TimeModel& model, Precision output);

// [{"layer":, "change":, "ms":, "total_ms":}], given what the network costs now.
Json to_json(const std::vector<WhatIf>& changes, double now_ms);

}  // namespace vpunas::myriadx
