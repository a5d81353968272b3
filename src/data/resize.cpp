#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "data/image_file.h"
#include "data/rows.h"

namespace vpunas {

namespace {

// The triangle filter over the part of `length` pixels from `begin` on, as wide as one input pixel
// when enlarging and as one output pixel when shrinking. Arithmetic and rounding are those of
// Pillow's BILINEAR (github.com/python-pillow/Pillow, src/libImaging/Resample.c), so results agree
// with images prepared in Python bit by bit.
std::vector<Tap> triangle_taps(int input, double begin, double length, int output) {
  const double scale = length / output;
  const double support = std::max(scale, 1.0);
  std::vector<Tap> taps(static_cast<size_t>(output));
  std::vector<double> weights;
  for (int out = 0; out < output; ++out) {
    const double center = begin + (out + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int end = std::min(static_cast<int>(center + support + 0.5), input);
    weights.clear();
    double sum = 0;
    for (int in = first; in < end; ++in) {
      const double distance = std::abs((in - center + 0.5) * (1.0 / support));
      weights.push_back(distance < 1.0 ? 1.0 - distance : 0.0);
      sum += weights.back();
    }
    Tap& tap = taps[static_cast<size_t>(out)];
    tap.first = first;
    for (const double weight : weights)
      tap.weights.push_back(static_cast<int32_t>(0.5 + weight / sum * (1 << fraction_bits)));
  }
  return taps;
}

Image resize_height(const Image& image, const Box& box, int height) {
  const ImageShape& from = image.shape;
  Image result{{from.channels, height, from.width}, {}};
  result.pixels.resize(static_cast<size_t>(result.shape.bytes()));
  const std::vector<Tap> taps = triangle_taps(from.height, box.top, box.height, height);
  for (int channel = 0; channel < from.channels; ++channel)
    blend_rows(&image.pixels[static_cast<size_t>(int64_t{1} * channel * from.height * from.width)],
               from.width, taps,
               &result.pixels[static_cast<size_t>(int64_t{1} * channel * height * from.width)]);
  return result;
}

// Some rows at a time, on their side, so that neighbours in memory are in the same column.
Image resize_width(const Image& image, const Box& box, int width) {
  constexpr int rows_at_once = 64;
  const ImageShape& from = image.shape;
  Image result{{from.channels, from.height, width}, {}};
  result.pixels.resize(static_cast<size_t>(result.shape.bytes()));
  const std::vector<Tap> taps = triangle_taps(from.width, box.left, box.width, width);
  std::vector<uint8_t> before(static_cast<size_t>(rows_at_once) * static_cast<size_t>(from.width));
  std::vector<uint8_t> after(static_cast<size_t>(rows_at_once) * static_cast<size_t>(width));
  const uint8_t* in = image.pixels.data();
  uint8_t* out = result.pixels.data();
  for (int left = from.channels * from.height; left > 0; left -= rows_at_once) {
    const int rows = std::min(left, rows_at_once);
    transpose(in, from.width, rows, from.width, before.data(), rows_at_once);
    blend_rows(before.data(), rows_at_once, taps, after.data());
    transpose(after.data(), rows_at_once, width, rows, out, width);
    in += int64_t{1} * rows * from.width;
    out += int64_t{1} * rows * width;
  }
  return result;
}

}  // namespace

Image crop(const Image& image, const ImageWindow& window) {
  const auto [channels, height, width] = image.shape;
  assert(window.top >= 0 && window.left >= 0 && window.top + window.height <= height &&
         window.left + window.width <= width);
  if (window.height == height && window.width == width) return image;
  Image result{{channels, window.height, window.width}, {}};
  result.pixels.resize(static_cast<size_t>(result.shape.bytes()));
  uint8_t* out = result.pixels.data();
  for (int channel = 0; channel < channels; ++channel)
    for (int y = 0; y < window.height; ++y, out += window.width) {
      const int64_t row = int64_t{1} * channel * height + window.top + y;
      std::memcpy(out, &image.pixels[static_cast<size_t>(row * width + window.left)],
                  static_cast<size_t>(window.width));
    }
  return result;
}

Image resize(const Image& image, const Box& box, int height, int width) {
  const ImageShape& from = image.shape;
  assert(height > 0 && width > 0 && from.bytes() == static_cast<int64_t>(image.pixels.size()));
  const bool same_width = from.width == width && box.width == width;
  const bool same_height = from.height == height && box.height == height;
  if (same_width) return same_height ? image : resize_height(image, box, height);
  const Image wide = resize_width(image, box, width);
  return same_height ? wide : resize_height(wide, box, height);
}

Image resize(const Image& image, int height, int width) {
  const ImageShape& from = image.shape;
  return resize(image, {0, 0, static_cast<double>(from.height), static_cast<double>(from.width)},
                height, width);
}

Image resize_and_crop(const Image& image, int resize_to, int height, int width) {
  if (resize_to == 0) return resize(image, height, width);
  if (resize_to < std::max(height, width))
    fail("cannot crop ", height, "x", width, " out of images scaled to ", resize_to,
         " pixels; scale to at least ", std::max(height, width));
  // Rounding as in torchvision's Resize and CenterCrop.
  const ImageShape& from = image.shape;
  const int64_t shorter = std::min(from.height, from.width);
  const auto scaled = [&](int side) {
    return static_cast<int>(int64_t{1} * side * resize_to / shorter);
  };
  const Image whole = resize(image, scaled(from.height), scaled(from.width));
  const auto centered = [](int side, int part) {
    return static_cast<int>(std::nearbyint((side - part) / 2.0));
  };
  return crop(whole, {centered(whole.shape.height, height), centered(whole.shape.width, width),
                      height, width});
}

}  // namespace vpunas
