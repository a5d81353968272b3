#include "data/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "tests/data/support.h"

namespace vpunas {
namespace {

TEST(ParallelFor, CallsEachIndexOnce) {
  for (const int64_t count : {0, 1, 2, 1000}) {
    std::vector<std::atomic<int>> calls(static_cast<size_t>(count));
    parallel_for(count, "work", {}, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
    for (const auto& call : calls) EXPECT_EQ(call, 1);
  }
}

TEST(ParallelFor, ReportsItsProgress) {
  std::vector<Event> events;
  const Work work{.report = [&](const Event& event) { events.push_back(event); }};
  parallel_for(60, "work", work,
               [](int64_t) { std::this_thread::sleep_for(std::chrono::milliseconds(10)); });
  ASSERT_GE(events.size(), 3U);
  EXPECT_EQ(events.front().kind, Event::Kind::begin);
  EXPECT_EQ(events.front().total, 60);
  EXPECT_EQ(events[1].kind, Event::Kind::step);
  EXPECT_GT(events[1].done, 0);
  EXPECT_EQ(events.back().kind, Event::Kind::end);
  EXPECT_EQ(events.back().done, 60);
}

TEST(ParallelFor, ThrowsTheErrorOfTheLowestIndex) {
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(error_of([] {
                parallel_for(1000, "work", {}, [](int64_t k) {
                  if (k >= 100) fail("at ", k);
                });
              }),
              "at 100");
}

TEST(ParallelFor, StopsWhenAsked) {
  std::stop_source stop;
  std::atomic<int> calls = 0;
  EXPECT_THROW(parallel_for(100000, "work", {.stop = stop.get_token()},
                            [&](int64_t) {
                              if (++calls == 100) stop.request_stop();
                              std::this_thread::sleep_for(std::chrono::microseconds(10));
                            }),
               Interrupted);
  EXPECT_LT(calls, 5000);
}

}  // namespace
}  // namespace vpunas
