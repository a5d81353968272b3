// Images and files for the tests of data/, written by libjpeg, libpng and zlib themselves.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "data/dataset.h"
#include "data/image_file.h"

namespace vpunas {

// The message of the Error that `action` throws, "" where it throws none.
inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// Many times faster than write_file, which waits for the disk.
void write_quickly(const fs::path& path, const std::string& bytes);

// Smooth, different in every channel and direction, so that JPEG keeps it nearly exactly.
Image ramp(int channels, int height, int width);
Image noise(int channels, int height, int width, uint64_t seed);
Image constant(int channels, int height, int width, uint8_t value);

enum class JpegKind { baseline, progressive, cmyk_adobe, cmyk_plain, ycck };
struct JpegOptions {
  JpegKind kind = JpegKind::baseline;
  int orientation = 0;  // 0: no Exif segment
  bool little_endian = true;
  int quality = 95;
};
std::string encode_jpeg(const Image& image, const JpegOptions& options = {});

struct PngOptions {
  int depth = 8;
  bool palette = false;
  bool interlaced = false;
  int alpha = -1;  // of every pixel, -1: none
};
std::string encode_png(const Image& image, const PngOptions& options = {});

// An Exif segment without its marker: a TIFF directory of two entries, the second the orientation.
std::string exif_segment(int orientation, bool little_endian);

// Header and data of an IDX file.
std::string idx_bytes(const std::vector<uint32_t>& dims, const std::string& data);
std::string gzip(const std::string& bytes);

// The image of `images` at `index`.
Image load(const ImageSet& images, int64_t index);

double mean_difference(const Image& a, const Image& b);

// `bytes` with a few of them changed, cut or doubled.
std::string mutated(std::string bytes, Random& random);

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace vpunas
