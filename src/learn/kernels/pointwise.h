// 1x1 convolution between two batch norms, as depthwise.h has it: what stands before it is applied
// as the input is read, what the batch norm behind it needs is summed as the output is written, and
// backward makes both gradients in one pass. Matrix products of tiles are the caller's.
#pragma once

#include "learn/kernels/depthwise.h"

namespace vpunas::kernels {

struct PointwiseShape {
  int64_t pixels = 0;  // n * h * w
  int in = 0, out = 0;
};

// A processor's products of small matrices, C = A * B or C += A * B, in row-major order with rows
// lda, ldb and ldc elements apart. Bfloat16 has B in pairs of rows, [k / 2][ldb][2], and an even k:
// what dot product instructions read.
template <class T>
struct Products {
  void (*multiply)(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc, bool add,
                   const T* a, const T* b, float* c) = nullptr;
  // Called by a thread after its last product: some units keep state.
  void (*release)() = [] {};
};

// y = before(x) * weight^T. weight: [out, in]; sums: [2, out], of y and of y squared.
template <class T>
void pointwise_forward(const PointwiseShape& shape, const T* x, const Normalise& before,
                       const float* weight, T* y, double* sums, const Products<T>& products,
                       const Parallel& parallel);

// dz, sums and dweight as depthwise_backward; a batch norm stands behind the convolution (dy.y is
// given). Where nothing stands before it, `residual` (or null) is added to dz and sums are not
// made.
template <class T>
void pointwise_backward(const PointwiseShape& shape, const T* x, const Normalise& before,
                        const float* weight, const OutputGradient<T>& dy, const T* residual, T* dz,
                        double* sums, float* dweight, const Products<T>& products,
                        const Parallel& parallel);

}  // namespace vpunas::kernels
