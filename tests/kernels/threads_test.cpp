#include "kernels/threads.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>

#include "tests/kernels/two_tasks_meet.h"

namespace vpunas::kernels {
namespace {

TEST(Threads, RunEveryTaskOnce) {
  for (const int size : {1, 2, 5}) {
    Threads threads(size);
    EXPECT_EQ(threads.size(), size);
    for (const int tasks : {0, 1, 2, 1000}) {
      std::vector<std::atomic<int>> runs(1000);
      threads.run(tasks, [&](int task) { ++runs[static_cast<size_t>(task)]; });
      for (int i = 0; i < 1000; ++i) EXPECT_EQ(runs[static_cast<size_t>(i)], i < tasks ? 1 : 0);
    }
  }
}

bool two_tasks_meet(Threads& threads) {
  return test::two_tasks_meet([&](int tasks, const auto& task) { threads.run(tasks, task); });
}

TEST(Threads, RunTasksAtTheSameTime) {
  Threads threads(2);
  EXPECT_TRUE(two_tasks_meet(threads));
}

// Workers come late, sleep or are still looking out: each call has its own tasks run all the same,
// and what they wrote is there when it returns.
TEST(Threads, RunCallAfterCall) {
  Threads threads(3);
  for (int call = 0; call < 20'000; ++call) {
    int values[4] = {};
    threads.run(4, [&](int task) { values[task] = call + task; });
    for (int task = 0; task < 4; ++task) ASSERT_EQ(values[task], call + task);
    if (call % 1000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(Threads, WakeUpForMoreTasks) {
  Threads threads(2);
  for (int call = 0; call < 5; ++call) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the worker sleeps by now
    ASSERT_TRUE(two_tasks_meet(threads));
  }
}

TEST(Threads, ServeSeveralCallersInTurn) {
  Threads threads(3);
  std::atomic<int> sum = 0;
  const auto call = [&] {
    for (int i = 0; i < 500; ++i) threads.run(8, [&](int task) { sum += task; });
  };
  std::thread other(call);
  call();
  other.join();
  EXPECT_EQ(sum, 2 * 500 * 28);
}

TEST(Threads, ThrowWhatATaskThrewAndGoOn) {
  for (int i = 0; i < 100; ++i) {
    Threads threads(1 + i % 3);
    std::atomic<int> runs = 0;
    const auto fails = [&](int task) {
      ++runs;
      if (task == 3) throw std::runtime_error("the third");
    };
    EXPECT_THROW(threads.run(10, fails), std::runtime_error);
    EXPECT_EQ(runs, 10);
    threads.run(10, [&](int) { ++runs; });
    EXPECT_EQ(runs, 20);
  }
}

}  // namespace
}  // namespace vpunas::kernels
