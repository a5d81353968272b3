#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

namespace vpunas::kernels::test {

// Whether `run` (as Parallel::run) has tasks run at the same time: each of two ends when the other
// one has begun, so one thread alone never ends the first.
template <class Run>
bool two_tasks_meet(const Run& run) {
  std::atomic<int> begun = 0;
  std::atomic<bool> met = true;
  const std::function<void(int)> task = [&](int) {
    ++begun;
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (begun < 2 && met) {
      if (std::chrono::steady_clock::now() > give_up) met = false;
      std::this_thread::yield();
    }
  };
  run(2, task);
  return met;
}

}  // namespace vpunas::kernels::test
