#include "data/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/processors.h"

namespace vpunas {

namespace {

// The indices still to be done. They are taken in ascending order and whoever takes one finishes
// it, so all below a failed one are done before the loop ends.
class Indices {
 public:
  Indices(int64_t count, const std::function<void(int64_t)>& each)
      : count_(count), each_(each), failed_(count) {}

  // Does the next one; false where none is left or one has failed.
  bool do_one() {
    if (failed_.load() < count_) return false;
    const int64_t index = next_++;
    if (index >= count_) return false;
    try {
      each_(index);
      ++done_;
    } catch (...) {
      const std::scoped_lock lock(mutex_);
      if (index < failed_.load()) {
        failed_ = index;
        error_ = std::current_exception();
      }
    }
    return true;
  }

  int64_t done() const { return done_; }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  int64_t count_;
  const std::function<void(int64_t)>& each_;
  std::atomic<int64_t> next_ = 0;
  std::atomic<int64_t> done_ = 0;
  std::atomic<int64_t> failed_;  // count_: none
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace

void parallel_for(int64_t count, const std::string& what, const Work& work,
                  const std::function<void(int64_t)>& each) {
  using Clock = std::chrono::steady_clock;
  constexpr auto report_every = std::chrono::milliseconds(100);
  Event event{.kind = Event::Kind::begin, .stage = "data", .what = what, .total = count};
  work.report(event);

  Indices indices(count, each);
  {
    const auto processors = int64_t{processor_count()};
    std::vector<std::jthread> helpers;
    for (int64_t i = 1; i < std::min(processors, count); ++i)
      helpers.emplace_back([&indices](const std::stop_token& stop) {
        while (!stop.stop_requested() && indices.do_one()) {
        }
      });
    event.kind = Event::Kind::step;
    auto reported = Clock::now();
    while (!work.stop.stop_requested() && indices.do_one()) {
      if (Clock::now() - reported < report_every) continue;
      reported = Clock::now();
      event.done = indices.done();
      work.report(event);
    }
    if (work.stop.stop_requested())
      for (std::jthread& helper : helpers) helper.request_stop();
    else
      for (std::jthread& helper : helpers) helper.join();
  }
  indices.rethrow();
  if (indices.done() < count) throw Interrupted(cat("interrupted: ", what));
  event.kind = Event::Kind::end;
  event.done = count;
  work.report(event);
}

}  // namespace vpunas
