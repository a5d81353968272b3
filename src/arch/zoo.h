// Published networks by name, from data/zoo/*.json.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "arch/space.h"

namespace vpunas {

// Names of all networks in `data`/zoo, sorted.
std::vector<std::string> zoo_names(const std::filesystem::path& data);

// A network of the zoo by name; "mobilenet_v2-0.5" is MobileNetV2 at half width (any width:
// round_to_8 of each layer's channels, the head not under its published width, as arXiv:1801.04381
// section 6.1), or an architecture file by path. Throws Error with the nearest name.
Architecture find_network(const std::string& name_or_path, const std::filesystem::path& data);

}  // namespace vpunas
