#include "pipeline/class_names.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace vpunas {

ClassNames read_class_names(const fs::path& path) {
  std::vector<std::string> lines = split(read_file(path), '\n');
  if (!lines.empty() && trim(lines.back()).empty()) lines.pop_back();
  if (lines.empty()) fail(path.string(), ": holds no class names; give one a line");
  ClassNames names;
  for (size_t i = 0; i < lines.size(); ++i) {
    std::vector<std::string>& of_class = names.emplace_back();
    for (const std::string& name : split(lines[i], '\t'))
      if (!trim(name).empty()) of_class.emplace_back(trim(name));
    if (of_class.empty()) fail(path.string(), ":", i + 1, ": names no class");
  }
  return names;
}

ClassNames class_names(const std::vector<std::string>& labels) {
  ClassNames names;
  for (const std::string& label : labels) names.push_back({label});
  return names;
}

std::string shown_name(const ClassNames& names, size_t output) {
  return output < names.size() ? names[output].back() : cat("class ", output);
}

std::vector<int> outputs_of(const std::vector<std::string>& classes, const ClassNames& names,
                            int outputs) {
  std::vector<int> result;
  if (names.empty()) {
    if (classes.size() != static_cast<size_t>(outputs))
      fail("the data has ", classes.size(), " classes, the network ", outputs,
           " outputs; give the names of the outputs as --classes FILE");
    for (int i = 0; i < outputs; ++i) result.push_back(i);
    return result;
  }
  std::multimap<std::string, int> by_name;
  for (size_t i = 0; i < names.size(); ++i)
    for (const std::string& name : names[i]) by_name.emplace(name, static_cast<int>(i));
  for (const std::string& name : classes) {
    const auto [first, last] = by_name.equal_range(name);
    if (first == last)
      fail("class ", excerpt(name),
           " of the data is none of the network's; give the names of its "
           "outputs as --classes FILE");
    if (std::any_of(first, last, [&](const auto& entry) { return entry.second != first->second; }))
      fail("class ", excerpt(name), " of the data is the name of more than one output");
    result.push_back(first->second);
  }
  return result;
}

}  // namespace vpunas
