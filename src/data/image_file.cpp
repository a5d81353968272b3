#include "data/image_file.h"

#include <algorithm>
#include <cassert>
#include <functional>

#include "base/error.h"
#include "base/files.h"
#include "data/decode.h"
#include "data/rows.h"

namespace vpunas {

namespace {

constexpr uint64_t most_pixels = 100'000'000;
// A line of a million pixels is a small file, and gigabytes once its short side is a network's.
constexpr uint64_t most_elongated = 1000;

bool is_jpeg(std::string_view bytes) { return bytes.starts_with("\xff\xd8\xff"); }

Image decode(std::string_view bytes, int channels, int shortest_side) {
  if (bytes.empty()) fail("empty file");
  if (is_jpeg(bytes)) return decode_jpeg(bytes, channels, shortest_side);
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return decode_png(bytes);
  fail("neither a JPEG nor a PNG image");
}

Image decode_window(std::string_view bytes, int channels, const ChooseWindow& choose, int height,
                    int width) {
  if (is_jpeg(bytes)) return decode_jpeg_window(bytes, channels, choose, height, width);
  const Image whole = decode(bytes, channels, 0);
  return resize(crop(whole, choose(whole.shape.height, whole.shape.width)), height, width);
}

// read(bytes), with errors that name the file.
template <class Read>
auto read_named(const fs::path& path, const Read& read) {
  const std::string bytes = read_file(path);
  try {
    return read(bytes);
  } catch (const Error& error) {
    throw BadImage(cat(path.string(), ": ", error.what(), "; replace or remove this image"));
  }
}

}  // namespace

void check_image_size(uint64_t width, uint64_t height, uint64_t bytes, uint64_t pixels_per_byte) {
  if (width * height > most_pixels)
    fail(width, "x", height, " pixels are more than 100 megapixels");
  if (std::max(width, height) > most_elongated * std::min(width, height))
    fail(width, "x", height, " pixels are a line, no picture");
  if (width * height / pixels_per_byte > bytes)
    fail(bytes, " bytes are too few for ", width, "x", height, " pixels: truncated or corrupt");
}

void store_row(const uint8_t* row, int y, Image& image) {
  const auto [channels, height, width] = image.shape;
  const int64_t plane = int64_t{1} * height * width;
  uint8_t* out = &image.pixels[static_cast<size_t>(int64_t{1} * y * width)];
  if (channels == 1)
    std::copy(row, row + width, out);
  else
    deinterleave(row, width, out, out + plane, out + 2 * plane);
}

Image to_channels(Image image, int channels) {
  if (channels == 0 || image.shape.channels == channels) return image;
  assert(image.shape.channels + channels == 4);
  const auto plane = image.pixels.size() / static_cast<size_t>(image.shape.channels);
  image.shape.channels = channels;
  if (channels == 3) {
    image.pixels.reserve(3 * plane);  // so that the iterators stay valid
    for (int copy = 0; copy < 2; ++copy)
      image.pixels.insert(image.pixels.end(), image.pixels.begin(),
                          image.pixels.begin() + static_cast<std::ptrdiff_t>(plane));
    return image;
  }
  uint8_t* red = image.pixels.data();
  const uint8_t* green = red + plane;
  const uint8_t* blue = green + plane;
  for (size_t i = 0; i < plane; ++i) red[i] = luma(red[i], green[i], blue[i]);
  image.pixels.resize(plane);
  return image;
}

Image read_image(const fs::path& path, int channels, int shortest_side) {
  assert(channels == 0 || channels == 1 || channels == 3);
  return read_named(path, [&](const std::string& bytes) {
    return to_channels(decode(bytes, channels, shortest_side), channels);
  });
}

Original read_original(const fs::path& path) {
  return read_named(path, [&](const std::string& bytes) {
    return Original{is_jpeg(bytes) ? "JPEG" : "PNG", decode(bytes, 0, 0),
                    std::hash<std::string>()(bytes)};
  });
}

Image read_window(const fs::path& path, int channels, const ChooseWindow& choose, int height,
                  int width) {
  assert(channels == 1 || channels == 3);
  return read_named(path, [&](const std::string& bytes) {
    return to_channels(decode_window(bytes, channels, choose, height, width), channels);
  });
}

}  // namespace vpunas
