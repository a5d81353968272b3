// libtorch in this process: its set-up, and what it uses of the machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/progress.h"
#include "kernels/types.h"

namespace vpunas {

// Threads of libtorch; 0: one a core.
void set_threads(int threads);

// As many for the kernels, of their own: OpenMP's all wait for each other, late ones, too.
kernels::Parallel kernel_threads();

// Where networks of this process compute from now on: "cpu"; "gpu", number `index` of those that
// CUDA sees (CUDA_VISIBLE_DEVICES); "auto": on that if there is one. libtorch's CUDA part, which
// takes a second to load, is loaded here alone. Returns a name for people. Throws Error where a gpu
// is asked for and there is none.
std::string choose_device(const std::string& wanted, int index = 0);

// Peak resident memory of this process in bytes.
int64_t peak_memory();

// How a stretch of work uses the machine, from its construction on.
class Effort {
 public:
  // One line for people: images a second, cores at work, share of the time spent waiting for data,
  // greatest memory. And a warning where a good part of the cores did nothing for us: threads that
  // share a core wait for each other, and everything is several times slower.
  void report(const Work& work, const std::string& stage, const std::string& what, int64_t images,
              double waited_seconds) const;

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double start_core_seconds_ = processor_seconds();
};

}  // namespace vpunas
