// Inside data/: the decoders behind read_image. Their errors do not name the file.
#pragma once

#include <cstdint>
#include <string_view>

#include "data/image_file.h"

namespace vpunas {

// Throws Error for an image of more than 100 megapixels, or of more pixels than `bytes` can hold at
// `pixels_per_byte`; both before anything is allocated for it.
void check_image_size(uint64_t width, uint64_t height, uint64_t bytes, uint64_t pixels_per_byte);

// `channels` is a wish: a JPEG with luma of its own is decoded as grey alone where 1 is enough.
Image decode_jpeg(std::string_view bytes, int channels, int shortest_side);
Image decode_png(std::string_view bytes);

// The window scaled to height x width; only the part of the file that it needs is decoded.
Image decode_jpeg_window(std::string_view bytes, int channels, const ChooseWindow& choose,
                         int height, int width);

// One row of interleaved pixels into row y of the planes of `image`.
void store_row(const uint8_t* row, int y, Image& image);

// ITU-R BT.601, in 1/65536.
inline uint8_t luma(int red, int green, int blue) {
  return static_cast<uint8_t>((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16);
}

// As `channels` planes: grey is repeated, colour becomes luma (ITU-R BT.601).
Image to_channels(Image image, int channels);

}  // namespace vpunas
