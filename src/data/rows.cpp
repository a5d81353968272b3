#include "data/rows.h"

#include <algorithm>
#include <array>
#include <cstring>

// This file is compiled once for each instruction set, by foreach_target.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "data/rows.cpp"
#include <hwy/foreach_target.h>
// Behind it.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vpunas::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Columns from `x` on, as many at a time as `tag` has lanes; returns the first that is left.
template <class Tag>
int blend_columns(Tag tag, const uint8_t* in, int x, int width, const Tap& tap, uint8_t* out) {
  const hn::Rebind<uint8_t, Tag> pixels;
  const auto lanes = static_cast<int>(hn::Lanes(tag));
  for (; x + lanes <= width; x += lanes) {
    const uint8_t* from = in + x;
    auto sum = hn::Set(tag, 1 << (fraction_bits - 1));
    for (const int32_t weight : tap.weights) {
      const auto value = hn::PromoteTo(tag, hn::LoadU(pixels, from));
      sum = hn::Add(sum, hn::Mul(hn::Set(tag, weight), value));
      from += width;
    }
    hn::StoreU(hn::DemoteTo(pixels, hn::ShiftRight<fraction_bits>(sum)), pixels, out + x);
  }
  return x;
}

void blend(const uint8_t* in, int width, std::span<const Tap> taps, uint8_t* out) {
  for (const Tap& tap : taps) {
    const uint8_t* rows = in + static_cast<int64_t>(tap.first) * width;
    const int x = blend_columns(hn::ScalableTag<int32_t>(), rows, 0, width, tap, out);
    blend_columns(hn::CappedTag<int32_t, 1>(), rows, x, width, tap, out);
    out += width;
  }
}

void split(const uint8_t* rgb, int width, uint8_t* red, uint8_t* green, uint8_t* blue) {
  const hn::ScalableTag<uint8_t> tag;
  using V = hn::Vec<decltype(tag)>;
  const auto lanes = static_cast<int>(hn::Lanes(tag));
  int x = 0;
  for (; x + lanes <= width; x += lanes) {
    V r, g, b;
    hn::LoadInterleaved3(tag, rgb + 3 * x, r, g, b);
    hn::StoreU(r, tag, red + x);
    hn::StoreU(g, tag, green + x);
    hn::StoreU(b, tag, blue + x);
  }
  for (; x < width; ++x) {
    red[x] = rgb[3 * x];
    green[x] = rgb[3 * x + 1];
    blue[x] = rgb[3 * x + 2];
  }
}

}  // namespace vpunas::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vpunas {

namespace {

constexpr int side = 8;

// Of side x side pixels: swaps the quarters off the diagonal, then those of each quarter, then
// pixels (Warren: Hacker's Delight, section 7-3).
void transpose_square(const uint8_t* in, int in_step, uint8_t* out, int out_step) {
  std::array<uint64_t, side> rows;
  for (int y = 0; y < side; ++y) std::memcpy(&rows[y], in + y * in_step, side);
  const auto swap = [&](int distance, uint64_t low) {
#pragma GCC unroll 8
    for (int y = 0; y < side; ++y) {
      if ((y & distance) != 0) continue;
      uint64_t& upper = rows[y];
      uint64_t& lower = rows[y + distance];
      const uint64_t changed = (upper >> (8 * distance) ^ lower) & low;
      lower ^= changed;
      upper ^= changed << (8 * distance);
    }
  };
  swap(4, 0x00000000ffffffff);
  swap(2, 0x0000ffff0000ffff);
  swap(1, 0x00ff00ff00ff00ff);
  for (int x = 0; x < side; ++x) std::memcpy(out + x * out_step, &rows[x], side);
}

}  // namespace

HWY_EXPORT(blend);
HWY_EXPORT(split);

void blend_rows(const uint8_t* in, int width, std::span<const Tap> taps, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(blend)(in, width, taps, out);
}

void transpose(const uint8_t* in, int in_step, int height, int width, uint8_t* out, int out_step) {
  for (int top = 0; top < height; top += side)
    for (int left = 0; left < width; left += side) {
      const int rows = std::min(side, height - top);
      const int columns = std::min(side, width - left);
      const uint8_t* from = in + top * in_step + left;
      uint8_t* to = out + left * out_step + top;
      if (rows == side && columns == side) {
        transpose_square(from, in_step, to, out_step);
        continue;
      }
      for (int y = 0; y < rows; ++y)
        for (int x = 0; x < columns; ++x) to[x * out_step + y] = from[y * in_step + x];
    }
}

void deinterleave(const uint8_t* rgb, int width, uint8_t* red, uint8_t* green, uint8_t* blue) {
  HWY_DYNAMIC_DISPATCH(split)(rgb, width, red, green, blue);
}

}  // namespace vpunas
#endif
