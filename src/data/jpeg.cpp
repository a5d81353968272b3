#include <csetjmp>
#include <cstdio>  // jpeglib.h needs FILE
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <span>

#include "base/error.h"
#include "data/decode.h"
#include "data/orientation.h"

namespace vpunas {

namespace {

// A Huffman code takes at least one bit for each 8x8 block; the margin is for arithmetic coding.
constexpr uint64_t pixels_per_byte = 4 * 8 * 64;

// Refuses files made to keep a decoder busy for hours: progressive ones of thousands of scans.
// Encoders write about ten.
constexpr int most_scans = 500;

// libjpeg calls back here and must not return to the failed call: so it jumps into Decoder::guard.
struct Handler {
  jpeg_error_mgr base = {};  // first: libjpeg's pointer to it is ours to the whole
  jpeg_progress_mgr progress = {};
  std::jmp_buf jump = {};
  char message[JMSG_LENGTH_MAX] = {};
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* handler = reinterpret_cast<Handler*>(info->err);
  handler->base.format_message(info, handler->message);
  std::longjmp(handler->jump, 1);
}

// Warnings (level < 0) are of lost pixels, but for a few that real cameras and editors cause and
// that cost none.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_TOO_MUCH_DATA:
      return;
    default:
      on_error(info);
  }
}

void on_progress(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= most_scans) return;
  auto* handler = reinterpret_cast<Handler*>(info->err);
  std::snprintf(handler->message, sizeof handler->message, "more than %d scans", most_scans);
  std::longjmp(handler->jump, 1);
}

class Decoder {
 public:
  Decoder() {
    info.err = jpeg_std_error(&handler_.base);
    handler_.base.error_exit = on_error;
    handler_.base.emit_message = on_message;
    handler_.progress.progress_monitor = on_progress;
    guard([this] { jpeg_create_decompress(&info); });
    info.progress = &handler_.progress;
  }
  ~Decoder() { jpeg_destroy_decompress(&info); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Every call of libjpeg goes through here, in a lambda of nothing but that: a jump passes over no
  // destructors.
  template <class Step>
  void guard(const Step& step) {
    if (setjmp(handler_.jump) != 0) fail("corrupt or truncated JPEG (", handler_.message, ")");
    step();
  }

  jpeg_decompress_struct info = {};

 private:
  Handler handler_;
};

int orientation_of(const jpeg_decompress_struct& info) {
  for (const jpeg_marker_struct* marker = info.marker_list; marker; marker = marker->next) {
    constexpr std::string_view signature("Exif\0\0", 6);
    const std::string_view bytes(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (!bytes.starts_with(signature)) continue;
    const int orientation =
        exif_orientation(std::span(marker->data, marker->data_length).subspan(signature.size()));
    if (orientation != 1) return orientation;
  }
  return 1;
}

// The part of the stored image of height x width that is `window` of the upright one.
ImageWindow stored(ImageWindow window, const Turn& turn, int height, int width) {
  if (turn.transposed) window = {window.left, window.top, window.width, window.height};
  if (turn.from_below) window.top = height - window.top - window.height;
  if (turn.from_right) window.left = width - window.left - window.width;
  return window;
}

// Inks to light, in place; Adobe's programs store CMYK inverted.
void cmyk_to_rgb(std::span<uint8_t> row, bool inverted) {
  const auto light = [&](uint8_t ink) { return inverted ? ink : 255 - ink; };
  for (size_t in = 0, out = 0; in + 3 < row.size(); in += 4, out += 3)
    for (size_t c = 0; c < 3; ++c)
      row[out + c] = static_cast<uint8_t>((light(row[in + c]) * light(row[in + 3]) + 127) / 255);
}

J_COLOR_SPACE output_space(const jpeg_decompress_struct& info, int channels) {
  switch (info.jpeg_color_space) {
    case JCS_GRAYSCALE:
      return JCS_GRAYSCALE;
    case JCS_YCbCr:
      return channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    case JCS_RGB:
      return JCS_RGB;
    case JCS_CMYK:
    case JCS_YCCK:
      return JCS_CMYK;
    default:
      fail("a JPEG of ", info.num_components, " components is not an image that vpunas knows");
  }
}

// The scale in eighths at which `side` pixels are still not under `wanted`.
unsigned least_eighths(int64_t side, int64_t wanted) {
  return static_cast<unsigned>(std::clamp<int64_t>((8 * wanted + side - 1) / side, 1, 8));
}

// Reads the header and sets the colours to decode to; returns the orientation, whose segment does
// not outlive the decoding.
Turn read_header(Decoder& decoder, std::string_view bytes, int channels) {
  jpeg_decompress_struct& info = decoder.info;
  decoder.guard([&] {
    jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    jpeg_save_markers(&info, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&info, TRUE);
  });
  check_image_size(info.image_width, info.image_height, bytes.size(), pixels_per_byte);
  info.out_color_space = output_space(info, channels);
  info.scale_num = info.scale_denom = 8;
  return Turn(orientation_of(info));
}

// The next `height` rows.
Image read_rows(Decoder& decoder, int height) {
  jpeg_decompress_struct& info = decoder.info;
  const bool cmyk = info.out_color_space == JCS_CMYK;
  Image image{
      {info.out_color_space == JCS_GRAYSCALE ? 1 : 3, height, static_cast<int>(info.output_width)},
      {}};
  image.pixels.resize(static_cast<size_t>(image.shape.bytes()));
  std::vector<uint8_t> row(size_t{info.output_width} * static_cast<size_t>(info.output_components));
  for (int y = 0; y < height; ++y) {
    uint8_t* pixels = row.data();
    decoder.guard([&] { jpeg_read_scanlines(&info, &pixels, 1); });
    if (cmyk) cmyk_to_rgb(row, info.saw_Adobe_marker);
    store_row(row.data(), y, image);
  }
  return image;
}

}  // namespace

Image decode_jpeg(std::string_view bytes, int channels, int shortest_side) {
  Decoder decoder;
  jpeg_decompress_struct& info = decoder.info;
  const Turn turn = read_header(decoder, bytes, channels);
  if (shortest_side > 0)
    info.scale_num =
        std::bit_ceil(least_eighths(std::min(info.image_width, info.image_height), shortest_side));
  decoder.guard([&] { jpeg_start_decompress(&info); });
  Image image = read_rows(decoder, static_cast<int>(info.output_height));
  decoder.guard([&] { jpeg_finish_decompress(&info); });
  return upright(std::move(image), turn);
}

Image decode_jpeg_window(std::string_view bytes, int channels, const ChooseWindow& choose,
                         int height, int width) {
  Decoder decoder;
  jpeg_decompress_struct& info = decoder.info;
  const Turn turn = read_header(decoder, bytes, channels);
  const int image_height = static_cast<int>(info.image_height);
  const int image_width = static_cast<int>(info.image_width);
  ImageWindow window =
      turn.transposed ? choose(image_width, image_height) : choose(image_height, image_width);
  window = stored(window, turn, image_height, image_width);
  if (turn.transposed) std::swap(height, width);
  info.scale_num =
      std::max(least_eighths(window.height, height), least_eighths(window.width, width));
  decoder.guard([&] { jpeg_start_decompress(&info); });

  // The window among the decoder's pixels, and the whole pixels that it touches. The decoder gives
  // blocks of columns.
  const double scale = info.scale_num / 8.0;
  Box box{window.top * scale, window.left * scale, window.height * scale, window.width * scale};
  const auto top = static_cast<JDIMENSION>(box.top);
  const auto rows = static_cast<int>(std::ceil(box.top + box.height)) - static_cast<int>(top);
  auto left = static_cast<JDIMENSION>(box.left);
  auto columns = static_cast<JDIMENSION>(std::ceil(box.left + box.width)) - left;
  decoder.guard([&] {
    jpeg_crop_scanline(&info, &left, &columns);
    jpeg_skip_scanlines(&info, top);
  });
  const Image part = read_rows(decoder, rows);
  box.top -= top;
  box.left -= left;
  return upright(resize(part, box, height, width), turn);
}

}  // namespace vpunas
