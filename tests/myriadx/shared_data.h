// The study's CSV files.
#pragma once

#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/shared.h"

namespace vpunas::myriadx {

using Row = std::map<std::string, std::string>;

inline std::vector<std::string> split_csv(const std::string& line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else if (c != '\r') {
      cells.back() += c;
    }
  }
  return cells;
}

// A CSV file with a header line, gzipped or not.
inline std::vector<Row> read_csv(const std::filesystem::path& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return {};
  std::string text(1 << 16, '\0'), all;
  for (int n; (n = gzread(file, text.data(), static_cast<unsigned>(text.size()))) > 0;)
    all.append(text, 0, size_t(n));
  gzclose(file);
  std::vector<Row> rows;
  std::vector<std::string> header;
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = std::min(all.find('\n', begin), all.size());
    const std::vector<std::string> cells = split_csv(all.substr(begin, end - begin));
    if (header.empty()) {
      header = cells;
    } else {
      Row& row = rows.emplace_back();
      for (size_t i = 0; i < std::min(header.size(), cells.size()); ++i) row[header[i]] = cells[i];
    }
    begin = end + 1;
  }
  return rows;
}

inline int number(const Row& row, const char* column) {
  const auto found = row.find(column);
  return found == row.end() || found->second.empty() ? 0 : std::atoi(found->second.c_str());
}

// Height and width of the kernel, which is in the id where it is not square: conv_k1x3_...
inline std::pair<int, int> kernel_of(const Row& row) {
  int height = 0, width = 0;
  if (std::sscanf(row.at("id").c_str(), "conv_k%dx%d_", &height, &width) == 2)
    return {height, width};
  return {number(row, "k"), number(row, "k")};
}

}  // namespace vpunas::myriadx

// Skips the test where the study's data are absent, else defines `folder`.
#define VPUNAS_SHARED_OR_SKIP(folder) VPUNAS_SHARED_PATH_OR_SKIP(folder, "data/myriadx")
