#include "tests/data/support.h"

#include <cstdio>
// clang-format off
#include <jpeglib.h>
// clang-format on
#include <png.h>
#include <zlib.h>

#include <cstdlib>
#include <fstream>

namespace vpunas {

namespace {

std::vector<uint8_t> interleave(const Image& image) {
  const auto channels = static_cast<size_t>(image.shape.channels);
  const size_t plane = image.pixels.size() / channels;
  std::vector<uint8_t> result(image.pixels.size());
  for (size_t c = 0; c < channels; ++c)
    for (size_t i = 0; i < plane; ++i) result[i * channels + c] = image.pixels[c * plane + i];
  return result;
}

template <class Value>
Image make(int channels, int height, int width, Value value) {
  Image image{{channels, height, width}, {}};
  for (int c = 0; c < channels; ++c)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) image.pixels.push_back(static_cast<uint8_t>(value(c, y, x)));
  return image;
}

}  // namespace

void write_quickly(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  fs::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

Image ramp(int channels, int height, int width) {
  return make(channels, height, width, [&](int c, int y, int x) {
    return 20 + 30 * c + 70 * x / width + (c == 1 ? -1 : 1) * 40 * y / height + 40;
  });
}

Image noise(int channels, int height, int width, uint64_t seed) {
  Random random{seed};
  return make(channels, height, width, [&](int, int, int) { return random.below(256); });
}

Image constant(int channels, int height, int width, uint8_t value) {
  return make(channels, height, width, [&](int, int, int) { return value; });
}

std::string exif_segment(int orientation, bool little_endian) {
  std::string bytes("Exif\0\0", 6);
  const auto put = [&](unsigned value, int size) {
    for (int i = 0; i < size; ++i)
      bytes.push_back(static_cast<char>(value >> 8 * (little_endian ? i : size - 1 - i)));
  };
  bytes += little_endian ? "II" : "MM";
  put(42, 2), put(8, 4);
  put(2, 2);
  put(0x010f, 2), put(2, 2), put(4, 4), put(0, 4);  // the maker, as another entry
  put(0x0112, 2), put(3, 2), put(1, 4), put(static_cast<unsigned>(orientation), 2), put(0, 2);
  put(0, 4);
  return bytes;
}

std::string encode_jpeg(const Image& image, const JpegOptions& options) {
  const bool cmyk = options.kind >= JpegKind::cmyk_adobe;
  std::vector<uint8_t> rows = interleave(image);
  int components = image.shape.channels;
  if (cmyk) {  // no black ink; Adobe's values are inverted, and libjpeg writes Adobe's marker
               // unless told not to
    std::vector<uint8_t> inks;
    for (size_t i = 0; i < rows.size(); i += 3) {
      for (size_t c = 0; c < 3; ++c)
        inks.push_back(options.kind == JpegKind::cmyk_plain
                           ? static_cast<uint8_t>(255 - rows[i + c])
                           : rows[i + c]);
      inks.push_back(options.kind == JpegKind::cmyk_plain ? 0 : 255);
    }
    rows = inks;
    components = 4;
  }
  jpeg_compress_struct info = {};
  jpeg_error_mgr errors = {};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &buffer, &size);
  info.image_width = static_cast<JDIMENSION>(image.shape.width);
  info.image_height = static_cast<JDIMENSION>(image.shape.height);
  info.input_components = components;
  info.in_color_space = cmyk ? JCS_CMYK : components == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_set_defaults(&info);
  if (options.kind == JpegKind::ycck) jpeg_set_colorspace(&info, JCS_YCCK);
  if (options.kind == JpegKind::cmyk_plain) info.write_Adobe_marker = FALSE;
  jpeg_set_quality(&info, options.quality, TRUE);
  if (options.kind == JpegKind::progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  if (options.orientation != 0) {
    const std::string segment = exif_segment(options.orientation, options.little_endian);
    jpeg_write_marker(&info, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(segment.data()),
                      static_cast<unsigned>(segment.size()));
  }
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = rows.data() +
                   size_t{info.next_scanline} * info.image_width * static_cast<size_t>(components);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string bytes(reinterpret_cast<char*>(buffer), size);
  std::free(buffer);
  return bytes;
}

std::string encode_png(const Image& image, const PngOptions& options) {
  const std::vector<uint8_t> pixels = interleave(image);
  std::vector<uint8_t> rows;
  for (size_t i = 0; i < pixels.size(); ++i) {
    rows.push_back(pixels[i]);
    if (options.depth == 16) rows.push_back(pixels[i]);  // v * 257
    const bool last = (i + 1) % static_cast<size_t>(image.shape.channels) == 0;
    if (options.alpha >= 0 && last)
      rows.insert(rows.end(), static_cast<size_t>(options.depth / 8),
                  static_cast<uint8_t>(options.alpha));
  }
  const size_t stride = rows.size() / static_cast<size_t>(image.shape.height);
  std::vector<png_bytep> pointers;
  for (int y = 0; y < image.shape.height; ++y)
    pointers.push_back(rows.data() + static_cast<size_t>(y) * stride);

  std::string bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &bytes,
      [](png_structp p, png_bytep data, size_t size) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(data), size);
      },
      nullptr);
  const int type = options.palette ? PNG_COLOR_TYPE_PALETTE
                                   : (image.shape.channels == 3 ? PNG_COLOR_MASK_COLOR : 0) |
                                         (options.alpha >= 0 ? PNG_COLOR_MASK_ALPHA : 0);
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.shape.width),
               static_cast<png_uint_32>(image.shape.height), options.depth, type,
               options.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (options.palette) {  // index i is the colour (i, 255 - i, 7)
    std::vector<png_color> palette;
    for (int i = 0; i < 256; ++i)
      palette.push_back({static_cast<png_byte>(i), static_cast<png_byte>(255 - i), 7});
    png_set_PLTE(png, info, palette.data(), 256);
  }
  png_write_info(png, info);
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

std::string idx_bytes(const std::vector<uint32_t>& dims, const std::string& data) {
  std::string bytes{0, 0, 8, static_cast<char>(dims.size())};
  for (const uint32_t dim : dims)
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(dim >> shift));
  return bytes + data;
}

std::string gzip(const std::string& bytes) {
  z_stream stream = {};
  constexpr int gzip_window = 15 + 16;
  deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY);
  std::string result(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  deflate(&stream, Z_FINISH);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

Image load(const ImageSet& images, int64_t index) {
  Image image{images.shape, std::vector<uint8_t>(static_cast<size_t>(images.shape.bytes()), 99)};
  images.load(index, image.pixels.data());
  return image;
}

double mean_difference(const Image& a, const Image& b) {
  if (a.shape != b.shape || a.pixels.size() != b.pixels.size()) return 1e9;
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(a.pixels[i] - b.pixels[i]);
  return sum / static_cast<double>(a.pixels.size());
}

std::string mutated(std::string bytes, Random& random) {
  const auto place = [&] {
    return static_cast<size_t>(random.below(static_cast<int64_t>(bytes.size())));
  };
  for (int64_t left = 1 + random.below(8); left > 0 && !bytes.empty(); --left) {
    switch (random.below(6)) {
      case 0:
        bytes.resize(place());
        break;
      case 1:
        bytes.insert(place(), bytes.substr(place(), 16));
        break;
      case 2:
        bytes.erase(place(), 4);
        break;
      case 3:
        bytes[place()] ^= static_cast<char>(1 << random.below(8));
        break;
      default:
        bytes[place()] = static_cast<char>(random.below(256));
    }
  }
  return bytes;
}

}  // namespace vpunas
