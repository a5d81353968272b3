// Threads for the kernels.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace vpunas::kernels {

// `size` threads, of which the caller of run() is one. Between the kernels of a step lie
// microseconds, but a sleeping thread takes tens of them to wake up, in a virtual machine a
// hundred: so a thread that has nothing to do looks out for work for a while before it sleeps, and
// gives way to whoever wants its core meanwhile. Nobody waits for a thread that is late: the others
// take its tasks. That is what makes them cheaper than OpenMP's on a core that is shared, whose
// threads all wait for each other.
class Threads {
 public:
  explicit Threads(int size);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }
  // Calls task(i) once for every i in [0, tasks), each thread the next one when it is done with
  // one. Throws what a task threw first, when all are done. Callers take turns; a task may not call
  // it.
  void run(int tasks, const std::function<void(int)>& task);

 private:
  void work();
  void take_tasks();
  void end();

  std::vector<std::thread> workers_;
  std::mutex caller_;
  // The call that goes on: its number, and how many of its tasks nobody has taken, as one word, so
  // that a worker that comes late takes none of a call that is over.
  alignas(64) std::atomic<uint64_t> open_ = 0;
  const std::function<void(int)>* task_ = nullptr;
  alignas(64) std::atomic<uint32_t> unfinished_ = 0;  // tasks of it
  std::exception_ptr thrown_;
  std::mutex thrown_mutex_;
  std::atomic<bool> ends_ = false;
};

}  // namespace vpunas::kernels
