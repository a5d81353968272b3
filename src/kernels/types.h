// What the CPU kernels share. Activations are NHWC: [n, h, w, c] without gaps, which is libtorch's
// channels_last. Storage is float or Bfloat16; arithmetic is float, sums over images are
// double, but for the gradients of dense weights.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>

namespace vpunas::kernels {

// The upper half of a float.
struct Bfloat16 {
  uint16_t bits = 0;
};
inline float to_float(Bfloat16 x) { return std::bit_cast<float>(uint32_t{x.bits} << 16); }
inline float to_float(float x) { return x; }
// Nearest, ties to even.
inline Bfloat16 to_bfloat16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if (std::isnan(x)) return {static_cast<uint16_t>(bits >> 16 | 0x40)};
  return {static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)};
}

// So many elements further on, where there is a tensor: null pointers are not to be moved.
template <class T>
T* moved(T* tensor, size_t elements) {
  return tensor == nullptr ? nullptr : tensor + elements;
}

// Whether the processor has an instruction for that (AVX512_BF16), in place of nine. Highway 1.0
// has no target of it, so the kernels ask for themselves.
#if defined(__x86_64__)
inline const bool rounds_to_bfloat16 = __builtin_cpu_supports("avx512bf16") != 0;
#endif

// The caller's threads (threads.h). Work is cut by their number and by shape alone, into a few
// times as many tasks, and partial sums are added in a fixed order, so a result depends on neither
// timing nor scheduling.
struct Parallel {
  int threads = 1;
  // Calls task(i) once for every i in [0, tasks), in any order and on any threads.
  std::function<void(int tasks, const std::function<void(int)>& task)> run =
      [](int tasks, const std::function<void(int)>& task) {
        for (int i = 0; i < tasks; ++i) task(i);
      };
  // Multiply-adds or the like that are worth a second thread: some ten microseconds' work, as long
  // as threads need to meet on a machine that has other work, too.
  int64_t least_shared = 1 << 19;
};

// An activation as the interval that it clamps to: none (everything), relu (from 0), relu6 (0..6).
// Its gradient is 1 strictly inside and 0 elsewhere, as libtorch has it.
struct Clamp {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
};

// z = clamp(x * scale[c] + shift[c]): a batch norm and the activation behind it. Without scale and
// shift (both null) z = clamp(x).
struct Normalise {
  const float* scale = nullptr;
  const float* shift = nullptr;
  Clamp clamp = {};
};

// dL/dx = a[c] * g + b[c] * x + d[c]: what a batch norm with the statistics of its own input x
// makes of g, the gradient of its output (see norm_gradient in norm.h).
struct NormGradient {
  const float* a = nullptr;
  const float* b = nullptr;
  const float* d = nullptr;
};

}  // namespace vpunas::kernels
