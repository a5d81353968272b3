// libFuzzer's entry point (https://llvm.org/docs/LibFuzzer.html).
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    vpunas::fuzz::run({reinterpret_cast<const char*>(data), size});
  } catch (const vpunas::Error&) {
  }
  return 0;
}
