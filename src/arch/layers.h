// Networks as nested lists of layers: what an Architecture of blocks cannot say (branches, other
// paddings). docs/formats.md states the form.
#pragma once

#include <string>

#include "arch/graph.h"
#include "base/files.h"

namespace vpunas {

inline constexpr const char* graph_schema = "vpunas.graph/1";

// The same network at another width (a factor on the channels of convolutions without bias and of
// blocks, rounded to 8) or input side in pixels (0: its own).
struct Variant {
  double width = 1;
  int size = 0;
};

// `modules`, an object or null, is what the network's neighbours in the file share with it; its own
// "modules" come first. Node names are places in the lists: "3.inception.b1.0.conv". Throws Error
// naming the place in `where`.
Graph graph_from_json(const Json& network, const std::string& where, const Json& modules = {},
                      const Variant& variant = {});

}  // namespace vpunas
