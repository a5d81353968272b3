#include "data/pixel_ops.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/decode.h"

namespace vpunas {

namespace {

using Table = std::array<uint8_t, 256>;

// value(v) for each v of 0..255, rounded and limited.
template <class Value>
Table table_of(const Value& value) {
  Table table{};
  for (int v = 0; v < 256; ++v)
    table[static_cast<size_t>(v)] =
        static_cast<uint8_t>(std::clamp<long>(std::lround(value(v)), 0, 255));
  return table;
}

void look_up(uint8_t* begin, uint8_t* end, const Table& table) {
  for (; begin != end; ++begin) *begin = table[*begin];
}
void look_up(const Planes& image, const Table& table) {
  look_up(image.pixels, image.pixels + image.shape.bytes(), table);
}

// Calls each(begin, end) for every channel.
template <class Each>
void for_each_plane(const Planes& image, const Each& each) {
  for (int c = 0; c < image.shape.channels; ++c)
    each(image.pixels + c * image.plane(), image.pixels + (c + 1) * image.plane());
}

std::array<int64_t, 256> histogram(const uint8_t* begin, const uint8_t* end) {
  std::array<int64_t, 256> counts{};
  for (; begin != end; ++begin) ++counts[*begin];
  return counts;
}

double mean_luma(const Planes& image) {
  const auto mean = [&](int channel) {
    const uint8_t* begin = image.pixels + channel * image.plane();
    return static_cast<double>(std::accumulate(begin, begin + image.plane(), int64_t{0})) /
           static_cast<double>(image.plane());
  };
  if (image.shape.channels == 1) return mean(0);
  return 0.299 * mean(0) + 0.587 * mean(1) + 0.114 * mean(2);
}

// factor x a + (1 - factor) x b in fixed point.
struct Blend {
  explicit Blend(double factor) : share(static_cast<int>(std::lround(factor * 65536))) {}
  uint8_t operator()(int a, int b) const {
    return static_cast<uint8_t>(std::clamp((share * (a - b) + 65536 * b + 32768) >> 16, 0, 255));
  }
  int share;
};

}  // namespace

void mirror(const Planes& image) {
  uint8_t* row = image.pixels;
  for (int y = 0; y < image.shape.channels * image.shape.height; ++y, row += image.shape.width)
    std::reverse(row, row + image.shape.width);
}

void change_brightness(const Planes& image, double factor) {
  look_up(image, table_of([&](int v) { return factor * v; }));
}

void change_contrast(const Planes& image, double factor) {
  const double mean = mean_luma(image);
  look_up(image, table_of([&](int v) { return mean + factor * (v - mean); }));
}

void change_saturation(const Planes& image, double factor) {
  if (image.shape.channels == 1) return;
  const Blend blend(factor);
  uint8_t* red = image.pixels;
  uint8_t* green = red + image.plane();
  uint8_t* blue = green + image.plane();
  for (int64_t i = 0; i < image.plane(); ++i) {
    const int grey = luma(red[i], green[i], blue[i]);
    red[i] = blend(red[i], grey);
    green[i] = blend(green[i], grey);
    blue[i] = blend(blue[i], grey);
  }
}

void change_sharpness(const Planes& image, double factor, std::vector<uint8_t>& scratch) {
  const Blend blend(factor);
  const auto [channels, height, width] = image.shape;
  scratch.assign(image.pixels, image.pixels + image.shape.bytes());
  for (int c = 0; c < channels; ++c)
    for (int y = 1; y + 1 < height; ++y)
      for (int x = 1; x + 1 < width; ++x) {
        const int64_t at = c * image.plane() + int64_t{1} * y * width + x;
        const uint8_t* in = scratch.data() + at;
        int sum = 4 * in[0];
        for (const int row : {-width, 0, width}) sum += in[row - 1] + in[row] + in[row + 1];
        image.pixels[at] = blend(in[0], (sum + 6) / 13);
      }
}

void posterize(const Planes& image, int bits) {
  const int kept = 0xff00 >> bits;
  look_up(image, table_of([&](int v) { return v & kept; }));
}

void solarize(const Planes& image, int threshold) {
  look_up(image, table_of([&](int v) { return v < threshold ? v : 255 - v; }));
}

void auto_contrast(const Planes& image) {
  for_each_plane(image, [](uint8_t* begin, uint8_t* end) {
    const auto [least, most] = std::minmax_element(begin, end);
    const int low = *least;
    const int range = *most - low;
    if (range > 0) look_up(begin, end, table_of([&](int v) { return 255.0 * (v - low) / range; }));
  });
}

void equalize(const Planes& image) {
  for_each_plane(image, [](uint8_t* begin, uint8_t* end) {
    const auto counts = histogram(begin, end);
    const int64_t of_greatest =
        *std::find_if(counts.rbegin(), counts.rend(), [](int64_t count) { return count > 0; });
    const int64_t step = (end - begin - of_greatest) / 255;
    if (step == 0) return;
    Table table{};
    int64_t below = step / 2;
    for (size_t v = 0; v < table.size(); below += counts[v++])
      table[v] = static_cast<uint8_t>(std::min<int64_t>(below / step, 255));
    look_up(begin, end, table);
  });
}

void transform(const Planes& image, const std::array<double, 6>& affine,
               std::vector<uint8_t>& scratch) {
  constexpr int fraction_bits = 16;
  std::array<int64_t, 6> m{};
  for (size_t i = 0; i < m.size(); ++i)
    m[i] = std::llround(affine[i] * (int64_t{1} << fraction_bits));
  constexpr int64_t half = int64_t{1} << (fraction_bits - 1);
  const auto [channels, height, width] = image.shape;
  scratch.assign(image.pixels, image.pixels + image.shape.bytes());
  uint8_t* out = image.pixels;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x, ++out) {
      const int64_t column = (m[0] * x + m[1] * y + m[2] + half) >> fraction_bits;
      const int64_t row = (m[3] * x + m[4] * y + m[5] + half) >> fraction_bits;
      const bool inside = column >= 0 && column < width && row >= 0 && row < height;
      const uint8_t* in = scratch.data() + (inside ? row * width + column : 0);
      for (int c = 0; c < channels; ++c)
        out[c * image.plane()] = inside ? in[c * image.plane()] : uint8_t{0};
    }
}

}  // namespace vpunas
