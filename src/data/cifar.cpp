// The binary versions of CIFAR-10 and CIFAR-100: https://www.cs.toronto.edu/~kriz/cifar.html.
#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "data/readers.h"

namespace vpunas {

namespace {

constexpr ImageShape image_shape{3, 32, 32};
constexpr uint64_t most_bytes = uint64_t{1} << 30;  // the largest file has 154 MB

// A record is its labels, of which the last counts, and the planes.
struct Version {
  const char* name;
  size_t labels;
  int classes;
  std::vector<const char*> train;
  const char* test;
  const char* names;                       // a class a line
  std::vector<std::string> default_names;  // where that file is missing; none: numbers

  size_t record_bytes() const { return labels + static_cast<size_t>(image_shape.bytes()); }
};

const Version cifar10{.name = "CIFAR-10",
                      .labels = 1,
                      .classes = 10,
                      .train = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                "data_batch_4.bin", "data_batch_5.bin"},
                      .test = "test_batch.bin",
                      .names = "batches.meta.txt",
                      .default_names = {"airplane", "automobile", "bird", "cat", "deer", "dog",
                                        "frog", "horse", "ship", "truck"}};

const Version cifar100{.name = "CIFAR-100",
                       .labels = 2,  // the superclass first
                       .classes = 100,
                       .train = {"train.bin"},
                       .test = "test.bin",
                       .names = "fine_label_names.txt",
                       .default_names = {}};

void append_records(const fs::path& path, const Version& version, RawImages& images) {
  const size_t record = version.record_bytes();
  std::error_code error;
  const uint64_t size = fs::file_size(path, error);
  if (error)
    fail(path.string(), ": missing; fetch ", version.name, "'s binary version or set data.path");
  if (size == 0 || size % record != 0 || size > most_bytes)
    fail(path.string(), ": ", size, " bytes are not a number of ", record,
         "-byte records: truncated or not ", version.name, "'s binary version; fetch it again");
  const std::string bytes = read_file(path);
  for (size_t at = 0; at + record <= bytes.size(); at += record) {
    const int label = static_cast<uint8_t>(bytes[at + version.labels - 1]);
    if (label >= version.classes)
      fail(path.string(), ": record ", at / record, " has the label ", label, ", not one of 0 to ",
           version.classes - 1, "; fetch the file again");
    images.labels.push_back(label);
    images.pixels.insert(images.pixels.end(), bytes.data() + at + version.labels,
                         bytes.data() + at + record);
  }
}

std::vector<std::string> class_names(const fs::path& folder, const Version& version) {
  const fs::path path = folder / version.names;
  std::vector<std::string> names = version.default_names;
  std::error_code none;
  if (fs::exists(path, none)) {
    names.clear();
    for (const std::string& line : split(read_file(path), '\n'))
      if (const std::string_view name = trim(line); !name.empty()) names.emplace_back(name);
    if (names.size() != static_cast<size_t>(version.classes))
      fail(path.string(), ": names ", names.size(), " classes, not ", version.classes,
           "; fetch it again or remove it");
  }
  for (int i = static_cast<int>(names.size()); i < version.classes; ++i)
    names.push_back(std::to_string(i));
  return names;
}

bool has_any(const fs::path& folder, const std::vector<const char*>& names) {
  return std::any_of(names.begin(), names.end(), [&](const char* name) {
    std::error_code none;
    return fs::is_regular_file(folder / name, none);
  });
}

Parts read_version(const fs::path& folder, const Version& version, const ImageShape& shape,
                   const Work& work) {
  RawImages train{image_shape, {}, {}};
  RawImages test{image_shape, {}, {}};
  for (const char* name : version.train) {
    if (work.stop.stop_requested()) throw Interrupted(cat("interrupted: read ", version.name));
    append_records(folder / name, version, train);
  }
  append_records(folder / version.test, version, test);
  return fit(class_names(folder, version), std::move(train), std::move(test), shape, version.name);
}

}  // namespace

bool is_cifar10(const fs::path& folder) {
  return has_any(folder, {"data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"});
}
bool is_cifar100(const fs::path& folder) { return has_any(folder, {"train.bin", "test.bin"}); }

Parts read_cifar10(const fs::path& folder, const ImageShape& shape, const Work& work) {
  return read_version(folder, cifar10, shape, work);
}
Parts read_cifar100(const fs::path& folder, const ImageShape& shape, const Work& work) {
  return read_version(folder, cifar100, shape, work);
}

}  // namespace vpunas
