// Studies and data sets that are not part of the project: tests that need them skip where they are
// absent.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace vpunas {

// A file or folder in the folder that VPUNAS_SHARED names, or in shared/ beside the project.
inline std::optional<std::filesystem::path> shared_path(const std::string& relative) {
  const char* given = std::getenv("VPUNAS_SHARED");
  const std::filesystem::path beside =
      std::filesystem::path(__FILE__).parent_path() / "../../shared";
  const std::filesystem::path path = (given ? std::filesystem::path(given) : beside) / relative;
  if (!std::filesystem::exists(path)) return std::nullopt;
  return path;
}

}  // namespace vpunas

// Skips the test where `relative` is absent, else defines the path `name`.
#define VPUNAS_SHARED_PATH_OR_SKIP(name, relative)                                            \
  const auto name##_found = vpunas::shared_path(relative);                                    \
  if (!name##_found)                                                                          \
    GTEST_SKIP() << (relative) << " is absent (set VPUNAS_SHARED to the folder that has it)"; \
  const std::filesystem::path name = *name##_found
