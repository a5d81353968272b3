// Published networks by name, from data/zoo/*.json (docs/formats.md, vpunas.zoo/2).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "arch/space.h"

namespace vpunas {

// What is known of a network of the zoo beside its layers. Published figures are 0 where there are
// none.
struct ZooEntry {
  std::string name, family;
  bool has_blocks = false;              // an Architecture, which can be trained; else a Graph only
  double top1 = 0;                      // ImageNet, percent
  double parameters_m = 0, macs_m = 0;  // millions, as published
  std::string source;                   // of the figures
  bool verified = false;                // the figures were read there; else quoted from memory
  std::vector<std::string> measured;    // NAME/FRAMEWORK of dl-benchmark's tables
  std::string note;                     // what it is, where the name does not say
  std::string deviation;                // why our counts differ from the published ones by over 1 %
};

// All networks of `data`/zoo, sorted by family and name. Throws Error naming the file and place.
std::vector<ZooEntry> zoo_entries(const std::filesystem::path& data);
// Their names, sorted.
std::vector<std::string> zoo_names(const std::filesystem::path& data);

// A network of blocks: of the zoo by name, or an architecture file by path. "mobilenet_v2-0.5" is
// MobileNetV2 at half width (any width: round_to_8 of each layer's channels, the head not under its
// published width, as arXiv:1801.04381 section 6.1). Throws Error with the nearest name, and for a
// network that has no blocks.
Architecture find_network(const std::string& name_or_path, const std::filesystem::path& data);

// The graph of any network: of the zoo by name (with a width as above), or an architecture or graph
// file by path. `size` is the side of the input in pixels, 0 the network's own.
Graph find_graph(const std::string& name_or_path, const std::filesystem::path& data, int size = 0);

}  // namespace vpunas
