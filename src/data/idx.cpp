// The format of MNIST: http://yann.lecun.com/exdb/mnist, "The IDX file format".
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "data/readers.h"

namespace vpunas {

namespace {

constexpr int most_side = 4096;

struct IdxArray {
  std::vector<int64_t> dims;
  std::vector<uint8_t> data;
};

// Looks for FOLDER/NAME and FOLDER/NAME.gz; empty where there is neither.
fs::path find_file(const fs::path& folder, const char* name) {
  for (const char* extension : {"", ".gz"}) {
    fs::path path = folder / (std::string(name) + extension);
    std::error_code none;
    if (fs::is_regular_file(path, none)) return path;
  }
  return {};
}

// A file read through zlib, which passes files that are not compressed through as they are.
class GzFile {
 public:
  explicit GzFile(const fs::path& path) : path_(path), file_(gzopen(path.c_str(), "rb"), gzclose) {
    if (!file_) fail(path.string(), ": cannot be opened; check that it exists and may be read");
    gzbuffer(file_.get(), 1 << 17);
  }

  // Up to `size` bytes; fewer at the end of the file.
  size_t read(void* bytes, size_t size) {
    const int count = gzread(file_.get(), bytes, static_cast<unsigned>(size));
    int status = Z_OK;
    const char* message = gzerror(file_.get(), &status);
    if (count < 0 || status != Z_OK)
      fail(path_.string(), ": truncated or corrupt (", message, "); fetch it again");
    return static_cast<size_t>(count);
  }

  // The most bytes that the whole file can hold: deflate shrinks by at most a factor of 1032.
  uint64_t most_bytes() const { return fs::file_size(path_) * (gzdirect(file_.get()) ? 1 : 1032); }

 private:
  fs::path path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

// An array of `dimensions` dimensions of unsigned bytes.
IdxArray read_array(const fs::path& path, size_t dimensions) {
  GzFile file(path);
  std::vector<uint8_t> header(4 + 4 * dimensions);
  if (file.read(header.data(), header.size()) != header.size())
    fail(path.string(), ": too short for an IDX file; fetch it again");
  constexpr uint8_t unsigned_byte = 8;
  if (header[0] != 0 || header[1] != 0 || header[2] != unsigned_byte || header[3] != dimensions)
    fail(path.string(), ": not an IDX file of ", dimensions, "-dimensional bytes; check data.path");

  IdxArray array;
  const uint64_t room = file.most_bytes() - std::min<uint64_t>(file.most_bytes(), header.size());
  uint64_t total = 1;
  for (size_t i = 4; i < header.size(); i += 4) {
    const uint64_t dim =
        uint64_t{header[i]} << 24 | header[i + 1] << 16 | header[i + 2] << 8 | header[i + 3];
    if (dim == 0) fail(path.string(), ": holds no data; fetch it again");
    if (dim > room / total) fail(path.string(), ": shorter than its header says; fetch it again");
    total *= dim;
    array.dims.push_back(static_cast<int64_t>(dim));
  }
  // Memory grows with what the file really holds.
  constexpr size_t step = size_t{1} << 24;
  while (array.data.size() < total) {
    const size_t before = array.data.size();
    const size_t wanted = std::min<uint64_t>(total - before, step);
    array.data.resize(before + wanted);
    if (file.read(array.data.data() + before, wanted) != wanted)
      fail(path.string(), ": shorter than its header says; fetch it again");
  }
  uint8_t beyond = 0;  // reading to the end also makes zlib compare its checksum
  if (file.read(&beyond, 1) != 0)
    fail(path.string(), ": longer than its header says; fetch it again");
  return array;
}

RawImages read_part(const fs::path& folder, const std::string& prefix) {
  std::array<fs::path, 2> paths;
  std::array<std::string, 2> names{prefix + "-images-idx3-ubyte", prefix + "-labels-idx1-ubyte"};
  for (size_t i = 0; i < 2; ++i) {
    paths[i] = find_file(folder, names[i].c_str());
    if (paths[i].empty())
      fail((folder / names[i]).string(), "[.gz]: missing; fetch it or set data.path");
  }
  IdxArray images = read_array(paths[0], 3);
  const IdxArray labels = read_array(paths[1], 1);
  if (images.dims[1] > most_side || images.dims[2] > most_side)
    fail(paths[0].string(), ": images of ", images.dims[1], "x", images.dims[2],
         " are larger than ", most_side, "x", most_side);
  if (images.dims[0] != labels.dims[0])
    fail(paths[1].string(), ": ", labels.dims[0], " labels for ", images.dims[0], " images in ",
         paths[0].filename().string(), "; fetch both again");
  return {{1, static_cast<int>(images.dims[1]), static_cast<int>(images.dims[2])},
          {labels.data.begin(), labels.data.end()},
          std::move(images.data)};
}

std::vector<std::string> class_names(const fs::path& folder, int classes) {
  std::string path = folder.string();
  std::transform(path.begin(), path.end(), path.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (classes == 10 && path.find("fashion") != std::string::npos)
    return {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
            "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  std::vector<std::string> names;
  for (int i = 0; i < classes; ++i) names.push_back(std::to_string(i));
  return names;
}

// The number of classes. The format does not say it, so that a stray label shows only as one far
// from the others; label 0 may be unused (EMNIST Letters counts from 1).
int count_classes(const fs::path& folder, const RawImages& train, const RawImages& test) {
  std::array<bool, 256> used{};
  for (const int label : train.labels) used[static_cast<size_t>(label)] = true;
  const int greatest = *std::max_element(train.labels.begin(), train.labels.end());
  for (int label = 1; label < greatest; ++label)
    if (!used[static_cast<size_t>(label)])
      fail(folder.string(), ": training labels go up to ", greatest, " but none is ", label,
           "; the label file is corrupt, fetch it again");
  for (const int label : test.labels)
    if (label > greatest)
      fail(folder.string(), ": test label ", label, " is out of range, training labels go up to ",
           greatest, "; fetch both label files again");
  return greatest + 1;
}

}  // namespace

bool is_idx(const fs::path& folder) {
  return !find_file(folder, "train-images-idx3-ubyte").empty() ||
         !find_file(folder, "train-labels-idx1-ubyte").empty();
}

Parts read_idx(const fs::path& folder, const ImageShape& shape) {
  RawImages train = read_part(folder, "train");
  RawImages test = read_part(folder, "t10k");
  std::vector<std::string> classes = class_names(folder, count_classes(folder, train, test));
  return fit(std::move(classes), std::move(train), std::move(test), shape, "IDX");
}

}  // namespace vpunas
