#include <png.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "data/decode.h"

namespace vpunas {

namespace {

// libpng's simplified interface: it reports errors by return values, where the full one would jump
// over our frames.
struct Png {
  png_image image = {};
  Png() { image.version = PNG_IMAGE_VERSION; }
  ~Png() { png_image_free(&image); }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;
};

// Deflate shrinks by at most a factor of 1032 and a PNG byte holds at most 8 pixels.
constexpr uint64_t pixels_per_byte = 8 * 1032;

}  // namespace

Image decode_png(std::string_view bytes) {
  Png png;
  if (!png_image_begin_read_from_memory(&png.image, bytes.data(), bytes.size()))
    fail("corrupt or truncated PNG (", png.image.message, ")");
  check_image_size(png.image.width, png.image.height, bytes.size(), pixels_per_byte);
  // The chunk that ends the file, with its checksum: libpng stops reading at the last pixel.
  if (bytes.rfind("IEND\xae\x42\x60\x82") == std::string_view::npos)
    fail("truncated PNG (no end chunk)");

  const bool color = png.image.format & PNG_FORMAT_FLAG_COLOR;
  const bool alpha = png.image.format & PNG_FORMAT_FLAG_ALPHA;
  png.image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  png.image.format = (color ? PNG_FORMAT_FLAG_COLOR : 0U) | (alpha ? PNG_FORMAT_FLAG_ALPHA : 0U);
  const size_t channels = PNG_IMAGE_PIXEL_CHANNELS(png.image.format);
  const size_t row_bytes = channels * png.image.width;
  std::vector<uint8_t> pixels(row_bytes * png.image.height);
  if (!png_image_finish_read(&png.image, nullptr, pixels.data(), 0, nullptr))
    fail("corrupt or truncated PNG (", png.image.message, ")");

  Image image{
      {color ? 3 : 1, static_cast<int>(png.image.height), static_cast<int>(png.image.width)}, {}};
  image.pixels.resize(static_cast<size_t>(image.shape.bytes()));
  for (int y = 0; y < image.shape.height; ++y) {
    uint8_t* row = pixels.data() + static_cast<size_t>(y) * row_bytes;
    if (alpha) {  // over black, in place; the colours close up
      const size_t colors = channels - 1;
      for (size_t x = 0; x < png.image.width; ++x)
        for (size_t c = 0; c < colors; ++c)
          row[x * colors + c] = static_cast<uint8_t>(
              (row[x * channels + c] * row[x * channels + colors] + 127) / 255);
    }
    store_row(row, y, image);
  }
  return image;
}

void write_png(const fs::path& path, const Image& image) {
  const auto [channels, height, width] = image.shape;
  const size_t plane = static_cast<size_t>(height) * static_cast<size_t>(width);
  std::vector<uint8_t> interleaved(image.pixels.size());
  for (size_t c = 0; c < static_cast<size_t>(channels); ++c)
    for (size_t i = 0; i < plane; ++i)
      interleaved[i * static_cast<size_t>(channels) + c] = image.pixels[c * plane + i];

  Png png;
  png.image.width = static_cast<png_uint_32>(width);
  png.image.height = static_cast<png_uint_32>(height);
  png.image.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  std::string bytes(PNG_IMAGE_PNG_SIZE_MAX(png.image), '\0');
  png_alloc_size_t size = bytes.size();
  if (!png_image_write_to_memory(&png.image, bytes.data(), &size, 0, interleaved.data(), 0,
                                 nullptr))
    fail(path.string(), ": cannot be written as PNG (", png.image.message, ")");
  write_file(path, std::string_view(bytes).substr(0, size));
}

}  // namespace vpunas
