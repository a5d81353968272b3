#include "learn/runtime.h"

#include <gtest/gtest.h>

#include "learn/torch.h"
#include "tests/kernels/two_tasks_meet.h"

namespace vpunas {
namespace {

TEST(KernelThreads, AreAsManyAsLibtorchs) {
  const int before = at::get_num_threads();
  for (const int threads : {3, 1, 2}) {
    set_threads(threads);
    EXPECT_EQ(at::get_num_threads(), threads);
    EXPECT_EQ(kernel_threads().threads, threads);
  }
  set_threads(before);
}

TEST(KernelThreads, RunTasksAtTheSameTime) {
  const int before = at::get_num_threads();
  set_threads(2);
  EXPECT_TRUE(kernels::test::two_tasks_meet(kernel_threads().run));
  set_threads(before);
}

}  // namespace
}  // namespace vpunas
