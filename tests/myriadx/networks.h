// Small graphs for the tests of this folder.
#pragma once

#include "arch/block.h"
#include "arch/graph.h"
#include "arch/zoo.h"
#include "base/files.h"
#include "myriadx/time.h"

namespace vpunas::myriadx {

inline TimeModel model(Regime regime = Regime::throughput) {
  return read_time_model(data_folder() / "myriadx.json", regime);
}

inline Graph from_input(const Shape& shape, const std::string& name = "test") {
  Graph graph;
  graph.name = name;
  graph.add("image", Input{shape}, {});
  return graph;
}

inline Conv convolution(int channels, int kernel, int stride = 1, int groups = 1) {
  return {.out_channels = channels,
          .kh = kernel,
          .kw = kernel,
          .sh = stride,
          .sw = stride,
          .padding = Padding::all(kernel / 2),
          .groups = groups,
          .bias = true};
}

inline Graph zoo_network(const std::string& name) {
  return lower(find_network(name, data_folder()), Preprocess{});
}

}  // namespace vpunas::myriadx
