// Clocks of long work.
#pragma once

#include <chrono>

namespace vpunas {

// Processor time of this process so far, in seconds over all threads.
double processor_seconds();

// Seconds since construction plus those of earlier processes.
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

}  // namespace vpunas
