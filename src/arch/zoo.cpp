#include "arch/zoo.h"

#include <algorithm>
#include <optional>
#include <system_error>

#include "arch/strict_json.h"
#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

std::vector<Architecture> read_family(const fs::path& path) {
  const Json json = read_json(path, "vpunas.zoo/1");
  StrictObject family(json, path.string());
  const Json& networks = family.array("networks");
  family.finish();
  std::vector<Architecture> architectures;
  for (size_t i = 0; i < networks.size(); ++i) {
    StrictObject network(networks[i], family.path(cat("networks[", i, "]")));
    StrictObject published(network.require("published"), network.path("published"));
    published.number("top1", 0, 0, 100);
    published.text("source", "");
    published.finish();
    architectures.push_back(
        architecture_from_json(network.require("architecture"), network.path("architecture")));
    network.finish();
  }
  return architectures;
}

std::vector<Architecture> read_zoo(const fs::path& data) {
  const fs::path folder = data / "zoo";
  if (!fs::is_directory(folder))
    fail(folder.string(), ": no such folder; set VPUNAS_DATA to the project's data folder");
  std::vector<Architecture> zoo;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    for (Architecture& architecture : read_family(entry.path()))
      zoo.push_back(std::move(architecture));
  }
  std::sort(zoo.begin(), zoo.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return zoo;
}

std::vector<std::string> names_of(const std::vector<Architecture>& zoo) {
  std::vector<std::string> names;
  for (const Architecture& architecture : zoo) names.push_back(architecture.name);
  return names;
}

const Architecture* find_by_name(const std::vector<Architecture>& zoo, const std::string& name) {
  const auto found = std::find_if(zoo.begin(), zoo.end(),
                                  [&](const auto& network) { return network.name == name; });
  return found == zoo.end() ? nullptr : &*found;
}

Architecture widened(Architecture network, double width) {
  const auto scaled = [&](int channels) { return round_to_8(width * channels); };
  network.stem.channels = scaled(network.stem.channels);
  for (BlockSpec& block : network.blocks) block.out_channels = scaled(block.out_channels);
  network.head.channels = std::max(network.head.channels, scaled(network.head.channels));
  return network;
}

// "mobilenet_v2-0.5": a MobileNet of the zoo at another width.
std::optional<Architecture> find_widened(const std::vector<Architecture>& zoo,
                                         const std::string& name) {
  const size_t dash = name.rfind('-');
  if (dash == std::string::npos || !name.starts_with("mobilenet")) return std::nullopt;
  const Architecture* base = find_by_name(zoo, name.substr(0, dash));
  const auto width = parse_number(name.substr(dash + 1));
  if (!base || !width) return std::nullopt;
  if (!(*width >= 0.1 && *width <= 4)) fail("network ", name, ": its width must be within 0.1..4");
  Architecture network = widened(*base, *width);
  network.name = name;
  return network;
}

}  // namespace

std::vector<std::string> zoo_names(const std::filesystem::path& data) {
  return names_of(read_zoo(data));
}

Architecture find_network(const std::string& name_or_path, const std::filesystem::path& data) {
  std::error_code none;
  if (fs::is_regular_file(name_or_path, none)) return read_architecture(name_or_path);
  const std::vector<Architecture> zoo = read_zoo(data);
  if (const Architecture* found = find_by_name(zoo, name_or_path)) return *found;
  if (const auto network = find_widened(zoo, name_or_path)) return *network;
  const std::vector<std::string> names = names_of(zoo);
  fail("network ", name_or_path, " is neither a file nor in the zoo",
       did_you_mean(name_or_path, names), "; known are ", join(names));
}

}  // namespace vpunas
