#include "learn/runtime.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "learn/torch.h"

namespace vpunas {

void tune_allocator(char** argv) {
  constexpr const char* variable = "GLIBC_TUNABLES";
  constexpr const char* setting = "glibc.malloc.hugetlb=1";
  const char* present = std::getenv(variable);
  if (present == nullptr) {
    setenv(variable, setting, 1);
    std::error_code unknown;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", unknown);
    execv(program.c_str(), argv);  // returns only on failure: then we run without huge pages
  }
  if (present == nullptr || std::strcmp(present, setting) == 0) unsetenv(variable);
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 2147483647);
  mallopt(M_TOP_PAD, 64 << 20);
}

void set_threads(int threads) {
  torch::set_num_threads(threads > 0 ? threads
                                     : static_cast<int>(std::thread::hardware_concurrency()));
}

std::string torch_version() { return TORCH_VERSION; }

namespace {
rusage usage() {
  rusage result{};
  getrusage(RUSAGE_SELF, &result);
  return result;
}
}  // namespace

int64_t peak_memory() { return int64_t{usage().ru_maxrss} * 1024; }

double processor_seconds() {
  const rusage used = usage();
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

}  // namespace vpunas
