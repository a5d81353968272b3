#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>

#include "base/error.h"
#include "base/files.h"
#include "data/decode.h"
#include "data/orientation.h"

namespace vpunas {

namespace {

// Deflate shrinks by at most a factor of 1032 and a PNG byte holds at most 8 pixels.
constexpr uint64_t pixels_per_byte = 8 * 1032;

// The full interface of libpng: the simplified one decodes interlaced images of 16 bits wrongly
// (1.6.39).
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : unread_(bytes) {
    guard([this] {
      png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    });
    if (png) info = png_create_info_struct(png);
    if (!info) {
      png_destroy_read_struct(&png, nullptr, nullptr);
      throw std::bad_alloc();
    }
    png_set_read_fn(png, this, on_read);
    png_set_chunk_cache_max(png, 1);  // texts are skipped: a small file may hold gigabytes of them
  }
  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Every call of libpng that may fail goes through here, in a lambda of nothing but that: on_error
  // jumps here, and passes over no destructors.
  template <class Step>
  void guard(const Step& step) {
    if (setjmp(jump_) != 0) fail("corrupt or truncated PNG (", message_, ")");
    step();
  }

  png_structp png = nullptr;
  png_infop info = nullptr;

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp message) {
    auto* decoder = static_cast<Decoder*>(png_get_error_ptr(png));
    std::snprintf(decoder->message_, sizeof decoder->message_, "%s", message);
    std::longjmp(decoder->jump_, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep out, size_t size) {
    std::string_view& unread = static_cast<Decoder*>(png_get_io_ptr(png))->unread_;
    if (size > unread.size()) png_error(png, "the file ends early");
    std::memcpy(out, unread.data(), size);
    unread.remove_prefix(size);
  }

  std::string_view unread_;
  std::jmp_buf jump_ = {};
  char message_[128] = {};
};

// Colours over black by their alpha, which is dropped.
void flatten(uint8_t* row, size_t width, size_t colors) {
  uint8_t* out = row;
  for (size_t x = 0; x < width; ++x, row += colors + 1)
    for (size_t c = 0; c < colors; ++c)
      *out++ = static_cast<uint8_t>((row[c] * row[colors] + 127) / 255);
}

}  // namespace

Image decode_png(std::string_view bytes) {
  Decoder decoder(bytes);
  const png_structp png = decoder.png;
  const png_infop info = decoder.info;
  decoder.guard([&] { png_read_info(png, info); });
  const size_t width = png_get_image_width(png, info);
  const size_t height = png_get_image_height(png, info);
  check_image_size(width, height, bytes.size(), pixels_per_byte);
  decoder.guard([&] {
    png_set_expand(
        png);  // palettes to colours, small depths to 8 bits, transparent colours to alpha
    png_set_scale_16(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
  });
  const size_t channels = png_get_channels(png, info);
  const size_t colors = channels <= 2 ? 1 : 3;
  std::vector<uint8_t> pixels(width * channels * height);
  std::vector<png_bytep> rows(height);
  for (size_t y = 0; y < height; ++y) rows[y] = pixels.data() + y * width * channels;
  decoder.guard([&] {
    png_read_image(png, rows.data());
    png_read_end(png, info);  // an orientation may stand behind the pixels
  });
  png_bytep exif = nullptr;
  png_uint_32 exif_size = 0;
  png_get_eXIf_1(png, info, &exif_size, &exif);

  Image image{{static_cast<int>(colors), static_cast<int>(height), static_cast<int>(width)}, {}};
  image.pixels.resize(static_cast<size_t>(image.shape.bytes()));
  for (size_t y = 0; y < height; ++y) {
    if (channels > colors) flatten(rows[y], width, colors);
    store_row(rows[y], static_cast<int>(y), image);
  }
  return upright(std::move(image), Turn(exif_orientation({exif, exif_size})));
}

std::string png_bytes(const Image& image) {
  const auto [channels, height, width] = image.shape;
  const size_t plane = static_cast<size_t>(height) * static_cast<size_t>(width);
  std::vector<uint8_t> interleaved(image.pixels.size());
  for (size_t c = 0; c < static_cast<size_t>(channels); ++c)
    for (size_t i = 0; i < plane; ++i)
      interleaved[i * static_cast<size_t>(channels) + c] = image.pixels[c * plane + i];

  png_image png = {};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(width);
  png.height = static_cast<png_uint_32>(height);
  png.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  std::string bytes(PNG_IMAGE_PNG_SIZE_MAX(png), '\0');
  png_alloc_size_t size = bytes.size();
  if (!png_image_write_to_memory(&png, bytes.data(), &size, 0, interleaved.data(), 0, nullptr))
    fail("an image of ", width, "x", height, " cannot be written as PNG (", png.message, ")");
  bytes.resize(size);
  return bytes;
}

void write_png(const fs::path& path, const Image& image) { write_file(path, png_bytes(image)); }

}  // namespace vpunas
