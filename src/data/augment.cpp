#include "data/augment.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "data/image_file.h"
#include "data/rand_augment.h"

namespace vpunas {

namespace {

// Attempts at a rectangle of a random shape that lies inside the image, as in the papers' code.
constexpr int attempts = 10;

double between(double least, double most, Random& random) {
  return least + (most - least) * random.uniform();
}

// A rectangle of random area (a share of the image's) and ratio (uniform in its logarithm)
// somewhere in height x width; a height of 0 where all attempts were too large.
ImageWindow random_window(int height, int width, double least_area, double most_area,
                          double least_ratio, double most_ratio, Random& random) {
  for (int i = 0; i < attempts; ++i) {
    const double area = between(least_area, most_area, random) * height * width;
    const double ratio = std::exp(between(std::log(least_ratio), std::log(most_ratio), random));
    const auto w = static_cast<int>(std::lround(std::sqrt(area * ratio)));
    const auto h = static_cast<int>(std::lround(std::sqrt(area / ratio)));
    if (w < 1 || w > width || h < 1 || h > height) continue;
    const auto top = static_cast<int>(random.below(height - h + 1));
    const auto left = static_cast<int>(random.below(width - w + 1));
    return {top, left, h, w};
  }
  return {};
}

ImageWindow window_to_crop(int height, int width, const Augmentation& augmentation,
                           Random& random) {
  const std::vector<double>& area = augmentation.crop_scale;
  const std::vector<double>& ratio = augmentation.crop_ratio;
  ImageWindow window = random_window(height, width, area[0], area[1], ratio[0], ratio[1], random);
  if (window.height > 0) return window;
  // The largest one in the middle.
  const double allowed = std::clamp(static_cast<double>(width) / height, ratio[0], ratio[1]);
  window.width = std::clamp(static_cast<int>(std::lround(height * allowed)), 1, width);
  window.height = std::clamp(static_cast<int>(std::lround(width / allowed)), 1, height);
  window.top = (height - window.height) / 2;
  window.left = (width - window.width) / 2;
  return window;
}

// out[y][x] = in[y + down][x + right], black outside.
void shift(const ImageShape& shape, const uint8_t* in, int down, int right, uint8_t* out) {
  const int begin = std::clamp(-right, 0, shape.width);
  const int end = std::clamp(shape.width - right, begin, shape.width);
  for (int channel = 0; channel < shape.channels; ++channel, in += shape.height * shape.width)
    for (int y = 0; y < shape.height; ++y, out += shape.width) {
      const int from = y + down;
      if (from < 0 || from >= shape.height || begin == end) {
        std::memset(out, 0, static_cast<size_t>(shape.width));
        continue;
      }
      std::memset(out, 0, static_cast<size_t>(begin));
      std::memcpy(out + begin, in + from * shape.width + begin + right,
                  static_cast<size_t>(end - begin));
      std::memset(out + end, 0, static_cast<size_t>(shape.width - end));
    }
}

void jitter(const Planes& image, double strength, Random& random) {
  std::vector<void (*)(const Planes&, double)> changes{change_brightness, change_contrast,
                                                       change_saturation};
  random.shuffle(changes);
  for (const auto& change : changes) change(image, between(1 - strength, 1 + strength, random));
}

void erase(const Planes& image, Random& random) {
  const auto [channels, height, width] = image.shape;
  const ImageWindow hole = random_window(height, width, 0.02, 0.33, 0.3, 3.3, random);
  for (int c = 0; c < channels; ++c)
    for (int y = 0; y < hole.height; ++y) {
      uint8_t* row = image.pixels + c * image.plane() + (hole.top + y) * width + hole.left;
      std::generate(row, row + hole.width, [&] { return static_cast<uint8_t>(random.next()); });
    }
}

void require_range(const char* key, const std::vector<double>& range) {
  if (range.size() != 2 || range[0] > range[1])
    fail("augment.", key, ": must be a least and a most, as [0.5, 1]");
}

}  // namespace

void check(const Augmentation& augmentation) {
  require_range("crop_scale", augmentation.crop_scale);
  require_range("crop_ratio", augmentation.crop_ratio);
  if (augmentation.random_resized_crop && augmentation.crop_padding > 0)
    fail("augment.crop_padding and augment.random_resized_crop both crop; set one of them");
}

void load_augmented(const ImageSet& images, int64_t index, const Augmentation& augmentation,
                    Random random, std::vector<uint8_t>& scratch, uint8_t* out) {
  const Planes image{images.shape, out};
  const int padding = augmentation.crop_padding;
  const int down = static_cast<int>(random.below(2 * padding + 1)) - padding;
  const int right = static_cast<int>(random.below(2 * padding + 1)) - padding;
  const bool mirrored = augmentation.flip && random.below(2) == 1;
  if (augmentation.random_resized_crop) {
    load_window(
        images, index,
        [&](int height, int width) { return window_to_crop(height, width, augmentation, random); },
        out);
  } else if (down == 0 && right == 0) {
    images.load(index, out);
  } else {
    scratch.resize(static_cast<size_t>(images.shape.bytes()));
    images.load(index, scratch.data());
    shift(images.shape, scratch.data(), down, right, out);
  }
  if (mirrored) mirror(image);
  rand_augment(image, augmentation.rand_augment, augmentation.rand_augment_magnitude, random,
               scratch);
  if (augmentation.color_jitter > 0) jitter(image, augmentation.color_jitter, random);
  if (augmentation.erase > 0 && random.uniform() < augmentation.erase) erase(image, random);
}

}  // namespace vpunas
