// Work cut into tasks, and the sums that they make.
#pragma once

#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <vector>

#include "kernels/types.h"

namespace vpunas::kernels {

constexpr size_t rounded_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Memory for the kernels' own use.
template <class T>
hwy::AlignedFreeUniquePtr<T[]> aligned(size_t count) {
  auto values = hwy::AllocateAligned<T>(std::max<size_t>(1, count));
  if (values == nullptr) throw std::bad_alloc();
  return values;
}

// Floats, all 0.
using AlignedFloats = hwy::AlignedFreeUniquePtr<float[]>;
AlignedFloats aligned_zeros(size_t count);

// Tasks for `items` of work, of so many multiply-adds or the like together: several a thread, so
// that no thread waits long for another, or one where more are not worth it.
inline int task_count(int64_t items, int64_t operations, const Parallel& parallel) {
  constexpr int64_t tasks_a_thread = 4;
  if (operations < parallel.least_shared) return 1;
  return static_cast<int>(std::clamp<int64_t>(items, 1, tasks_a_thread * parallel.threads));
}

// Calls range(task, first, last) for every task with its share of [0, count).
template <class Range>
void share_out(int64_t count, int tasks, const Parallel& parallel, const Range& range) {
  parallel.run(tasks,
               [&](int task) { range(task, count * task / tasks, count * (task + 1) / tasks); });
}

// Sums of several tasks, added in the order of the tasks.
class PartialSums {
 public:
  PartialSums(int tasks, size_t size)
      : tasks_(static_cast<size_t>(tasks)), size_(size), values_(tasks_ * size) {}
  double* of(int task) { return values_.data() + static_cast<size_t>(task) * size_; }
  // The total of element i over all tasks.
  double total(size_t i) const {
    double sum = 0;
    for (size_t task = 0; task < tasks_; ++task) sum += values_[task * size_ + i];
    return sum;
  }

 private:
  size_t tasks_, size_;
  std::vector<double> values_;
};

}  // namespace vpunas::kernels
