#include "pipeline/config.h"

#include <map>
#include <sstream>

#include "base/files.h"
#include "base/text.h"

namespace vpunas {
namespace {

// Keys of [search] that configurations of earlier versions have, and what they are called now.
constexpr std::pair<const char*, const char*> renamed_keys[] = {
    {"front", "sweep"},
    {"finalists", "trained_alone"},
    {"finalist_epochs", "fidelities"},
    {"candidates", "shortlist"},
};

// "section.key" -> its value's text.
std::map<std::string, std::string> values_of(const std::string& text) {
  std::map<std::string, std::string> values;
  std::string section;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::string_view plain = trim(line);
    if (plain.empty() || plain.front() == '#') continue;
    if (plain.front() == '[') {
      section = plain.substr(1, plain.find(']') - 1);
      continue;
    }
    const size_t equals = plain.find('=');
    if (equals == std::string_view::npos) continue;
    values[section + "." + std::string(trim(plain.substr(0, equals)))] =
        trim(plain.substr(equals + 1));
  }
  return values;
}

}  // namespace

Config read_config(const std::vector<std::filesystem::path>& files,
                   const std::vector<Override>& overrides) {
  Config config;
  ConfigSource source(files, overrides);
  for (const auto& [key, now] : renamed_keys) source.refuse_renamed("search", key, now);
  source.refuse_renamed("search", "algorithm", "linear", "effects");
  for_each_section(config, [&](const char* name, auto& section) { source.read(name, section); });
  source.finish();
  check(config.augment);
  return config;
}

fs::path find_recipe(const std::string& name_or_path) {
  return find_preset("recipe", name_or_path, data_folder() / "recipes", ".toml");
}

std::string config_text(const Config& config) {
  Config copy = config;
  ConfigWriter writer;
  for_each_section(copy, [&](const char* name, auto& section) { writer.write(name, section); });
  return writer.text();
}

std::vector<std::string> differing_keys(const std::string& a, const std::string& b) {
  auto first = values_of(a), second = values_of(b);
  std::vector<std::string> keys;
  for (const auto& [key, value] : first) {
    if (!second.contains(key) || second[key] != value) keys.push_back(key);
  }
  for (const auto& [key, value] : second) {
    if (!first.contains(key)) keys.push_back(key);
  }
  return keys;
}

}  // namespace vpunas
