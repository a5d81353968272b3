// Dense convolution (of one group) between two batch norms, as depthwise.h has it: what stands
// before it is applied as the input is read, what the batch norm behind it needs is summed as the
// output is written, and backward makes both gradients in one pass. It is computed by products of
// small matrices, which are the caller's: pixels by channels for 1x1, else patches (what the kernel
// sees of the input, tap by tap) by kernel * kernel * channels.
#pragma once

#include "kernels/depthwise.h"
#include "kernels/products.h"

namespace vpunas::kernels {

// An odd kernel with padding kernel / 2; anything else is the caller's bug.
struct DenseShape {
  int64_t n = 0;
  int h = 0, w = 0, in = 0, out = 0;
  int kernel = 1, stride = 1;
  int out_h() const { return (h - 1) / stride + 1; }
  int out_w() const { return (w - 1) / stride + 1; }
  int64_t pixels() const { return n * out_h() * out_w(); }  // of the output
  int depth() const { return kernel * kernel * in; }        // of a patch
  // Whether a patch is the input's pixel itself.
  bool is_pointwise() const { return kernel == 1 && stride == 1; }
};

// Activations are stored as T, and E are the elements of the products: T, or float for Bfloat16 on
// a processor that has no products of that.
//
// y = convolution of before(x). weight: [out, kernel, kernel, in], which is libtorch's
// channels_last; sums: [2, out], of y and of y squared.
template <class T, class E>
void dense_forward(const DenseShape& shape, const T* x, const Normalise& before,
                   const float* weight, T* y, double* sums, const Products<E>& products,
                   const Parallel& parallel);

// dz, sums and dweight as depthwise_backward; a batch norm stands behind the convolution (dy.y is
// given). Where nothing stands before it, `residual` (or null) is added to dz, sums are not made,
// and dz may be null where it is not wanted.
template <class T, class E>
void dense_backward(const DenseShape& shape, const T* x, const Normalise& before,
                    const float* weight, const OutputGradient<T>& dy, const T* residual, T* dz,
                    double* sums, float* dweight, const Products<E>& products,
                    const Parallel& parallel);

}  // namespace vpunas::kernels
