// libFuzzer's entry point (https://llvm.org/docs/LibFuzzer.html); VPUNAS_TARGET names the target.
#include <cstddef>
#include <cstdint>

#include "fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vpunas::fuzz::VPUNAS_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
