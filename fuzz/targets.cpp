#include "fuzz/targets.h"

#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/files.h"
#include "base/safetensors.h"
#include "data/dataset.h"
#include "data/image_file.h"
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

void image(std::string_view bytes) {
  attempt_file(bytes, [](const std::string& path) { read_image(path, 3, 16); });
  attempt_file(bytes, [](const std::string& path) {
    const ChooseWindow choose = [](int height, int width) {
      return ImageWindow{height / 3, width / 4, (height + 1) / 2, (width + 1) / 2};
    };
    read_window(path, 1, choose, 8, 8);
  });
}

}  // namespace

void onnx(std::string_view bytes) {
  attempt([&] { myriadx::map(from_onnx(bytes, "model").graph, myriadx::resources(2)); });
}

void safetensors(std::string_view bytes) {
  attempt_file(bytes, [](const std::string& path) { read_safetensors(path); });
}

void jpeg(std::string_view bytes) { image(bytes); }
void png(std::string_view bytes) { image(bytes); }

void idx(std::string_view bytes) {
  const auto put = [](const fs::path& path, std::string_view content) {
    std::ofstream(path, std::ios::binary) << content;
  };
  using namespace std::string_view_literals;
  static const TemporaryFolder folder;
  const fs::path path = folder.path();
  const std::string_view labels = "\0\0\x08\x01\0\0\0\x02\0\1"sv;
  put(path / "train-images-idx3-ubyte", bytes);
  put(path / "train-labels-idx1-ubyte", labels);
  put(path / "t10k-images-idx3-ubyte", "\0\0\x08\x03\0\0\0\x02\0\0\0\1\0\0\0\1ab"sv);
  put(path / "t10k-labels-idx1-ubyte", labels);
  attempt([&] {
    const Dataset data = read_dataset({.path = path.string(), .validation = 0}, {1, 4, 4}, 1);
    std::vector<uint8_t> pixels(4 * 4);
    for (int64_t i = 0; i < data.train.size(); ++i) data.train.load(i, pixels.data());
  });
}

}  // namespace vpunas::fuzz
