#include "base/tune_process.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace vpunas {

void tune_process(char** argv) {
  struct Setting {
    const char *variable, *value;
  };
  constexpr Setting settings[] = {{"GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"},
                                  {"OMP_WAIT_POLICY", "passive"},
                                  {"GOMP_SPINCOUNT", "5000"}};
  constexpr const char* done = "VPUNAS_TUNED";
  if (std::getenv(done) == nullptr) {
    setenv(done, "1", 1);
    for (const auto& [variable, value] : settings) setenv(variable, value, 0);
    std::error_code unknown;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", unknown);
    execv(program.c_str(), argv);  // returns only on failure: then we run without
  }
  unsetenv(done);
  for (const auto& [variable, value] : settings) {
    const char* present = std::getenv(variable);
    if (present != nullptr && std::strcmp(present, value) == 0) unsetenv(variable);
  }
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 2147483647);
  mallopt(M_TOP_PAD, 64 << 20);
}

}  // namespace vpunas
