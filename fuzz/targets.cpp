#include "fuzz/targets.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/safetensors.h"
#include "myriadx/mapping.h"
#include "onnx/onnx.h"

namespace vpunas::fuzz {
namespace {

// Calls read(bytes), which may refuse them.
template <class Read>
void attempt(const Read& read) {
  try {
    read();
  } catch (const Error&) {
  }
}

// The bytes as a file that lies in memory.
template <class Read>
void attempt_file(std::string_view bytes, const Read& read) {
  const Descriptor file(memfd_create("fuzz", MFD_CLOEXEC));
  if (write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) return;
  attempt([&] { read("/proc/self/fd/" + std::to_string(int{file})); });
}

}  // namespace

void onnx(std::string_view bytes) {
  attempt([&] { myriadx::map(from_onnx(bytes, "model").graph, myriadx::resources(2)); });
}

void safetensors(std::string_view bytes) {
  attempt_file(bytes, [](const std::string& path) { read_safetensors(path); });
}

}  // namespace vpunas::fuzz
