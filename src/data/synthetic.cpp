#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "base/random.h"
#include "data/readers.h"

namespace vpunas {

namespace {

constexpr uint64_t stream = 0x73796e74686574;  // "synthet": apart from other uses of the seed

constexpr int64_t train_images = 2000;
constexpr int64_t test_images = 500;

struct Color {
  const char* name;
  int rgb[3];
};
// On the grey of the noise one is brighter and one is darker, so that a grey image tells them apart
// too.
constexpr Color colors[] = {{"orange", {240, 160, 40}}, {"blue", {20, 30, 140}}};
constexpr const char* shapes[] = {"disc", "square", "cross", "ring", "stripes"};

// Whether the point (x, y) from the centre lies in a shape of radius r.
bool inside(int64_t shape, int64_t x, int64_t y, int64_t r) {
  const int64_t distance2 = x * x + y * y;
  const int64_t longer = std::max(std::abs(x), std::abs(y));
  const int64_t shorter = std::min(std::abs(x), std::abs(y));
  switch (shape) {
    case 0:
      return distance2 <= r * r;
    case 1:
      return longer <= r * 7 / 8;
    case 2:
      return longer <= r && shorter <= r / 4;
    case 3:
      return distance2 <= r * r && 2 * distance2 >= r * r;
    default:
      return longer <= r && (y + r) * 5 / (2 * r + 1) % 2 == 0;
  }
}

// Noise of 64 to 127 around a shape of a random place and size. Integers only, in 1/16 pixels: the
// same everywhere.
void draw(const ImageShape& shape, int label, Random random, uint8_t* pixels) {
  constexpr int64_t unit = 16;
  const int64_t size = unit * std::min(shape.height, shape.width);
  const int64_t radius = size / 4 + random.below(size / 8 + 1);
  const int64_t center_x = unit * shape.width / 2 - size / 8 + random.below(size / 4 + 1);
  const int64_t center_y = unit * shape.height / 2 - size / 8 + random.below(size / 4 + 1);
  const auto kinds = static_cast<int>(std::size(shapes));
  const Color& color = colors[label / kinds];
  const int luma = (299 * color.rgb[0] + 587 * color.rgb[1] + 114 * color.rgb[2]) / 1000;
  for (int c = 0; c < shape.channels; ++c) {
    const int value = shape.channels == 1 ? luma : color.rgb[c];
    for (int y = 0; y < shape.height; ++y) {
      uint64_t noise = 0;
      for (int x = 0; x < shape.width; ++x, noise >>= 8) {
        if (x % 8 == 0) noise = random.next();
        const auto grain = static_cast<int>(noise & 63);
        const bool shown = inside(label % kinds, unit * x + unit / 2 - center_x,
                                  unit * y + unit / 2 - center_y, radius);
        *pixels++ =
            static_cast<uint8_t>(shown ? std::clamp(value + grain / 2 - 16, 0, 255) : 64 + grain);
      }
    }
  }
}

ImageSet part(const ImageShape& shape, uint64_t seed, uint64_t number, int64_t count) {
  constexpr int64_t classes = std::size(shapes) * std::size(colors);
  ImageSet images{shape, {}, {}};
  for (int64_t i = 0; i < count; ++i) images.labels.push_back(static_cast<int>(i % classes));
  images.load = [=](int64_t index, uint8_t* pixels) {
    draw(shape, static_cast<int>(index % classes),
         Random{seed, stream, number, static_cast<uint64_t>(index)}, pixels);
  };
  return images;
}

}  // namespace

Parts make_synthetic(const ImageShape& shape, uint64_t seed) {
  Parts parts;
  for (const Color& color : colors)
    for (const char* name : shapes) parts.classes.push_back(std::string(color.name) + " " + name);
  parts.train = part(shape, seed, 0, train_images);
  parts.test = part(shape, seed, 1, test_images);
  return parts;
}

}  // namespace vpunas
