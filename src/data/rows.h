// Inside data/: the loops over pixels in which most of the time goes, for the vector instructions
// of the processor that runs them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vpunas {

// One output pixel (or row) is the sum of weight[i] x input[first + i] / 2^fraction_bits: |weight|
// <= 1 and 8-bit pixels leave 22 bits for the fraction.
constexpr int fraction_bits = 22;
struct Tap {
  int first = 0;
  std::vector<int32_t> weights;
};

// out[i][x] = the sum of taps[i] over the rows of in[y][x], rounded and limited to 0..255.
void blend_rows(const uint8_t* in, int width, std::span<const Tap> taps, uint8_t* out);

// out[x][y] = in[y][x], for rows of `in_step` and `out_step` pixels.
void transpose(const uint8_t* in, int in_step, int height, int width, uint8_t* out, int out_step);

// rgb[3 x + c] -> planes[c][x].
void deinterleave(const uint8_t* rgb, int width, uint8_t* red, uint8_t* green, uint8_t* blue);

}  // namespace vpunas
