#include "base/processors.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <thread>

namespace vpunas {

namespace fs = std::filesystem;

namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

// This process' group: of "0::/user.slice/...", a line of /proc/self/cgroup.
std::string own_group() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  return "/";
}

// "150000 100000" is 1.5; "max 100000", and what is not there, no quota.
double quota_in(const fs::path& cpu_max) {
  std::ifstream file(cpu_max);
  double quota = 0, period = 0;
  return file >> quota >> period && quota > 0 && period > 0 ? quota / period : kUnlimited;
}

}  // namespace

double processor_quota(const fs::path& root, const std::string& group) {
  double least = quota_in(root / "cpu.max");
  fs::path folder = root;
  for (const fs::path& name : fs::path(group).relative_path())
    least = std::min(least, quota_in((folder /= name) / "cpu.max"));
  return least;
}

int processor_count() {
  cpu_set_t bound_to;
  const int bound = sched_getaffinity(0, sizeof bound_to, &bound_to) == 0
                        ? CPU_COUNT(&bound_to)
                        : static_cast<int>(std::thread::hardware_concurrency());
  const double quota = std::ceil(processor_quota("/sys/fs/cgroup", own_group()));
  return static_cast<int>(std::min<double>(std::max(1, bound), quota));
}

}  // namespace vpunas
