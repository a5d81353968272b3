#include "base/processors.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cmath>
#include <thread>

#include "base/files.h"

namespace vpunas {
namespace {

TEST(Processors, AreSomeAndNoMoreThanThereAre) {
  EXPECT_GE(processor_count(), 1);
  EXPECT_LE(processor_count(), static_cast<int>(std::thread::hardware_concurrency()));
}

TEST(Processors, AreThoseThatTheProcessIsBoundTo) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  int one = 0;
  while (!CPU_ISSET(one, &before)) ++one;
  cpu_set_t bound;
  CPU_ZERO(&bound);
  CPU_SET(one, &bound);
  ASSERT_EQ(sched_setaffinity(0, sizeof bound, &bound), 0);
  EXPECT_EQ(processor_count(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

class Quota : public ::testing::Test {
 protected:
  void grant(const std::string& group, const std::string& quota) const {
    fs::create_directories(root_.path() / group);
    write_file(root_.path() / group / "cpu.max", quota);
  }
  double of(const std::string& group) const { return processor_quota(root_.path(), group); }
  const TemporaryFolder root_;
};

TEST_F(Quota, IsInfiniteWhereNothingLimits) {
  EXPECT_TRUE(std::isinf(of("/")));
  EXPECT_TRUE(std::isinf(of("/no/such/group")));
  grant("a", "max 100000\n");
  EXPECT_TRUE(std::isinf(of("/a")));
  grant("a", "what is this\n");
  EXPECT_TRUE(std::isinf(of("/a")));
}

TEST_F(Quota, IsTheLeastOfAGroupAndThoseAroundIt) {
  grant("", "400000 100000\n");
  EXPECT_DOUBLE_EQ(of("/"), 4);
  EXPECT_DOUBLE_EQ(of("/a"), 4);
  grant("a", "150000 100000\n");
  EXPECT_DOUBLE_EQ(of("/a"), 1.5);
  grant("a/b", "800000 100000\n");
  EXPECT_DOUBLE_EQ(of("/a/b"), 1.5);
}

}  // namespace
}  // namespace vpunas
