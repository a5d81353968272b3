// One row of a depthwise convolution for one vector of channels. Rows are floats in the first
// cache, a vector a column, with zeros around the image; columns are computed in tiles that stay in
// registers, so rows are as long as whole tiles need.
#if defined(VPUNAS_KERNELS_DEPTHWISE_ROWS) == defined(HWY_TARGET_TOGGLE)
#ifdef VPUNAS_KERNELS_DEPTHWISE_ROWS
#undef VPUNAS_KERNELS_DEPTHWISE_ROWS
#else
#define VPUNAS_KERNELS_DEPTHWISE_ROWS
#endif

#include "kernels/depthwise_passes.h"
#include "kernels/simd-inl.h"
#include "kernels/tasks.h"

HWY_BEFORE_NAMESPACE();
namespace vpunas::kernels::HWY_NAMESPACE {

constexpr size_t tile_of(size_t columns) { return columns > 4 ? 8 : columns > 2 ? 4 : 2; }
constexpr size_t whole_tiles(size_t columns) { return rounded_up(columns, tile_of(columns)); }

// Rows of inputs and the taps that they meet.
template <int K>
struct RowsAndTaps {
  const float* rows[K];
  const float* taps[K];
  int count = 0;
  void add(const float* row, const float* tap) {
    rows[count] = row;
    taps[count++] = tap;
  }
};

// out[t * step] = sum over rows r and taps q of rows[r][t * S + q] * taps[r][q], t < Tile.
template <int Taps, int S, int Tile, int K>
HWY_INLINE void convolve_tile(const RowsAndTaps<K>& in, size_t column, float* out, size_t step) {
  V sum[Tile];
  VPUNAS_UNROLL
  for (int t = 0; t < Tile; ++t) sum[t] = hn::Zero(floats);
  for (int r = 0; r < in.count; ++r) {
    const float* row = in.rows[r] + column * S * lanes;
    V tap[Taps];
    VPUNAS_UNROLL
    for (int q = 0; q < Taps; ++q) tap[q] = hn::Load(floats, in.taps[r] + q * lanes);
    VPUNAS_UNROLL
    for (int j = 0; j < (Tile - 1) * S + Taps; ++j) {
      const V v = hn::Load(floats, row + j * lanes);
      VPUNAS_UNROLL
      for (int q = 0; q < Taps; ++q) {
        if (j >= q && (j - q) % S == 0 && (j - q) / S < Tile)
          sum[(j - q) / S] = hn::MulAdd(v, tap[q], sum[(j - q) / S]);
      }
    }
  }
  VPUNAS_UNROLL
  for (int t = 0; t < Tile; ++t) hn::Store(sum[t], floats, out + t * step * lanes);
}

template <int Taps, int S, int Tile, int K>
HWY_INLINE void convolve_tiles(const RowsAndTaps<K>& in, size_t columns, float* out, size_t step) {
  for (size_t column = 0; column < columns; column += Tile)
    convolve_tile<Taps, S, Tile>(in, column, out + column * step * lanes, step);
}

// Not inlined: the storage types share it.
template <int Taps, int S, int K>
HWY_NOINLINE void convolve_row(const RowsAndTaps<K>& in, size_t columns, float* out, size_t step) {
  switch (tile_of(columns)) {
    case 8:
      return convolve_tiles<Taps, S, 8>(in, columns, out, step);
    case 4:
      return convolve_tiles<Taps, S, 4>(in, columns, out, step);
    default:
      return convolve_tiles<Taps, S, 2>(in, columns, out, step);
  }
}

// sums[q] += sum over columns t of in[t * S + q] * g[t]. Two accumulators a tap, so that few taps
// don't wait for each other.
template <int K, int S, int Tile>
HWY_INLINE void correlate_tiles(const float* in, const float* g, size_t columns, float* sums) {
  V sum[2][K];
  VPUNAS_UNROLL
  for (int q = 0; q < K; ++q) {
    sum[0][q] = hn::Load(floats, sums + q * lanes);
    sum[1][q] = hn::Zero(floats);
  }
  for (size_t column = 0; column < columns; column += Tile) {
    const float* row = in + column * S * lanes;
    V gradient[Tile];
    VPUNAS_UNROLL
    for (int t = 0; t < Tile; ++t) gradient[t] = hn::Load(floats, g + (column + t) * lanes);
    VPUNAS_UNROLL
    for (int j = 0; j < (Tile - 1) * S + K; ++j) {
      const V v = hn::Load(floats, row + j * lanes);
      VPUNAS_UNROLL
      for (int q = 0; q < K; ++q) {
        if (j >= q && (j - q) % S == 0 && (j - q) / S < Tile)
          sum[(j - q) / S % 2][q] = hn::MulAdd(v, gradient[(j - q) / S], sum[(j - q) / S % 2][q]);
      }
    }
  }
  VPUNAS_UNROLL
  for (int q = 0; q < K; ++q) hn::Store(hn::Add(sum[0][q], sum[1][q]), floats, sums + q * lanes);
}

template <int K, int S>
HWY_NOINLINE void correlate_row(const float* in, const float* g, size_t columns, float* sums) {
  switch (tile_of(columns)) {
    case 8:
      return correlate_tiles<K, S, 8>(in, g, columns, sums);
    case 4:
      return correlate_tiles<K, S, 4>(in, g, columns, sums);
    default:
      return correlate_tiles<K, S, 2>(in, g, columns, sums);
  }
}

}  // namespace vpunas::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
