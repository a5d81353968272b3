#include "data/orientation.h"

#include <utility>

namespace vpunas {

int exif_orientation(std::span<const uint8_t> tiff) {
  if (tiff.size() < 8) return 1;
  const bool little = tiff[0] == 'I';
  const auto number = [&](size_t at, size_t bytes) -> size_t {  // 0 outside of the segment
    size_t value = 0;
    if (at > tiff.size() || bytes > tiff.size() - at) return 0;
    for (size_t i = 0; i < bytes; ++i) value = value << 8 | tiff[at + (little ? bytes - 1 - i : i)];
    return value;
  };
  if (number(2, 2) != 42) return 1;
  const size_t directory = number(4, 4);
  const size_t entries = number(directory, 2);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    if (number(entry, 2) != 0x0112 || number(entry + 2, 2) != 3) continue;
    const size_t orientation = number(entry + 8, 2);
    return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
  }
  return 1;
}

Image upright(Image image, const Turn& turn) {
  if (!turn.transposed && !turn.from_below && !turn.from_right) return image;
  const auto [channels, height, width] = image.shape;
  Image result{image.shape, {}};
  if (turn.transposed) std::swap(result.shape.height, result.shape.width);
  result.pixels.reserve(image.pixels.size());
  for (int c = 0; c < channels; ++c)
    for (int y = 0; y < result.shape.height; ++y)
      for (int x = 0; x < result.shape.width; ++x) {
        int row = turn.transposed ? x : y;
        int column = turn.transposed ? y : x;
        if (turn.from_below) row = height - 1 - row;
        if (turn.from_right) column = width - 1 - column;
        result.pixels.push_back(
            image.pixels[static_cast<size_t>((int64_t{1} * c * height + row) * width + column)]);
      }
  return result;
}

}  // namespace vpunas
