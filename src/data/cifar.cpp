// The binary version of CIFAR-10: https://www.cs.toronto.edu/~kriz/cifar.html.
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "data/readers.h"

namespace vpunas {

namespace {

constexpr ImageShape record_shape{3, 32, 32};
constexpr size_t record_bytes = 1 + 3 * 32 * 32;  // the label, then the planes
constexpr int classes = 10;
constexpr uint64_t most_bytes = uint64_t{1} << 30;  // a batch has 31 MB

void append_batch(const fs::path& path, RawImages& images) {
  std::error_code error;
  const uint64_t size = fs::file_size(path, error);
  if (error) fail(path.string(), ": missing; fetch CIFAR-10's binary version or set data.path");
  if (size == 0 || size % record_bytes != 0 || size > most_bytes)
    fail(path.string(), ": ", size, " bytes are not a number of ", record_bytes,
         "-byte records: truncated or not CIFAR-10's binary version; fetch it again");
  const std::string bytes = read_file(path);
  for (size_t at = 0; at + record_bytes <= bytes.size(); at += record_bytes) {
    const int label = static_cast<uint8_t>(bytes[at]);
    if (label >= classes)
      fail(path.string(), ": record ", at / record_bytes, " has the label ", label,
           ", not one of 0 to 9; fetch the file again");
    images.labels.push_back(label);
    images.pixels.insert(images.pixels.end(), bytes.data() + at + 1,
                         bytes.data() + at + record_bytes);
  }
}

std::vector<std::string> class_names(const fs::path& folder) {
  const fs::path path = folder / "batches.meta.txt";
  std::error_code none;
  if (!fs::exists(path, none))
    return {"airplane", "automobile", "bird",  "cat",  "deer",
            "dog",      "frog",       "horse", "ship", "truck"};
  std::vector<std::string> names;
  for (const std::string& line : split(read_file(path), '\n'))
    if (const std::string_view name = trim(line); !name.empty()) names.emplace_back(name);
  if (names.size() != classes)
    fail(path.string(), ": names ", names.size(), " classes, not 10; fetch it again or remove it");
  return names;
}

}  // namespace

bool is_cifar10(const fs::path& folder) {
  for (const char* name : {"data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"}) {
    std::error_code none;
    if (fs::exists(folder / name, none)) return true;
  }
  return false;
}

Parts read_cifar10(const fs::path& folder, const ImageShape& shape, const Work& work) {
  RawImages train{record_shape, {}, {}};
  RawImages test{record_shape, {}, {}};
  for (int batch = 1; batch <= 5; ++batch) {
    if (work.stop.stop_requested()) throw Interrupted("interrupted: read CIFAR-10");
    append_batch(folder / cat("data_batch_", batch, ".bin"), train);
  }
  append_batch(folder / "test_batch.bin", test);
  Parts parts;
  parts.classes = class_names(folder);
  parts.slow = !fits_with_border(record_shape, shape);
  parts.train = fit(std::move(train), shape);
  parts.test = fit(std::move(test), shape);
  return parts;
}

}  // namespace vpunas
