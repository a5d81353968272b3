// Depthwise convolution between two batch norms. What stands before it (a batch norm and its
// activation) is applied as the input is read, and what the batch norm behind it needs is summed as
// the output is written; so normalised activations are never stored.
#pragma once

#include "kernels/types.h"

namespace vpunas::kernels {

// Kernel 3, 5 or 7 with padding kernel / 2, stride 1 or 2; anything else is the caller's bug.
struct DepthwiseShape {
  int64_t n = 0;
  int h = 0, w = 0, c = 0;
  int kernel = 3, stride = 1;
  int out_h() const { return (h - 1) / stride + 1; }
  int out_w() const { return (w - 1) / stride + 1; }
};
bool is_served(int kernel, int stride);

// y = depthwise(before(x)). weight: [c, kernel, kernel]; sums: [2, c], sum of y and of y squared
// over n, h and w.
template <class T>
void depthwise_forward(const DepthwiseShape& shape, const T* x, const Normalise& before,
                       const float* weight, T* y, double* sums, const Parallel& parallel);

// The gradient dL/dy that depthwise_backward starts from. Without `y` it is `g`; with `y`, the
// convolution's own output, `g` is the gradient behind after(y), and dL/dy is computed on reading
// by `norm`.
template <class T>
struct OutputGradient {
  const T* g = nullptr;
  const T* y = nullptr;
  Normalise after = {};
  NormGradient norm = {};
};

// dz: [n, h, w, c], dL/d(x * scale + shift), so already 0 where `before` clamps. sums: [2, c], of
// dz and of dz * x. dweight: [c, kernel, kernel], or null where it is not wanted.
template <class T>
void depthwise_backward(const DepthwiseShape& shape, const T* x, const Normalise& before,
                        const float* weight, const OutputGradient<T>& dy, T* dz, double* sums,
                        float* dweight, const Parallel& parallel);

}  // namespace vpunas::kernels
