// Batch norm as single passes over [pixels, c], pixels being n * h * w.
#pragma once

#include <vector>

#include "kernels/types.h"

namespace vpunas::kernels {

// sums: [2, c], sum of x and of x squared.
template <class T>
void norm_sums(int64_t pixels, int c, const T* x, double* sums, const Parallel& parallel);

// z = normalise(x), or with a residual z = normalise(x) + residual. z may be x.
template <class T>
void norm_apply(int64_t pixels, int c, const T* x, const Normalise& normalise, const T* residual,
                T* z, const Parallel& parallel);

// Sums of the masked gradient m = g where normalise does not clamp, else 0: [2, c], of m and of
// m * x.
template <class T>
void norm_backward_sums(int64_t pixels, int c, const T* x, const T* g, const Normalise& normalise,
                        double* sums, const Parallel& parallel);

// dx = norm(m, x), m as above. dx may be g.
template <class T>
void norm_backward(int64_t pixels, int c, const T* x, const T* g, const Normalise& normalise,
                   const NormGradient& norm, T* dx, const Parallel& parallel);

// --- The arithmetic between the passes, a channel each. ---

// What a batch norm is once its sums are known: x * scale + shift.
struct NormStatistics {
  std::vector<double> mean, inverse_deviation;
  std::vector<double> variance;  // of the population, as the batch is normalised by
  std::vector<float> scale, shift;
};
NormStatistics norm_statistics(int64_t pixels, int c, const double* sums, const float* weight,
                               const float* bias, double eps);

// Ioffe and Szegedy, arXiv:1502.03167, section 3, from the sums of norm_backward_sums.
struct NormGradients {
  std::vector<float> dweight, dbias;
  std::vector<float> a, b, d;
  NormGradient coefficients() const { return {a.data(), b.data(), d.data()}; }
};
NormGradients norm_gradient(int64_t pixels, int c, const double* sums, const float* weight,
                            const NormStatistics& statistics);

}  // namespace vpunas::kernels
