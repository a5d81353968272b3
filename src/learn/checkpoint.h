// State of long work in one safetensors file: tensors, and the rest as JSON in its metadata.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>

#include "base/config.h"
#include "base/files.h"
#include "base/safetensors.h"
#include "learn/process_group.h"

namespace vpunas {

struct Checkpoint {
  std::string key;  // identifies the work; a checkpoint of other work is an error
  Json state;
  Tensors tensors;
};

// What settings are to a key: their values, without the help, which is for people.
std::string settings_of(const ConfigWriter& writer);

void write_checkpoint(const fs::path& path, const Checkpoint& checkpoint);

// nullopt where there is none. Throws Error for a damaged one or one of another key.
std::optional<Checkpoint> read_checkpoint(const fs::path& path, const std::string& key);

// The first process's, in all of them.
std::optional<Checkpoint> read_checkpoint(const fs::path& path, const std::string& key,
                                          const ProcessGroup& group);

// Says when the next checkpoint is due.
class CheckpointClock {
 public:
  explicit CheckpointClock(double seconds = 10) : interval_(seconds) {}
  bool due() {
    if (std::chrono::steady_clock::now() - last_ < interval_) return false;
    last_ = std::chrono::steady_clock::now();
    return true;
  }

 private:
  std::chrono::duration<double> interval_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// Seconds since construction plus those of earlier sittings.
class Stopwatch {
 public:
  explicit Stopwatch(double earlier = 0) : earlier_(earlier) {}
  double seconds() const {
    return earlier_ +
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  double earlier_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace vpunas
