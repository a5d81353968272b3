#include "learn/runtime.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "learn/torch.h"

namespace vpunas {
namespace {

// Each of two tasks ends when the other one has begun, so one thread alone never ends the first.
TEST(TorchThreads, RunTasksAtTheSameTime) {
  const int before = at::get_num_threads();
  set_threads(2);
  std::atomic<int> begun = 0;
  std::atomic<bool> met = true;
  torch_threads().run(2, [&](int) {
    ++begun;
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (begun < 2 && met) {
      if (std::chrono::steady_clock::now() > give_up) met = false;
      std::this_thread::yield();
    }
  });
  set_threads(before);
  EXPECT_TRUE(met) << "the kernels run on one thread: is the build without OpenMP?";
}

TEST(TorchThreads, RunEveryTaskOnce) {
  std::vector<std::atomic<int>> runs(1000);
  torch_threads().run(1000, [&](int task) { ++runs[static_cast<size_t>(task)]; });
  for (const auto& count : runs) EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace vpunas
