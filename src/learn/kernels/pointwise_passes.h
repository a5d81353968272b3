// The passes of pointwise.h over a share of the work, as each target has them.
#pragma once

#include <algorithm>
#include <cstddef>

#include "learn/kernels/pointwise.h"

namespace vpunas::kernels {

// Rows that products with Bfloat16 take together: its matrices are of pairs.
template <class T>
constexpr int64_t pair_of = sizeof(T) == 2 ? 2 : 1;

constexpr int64_t multiple_of(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
// Elements from one row of a tile to the next: whole vectors of every target.
constexpr int64_t row_length(int64_t channels) { return multiple_of(channels, 16); }

// The weight as the right side of a product, T, in pairs of rows: forward [in, out], backward
// [out, in].
template <class T>
struct PointwiseWork {
  PointwiseShape shape;
  const T* x;
  Normalise before;
  const T* weight;
  const Products<T>* products;
  int64_t tile;  // pixels, even
  int64_t tiles() const { return (shape.pixels + tile - 1) / tile; }
};
template <class T>
struct PointwiseForward : PointwiseWork<T> {
  T* y;
};
template <class T>
struct PointwiseBackward : PointwiseWork<T> {
  OutputGradient<T> dy;
  const T* residual;
  T* dz;
};

// The weight gradient is made as [narrow, wide], as the left side of a product is the dearer one to
// arrange.
inline bool out_is_narrow(const PointwiseShape& s) { return s.out <= s.in; }
inline int64_t narrow(const PointwiseShape& s) { return std::min(s.in, s.out); }
inline int64_t wide(const PointwiseShape& s) { return std::max(s.in, s.out); }

// Sums are added to [2][row_length(channels)] doubles; weight gradients are written to
// [narrow][row_length(wide)] floats or nowhere (null).
template <class T>
struct PointwisePasses {
  // [rows][columns] floats to T in pairs of rows, [rows / pair][row_length(columns)][pair].
  void (*pack)(const float* from, int64_t rows, int64_t columns, T* to);
  // The same of the transposed matrix, [columns / pair][row_length(rows)][pair].
  void (*pack_transposed)(const float* from, int64_t rows, int64_t columns, T* to);
  // Tiles [first, last).
  void (*forward)(const PointwiseForward<T>& work, int64_t first, int64_t last, double* sums);
  void (*backward)(const PointwiseBackward<T>& work, int64_t first, int64_t last, double* sums,
                   float* dweight);
  // Rows [first, last) of what `tasks` calls of backward wrote one behind the other, in their
  // order; to [out][in].
  void (*add_up_weights)(const PointwiseShape& shape, const float* parts, int tasks, int64_t first,
                         int64_t last, float* dweight);
};

}  // namespace vpunas::kernels
