// Inside data/: what read_dataset makes its parts of, one reader a format.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/image_file.h"

namespace vpunas {

// The images of a part as their files have them; empty where there are no files.
struct Originals {
  std::function<std::string(int64_t index)> name;  // the file, and the place where it holds several
  std::function<Original(int64_t index)> read;
};

// What a reader found.
struct Parts {
  std::vector<std::string> classes;
  ImageSet train, test;      // without test images where the files have no test part
  ImageSet validation = {};  // where they have one beside it
  bool slow = false;         // images are decoded or scaled at each load
  Originals train_originals = {}, test_originals = {}, validation_originals = {};
};

// What lies at the path of `config`: "idx", ...; throws Error where it is none that can be read.
std::string find_format(const DataConfig& config);
Parts read_parts(const std::string& format, const DataConfig& config, const ImageShape& shape,
                 uint64_t seed, const Work& work);

bool is_idx(const std::filesystem::path& folder);
Parts read_idx(const std::filesystem::path& folder, const ImageShape& shape);

bool is_cifar10(const std::filesystem::path& folder);
Parts read_cifar10(const std::filesystem::path& folder, const ImageShape& shape, const Work& work);

bool is_cifar100(const std::filesystem::path& folder);
Parts read_cifar100(const std::filesystem::path& folder, const ImageShape& shape, const Work& work);

bool is_image_folder(const std::filesystem::path& folder);
Parts read_image_folder(const std::filesystem::path& folder, const ImageShape& shape,
                        const Work& work);
// test/, else val/, else `folder` itself where it has no train/, with the classes found there.
Parts read_test_folder(const std::filesystem::path& folder, const ImageShape& shape, int resize,
                       const Work& work);
int image_folder_channels(const std::filesystem::path& folder, bool skip_bad);

Parts make_synthetic(const ImageShape& shape, uint64_t seed);

// Images of one shape as a file held them, one behind the other.
struct RawImages {
  ImageShape shape;
  std::vector<int> labels;
  std::vector<uint8_t> pixels;
  Image image(int64_t index) const;
};

// Whether images of `from` become `to` with a black border instead of being scaled.
bool fits_with_border(const ImageShape& from, const ImageShape& to);

// Raw images as images of `shape`: with a border or scaled, colours converted.
Parts fit(std::vector<std::string> classes, RawImages train, RawImages test,
          const ImageShape& shape, const std::string& format);

// `images` loaded into memory by all processors, without those to skip.
ImageSet hold(const ImageSet& images, const std::string& what, const Work& work);

// `images` without those to skip, each read once.
ImageSet readable(const ImageSet& images, const std::string& what, const Work& work);

}  // namespace vpunas
