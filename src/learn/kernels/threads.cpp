#include "learn/kernels/threads.h"

#include <chrono>
#include <utility>

namespace vpunas::kernels {
namespace {

// open_: the number of a call above its tasks.
constexpr uint64_t call = uint64_t{1} << 32;
uint64_t tasks_of(uint64_t open) { return open % call; }

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns what `value` is once it is no longer `old`.
uint64_t changed(const std::atomic<uint64_t>& value, uint64_t old) {
  constexpr std::chrono::microseconds awake(300);
  constexpr int looks = 64;  // before the clock is asked
  const auto end = std::chrono::steady_clock::now() + awake;
  do {
    for (int look = 0; look < looks; ++look) {
      if (const uint64_t now = value.load(std::memory_order_acquire); now != old) return now;
      pause();
    }
    std::this_thread::yield();  // who else wants this core may be whom we wait for
  } while (std::chrono::steady_clock::now() < end);
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

}  // namespace

Threads::Threads(int size) {
  for (int i = 1; i < size; ++i) workers_.emplace_back([this] { work(); });
}

Threads::~Threads() {
  ends_ = true;
  open_ += call;
  open_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Threads::run(int tasks, const std::function<void(int)>& task) {
  if (workers_.empty() || tasks < 2) {
    for (int i = 0; i < tasks; ++i) task(i);
    return;
  }
  const std::lock_guard lock(caller_);
  const auto all = static_cast<uint64_t>(tasks);
  task_ = &task;
  finished_.store(0, std::memory_order_relaxed);
  open_.store(open_.load(std::memory_order_relaxed) + call + all, std::memory_order_release);
  open_.notify_all();
  take_tasks();
  for (uint64_t finished = finished_; finished < all;) finished = changed(finished_, finished);
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void Threads::work() {
  for (uint64_t seen = 0; !ends_;) {
    take_tasks();
    seen = changed(open_, seen);
  }
}

void Threads::take_tasks() {
  uint64_t open = open_.load(std::memory_order_acquire);
  while (tasks_of(open) > 0) {
    if (!open_.compare_exchange_weak(open, open - 1, std::memory_order_acq_rel)) continue;
    try {
      (*task_)(static_cast<int>(tasks_of(open)) - 1);
    } catch (...) {
      const std::lock_guard lock(thrown_mutex_);
      if (!thrown_) thrown_ = std::current_exception();
    }
    finished_.fetch_add(1, std::memory_order_acq_rel);
    finished_.notify_one();
    open = open_.load(std::memory_order_acquire);
  }
}

}  // namespace vpunas::kernels
