// What fuzzing has found, and the inputs that reach most of the code, once more.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.h"
#include "fuzz/targets.h"

namespace vpunas {
namespace {

void replay(const char* target, void (*run)(std::string_view)) {
  const auto folder = std::filesystem::path(__FILE__).parent_path() / "../../fuzz/corpus" / target;
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().filename());
    EXPECT_NO_THROW(run(read_file(entry.path())));
    ++count;
  }
  EXPECT_GT(count, 0);
}

TEST(Fuzz, OnnxFilesAreReadOrRefused) { replay("onnx", fuzz::onnx); }
TEST(Fuzz, SafetensorsAreReadOrRefused) { replay("safetensors", fuzz::safetensors); }
TEST(Fuzz, JpegFilesAreReadOrRefused) { replay("jpeg", fuzz::jpeg); }
TEST(Fuzz, PngFilesAreReadOrRefused) { replay("png", fuzz::png); }
TEST(Fuzz, IdxFilesAreReadOrRefused) { replay("idx", fuzz::idx); }

}  // namespace
}  // namespace vpunas
