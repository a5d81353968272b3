// What the tests of base share.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "base/error.h"

namespace vpunas {

// The message of the Error that `action` throws; a failure where it throws none. Messages are one
// line.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find_first_of("\n\r"), std::string::npos) << message;
    return message;
  }
  ADD_FAILURE() << "no Error";
  return "";
}

#define EXPECT_CONTAINS(text, part)                          \
  EXPECT_NE(std::string(text).find(part), std::string::npos) \
      << "in: " << text << "\nexpected: " << part

// Many times faster than write_file, which waits for the disk; so do some file systems where a file
// is truncated.
inline void write_quickly(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

// Up to four random bytes overwritten, inserted, removed or copied from elsewhere.
inline std::string mutate(std::string bytes, std::mt19937& random) {
  const int count = 1 + static_cast<int>(random() % 4);
  for (int i = 0; i < count && !bytes.empty(); ++i) {
    const size_t at = random() % bytes.size();
    switch (random() % 5) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes[at] = "{}[]\",:=-.0123456789eE#\n\\"[random() % 26];
        break;
      case 2:
        bytes.insert(at, 1, static_cast<char>(random()));
        break;
      case 3:
        bytes.erase(at, 1 + random() % 8);
        break;
      default:
        bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 16));
        break;
    }
  }
  return bytes;
}

}  // namespace vpunas
