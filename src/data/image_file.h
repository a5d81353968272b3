// JPEG and PNG files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace vpunas {

// A decoded image, CHW, 1 or 3 channels (RGB).
struct Image {
  ImageShape shape;
  std::vector<uint8_t> pixels;
};

// Decodes JPEG (grey, YCbCr, CMYK; EXIF orientation applied) and PNG (any depth, alpha over black)
// to `channels`, 0: as in the file. For a JPEG much larger than `shortest_side` (if not 0) it
// decodes at a reduced scale whose short side is still not under it. Throws Error naming the file
// for anything truncated, foreign or larger than 100 megapixels.
Image read_image(const std::filesystem::path& path, int channels, int shortest_side = 0);

// Antialiased bilinear scaling to height x width, the same bytes as Pillow's Image.resize with
// BILINEAR.
Image resize(const Image& image, int height, int width);

// Short side to `resize_to` (0: skip), then the central crop to height x width; with resize_to 0
// the whole image is scaled. Throws Error where resize_to is less than height or width.
Image resize_and_crop(const Image& image, int resize_to, int height, int width);

// The bytes of a PNG file.
std::string png_bytes(const Image& image);
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace vpunas
