// The passes of norm.h over pixels [first, last), as each target has them.
#pragma once

#include <cstddef>

#include "kernels/types.h"

namespace vpunas::kernels {

// Sums are added to [2, stride] doubles; stride is c rounded up to `lanes`.
template <class T>
struct NormPasses {
  size_t lanes;
  void (*square_sums)(int64_t first, int64_t last, size_t c, const T* x, double* sums,
                      size_t stride);
  void (*masked_sums)(int64_t first, int64_t last, size_t c, const T* x, const T* g,
                      const Normalise& normalise, double* sums, size_t stride);
  void (*apply)(int64_t first, int64_t last, size_t c, const T* x, const Normalise& normalise,
                const T* residual, T* z);
  void (*backward)(int64_t first, int64_t last, size_t c, const T* x, const T* g,
                   const Normalise& normalise, const NormGradient& norm, T* dx);
};

}  // namespace vpunas::kernels
