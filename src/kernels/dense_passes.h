// The passes of dense.h over a share of the work, as each target has them.
#pragma once

#include <algorithm>
#include <cstddef>

#include "kernels/dense.h"

namespace vpunas::kernels {

// Rows that products with Bfloat16 take together: its matrices are of pairs.
template <class E>
constexpr int64_t pair_of = sizeof(E) == 2 ? 2 : 1;

constexpr int64_t multiple_of(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
// Elements from one row of a tile to the next: whole vectors of every target.
constexpr int64_t row_length(int64_t channels) { return multiple_of(channels, 16); }

// The weight as the right side of a product, E, in pairs of rows: forward [depth, out], backward
// [out, depth].
template <class T, class E>
struct DenseWork {
  DenseShape shape;
  const T* x;
  Normalise before;
  const E* weight;
  const Products<E>* products;
  int64_t tile;  // pixels of the output, even
  int64_t tiles() const { return (shape.pixels() + tile - 1) / tile; }
};
template <class T, class E>
struct DenseForward : DenseWork<T, E> {
  T* y;
};
template <class T, class E>
struct DenseBackward : DenseWork<T, E> {
  OutputGradient<T> dy;
  const T* residual;
  T* dz;
  // Patches of one image overlap, so what its pixels get is added up before it is written.
  int64_t images = 1;  // that are taken together
  int64_t items() const {
    return this->shape.is_pointwise() ? this->tiles() : (this->shape.n + images - 1) / images;
  }
};

// The weight gradient is made as [narrow, wide], of outputs and the depth of patches, as the left
// side of a product is the dearer one to arrange.
inline bool out_is_narrow(const DenseShape& s) { return s.out <= s.depth(); }
inline int64_t narrow(const DenseShape& s) { return std::min(s.depth(), s.out); }
inline int64_t wide(const DenseShape& s) { return std::max(s.depth(), s.out); }

// Sums are added to [2][row_length(channels)] doubles; weight gradients are written to
// [narrow][row_length(wide)] floats or nowhere (null).
template <class T, class E>
struct DensePasses {
  // [rows][columns] floats to E in pairs of rows, [rows / pair][row_length(columns)][pair].
  void (*pack)(const float* from, int64_t rows, int64_t columns, E* to);
  // The same of the transposed matrix, [columns / pair][row_length(rows)][pair].
  void (*pack_transposed)(const float* from, int64_t rows, int64_t columns, E* to);
  // Tiles [first, last) forward, items backward.
  void (*forward)(const DenseForward<T, E>& work, int64_t first, int64_t last, double* sums);
  void (*backward)(const DenseBackward<T, E>& work, int64_t first, int64_t last, double* sums,
                   float* dweight);
  // Rows [first, last) of what `tasks` calls of backward wrote one behind the other, in their
  // order; to [out][depth].
  void (*add_up_weights)(const DenseShape& shape, const float* parts, int tasks, int64_t first,
                         int64_t last, float* dweight);
};

}  // namespace vpunas::kernels
