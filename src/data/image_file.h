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

// Decodes JPEG (grey, YCbCr, CMYK; Exif orientation applied) and PNG (any depth, alpha over black,
// Exif orientation applied) to `channels`, 0: as in the file. For a JPEG much larger than
// `shortest_side` (if not 0) it decodes at a reduced scale whose short side is still not under it.
// Throws BadImage naming the file for anything truncated, foreign, larger than 100 megapixels or a
// thousand times as long as wide, and Error where it is unreadable.
Image read_image(const std::filesystem::path& path, int channels, int shortest_side = 0);

// A whole image as its file has it.
struct Original {
  std::string format;  // JPEG, PNG, IDX, CIFAR-10 or CIFAR-100
  Image image;
  size_t hash = 0;  // of its bytes, in this process alone
};
// Throws as read_image does.
Original read_original(const std::filesystem::path& path);

// The window that `choose` picks from the upright image, given its size, scaled to height x width
// as by resize() and in `channels` (1 or 3). A JPEG is decoded where the window lies, at a reduced
// scale that is still not under height x width: faults elsewhere in the file pass unseen. Throws as
// read_image does.
Image read_window(const std::filesystem::path& path, int channels, const ChooseWindow& choose,
                  int height, int width);

// A part of an image, in pixels and fractions of them.
struct Box {
  double top = 0, left = 0, height = 0, width = 0;
};

// Antialiased bilinear scaling to height x width, the same bytes as Pillow's Image.resize with
// BILINEAR. Of `box` where it is given; pixels beside it count as far as the filter reaches.
Image resize(const Image& image, int height, int width);
Image resize(const Image& image, const Box& box, int height, int width);

Image crop(const Image& image, const ImageWindow& window);

// Short side to `resize_to` (0: skip), then the central crop to height x width; with resize_to 0
// the whole image is scaled. Throws Error where resize_to is less than height or width.
Image resize_and_crop(const Image& image, int resize_to, int height, int width);

// The bytes of a PNG file.
std::string png_bytes(const Image& image);
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace vpunas
