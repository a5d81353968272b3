#include "kernels/threads.h"

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
template <class Word>
Word changed(const std::atomic<Word>& value, Word old) {
  constexpr std::chrono::microseconds awake(300);
  constexpr int looks = 64;  // before the clock is asked
  const auto end = std::chrono::steady_clock::now() + awake;
  do {
    for (int look = 0; look < looks; ++look) {
      if (const Word now = value.load(std::memory_order_acquire); now != old) return now;
      pause();
    }
    std::this_thread::yield();  // who else wants this core may be whom we wait for
  } while (std::chrono::steady_clock::now() < end);
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

}  // namespace

Threads::Threads(int size) {
  try {
    for (int i = 1; i < size; ++i) workers_.emplace_back([this] { work(); });
  } catch (...) {  // no more threads to be had
    end();
    throw;
  }
}

Threads::~Threads() { end(); }

void Threads::end() {
  ends_ = true;
  open_ += call;
  open_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Threads::run(int tasks, const std::function<void(int)>& task) {
  if (tasks < 2) {
    if (tasks == 1) task(0);
    return;
  }
  const std::lock_guard lock(caller_);
  task_ = &task;
  unfinished_.store(static_cast<uint32_t>(tasks), std::memory_order_relaxed);
  open_.store(open_.load(std::memory_order_relaxed) + call + static_cast<uint64_t>(tasks),
              std::memory_order_release);
  open_.notify_all();
  take_tasks();
  for (uint32_t left = unfinished_; left > 0;) left = changed(unfinished_, left);
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
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_one();
    open = open_.load(std::memory_order_acquire);
  }
}

}  // namespace vpunas::kernels
