// Convolutions and batch norm as plain loops in double precision.
#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

#include "kernels/depthwise.h"
#include "kernels/norm.h"

namespace vpunas::kernels::test {

using Doubles = std::vector<double>;

// Shares out the least work, too.
inline Parallel threads(int count) {
  return {.threads = count,
          .run =
              [](int tasks, const std::function<void(int)>& task) {
                std::vector<std::jthread> running;
                for (int i = 0; i < tasks; ++i) running.emplace_back([&task, i] { task(i); });
              },
          .least_shared = 0};
}

// Calls use() once for every instruction set of this processor, best last.
template <class Use>
void on_each_target(const Use& use) {
  const auto choose = [](auto targets) {
    hwy::SetSupportedTargetsForTest(targets);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  };
  choose(0);  // all
  const auto present = hwy::SupportedTargets();
  for (auto target = decltype(present){1} << 30; target != 0; target >>= 1) {
    if ((present & target) == 0) continue;
    SCOPED_TRACE(hwy::TargetName(target));
    choose(target);
    use();
  }
  choose(0);
}

// Storage of T with random values that T holds exactly.
template <class T>
std::vector<T> random_values(size_t size, std::mt19937& random, float mean = 0, float spread = 1) {
  std::normal_distribution<float> normal(mean, spread);
  std::vector<T> values(size);
  for (T& value : values) {
    if constexpr (std::is_same_v<T, float>)
      value = normal(random);
    else
      value = to_bfloat16(normal(random));
  }
  return values;
}

// A batch norm and an activation that clamps some of the values, with the vectors that it needs.
struct RandomNormalise {
  std::vector<float> scale, shift;
  Clamp clamp;
  RandomNormalise(size_t c, Clamp interval, std::mt19937& random)
      : scale(random_values<float>(c, random, 1, 0.3F)),
        shift(random_values<float>(c, random, 0.5F)),
        clamp(interval) {}
  Normalise view() const { return {scale.data(), shift.data(), clamp}; }
};

inline double affine(const Normalise& n, size_t c, double x) {
  return n.scale == nullptr ? x : x * n.scale[c] + n.shift[c];
}
inline double normalise(const Normalise& n, size_t c, double x) {
  return std::clamp<double>(affine(n, c, x), n.clamp.low, n.clamp.high);
}
inline double masked(const Normalise& n, size_t c, double x, double g) {
  const double z = affine(n, c, x);
  return z > n.clamp.low && z < n.clamp.high ? g : 0;
}

// Calls visit(output index, input index, weight index, channel) for every product of the
// convolution.
template <class Visit>
void for_each_product(const DepthwiseShape& s, const Visit& visit) {
  const int pad = s.kernel / 2;
  const auto at = [&](int64_t image, int h, int w, int y, int x, int c) {
    return static_cast<size_t>(((image * h + y) * w + x) * s.c + c);
  };
  for (int64_t image = 0; image < s.n; ++image)
    for (int y = 0; y < s.out_h(); ++y)
      for (int x = 0; x < s.out_w(); ++x)
        for (int ky = 0; ky < s.kernel; ++ky)
          for (int kx = 0; kx < s.kernel; ++kx) {
            const int from_y = y * s.stride - pad + ky, from_x = x * s.stride - pad + kx;
            if (from_y < 0 || from_y >= s.h || from_x < 0 || from_x >= s.w) continue;
            for (int c = 0; c < s.c; ++c)
              visit(
                  at(image, s.out_h(), s.out_w(), y, x, c), at(image, s.h, s.w, from_y, from_x, c),
                  static_cast<size_t>((c * s.kernel + ky) * s.kernel + kx), static_cast<size_t>(c));
          }
}

inline size_t input_size(const DepthwiseShape& s) {
  return static_cast<size_t>(s.n * s.h * s.w * s.c);
}
inline size_t output_size(const DepthwiseShape& s) {
  return static_cast<size_t>(s.n * s.out_h() * s.out_w() * s.c);
}
inline size_t weight_size(const DepthwiseShape& s) {
  return static_cast<size_t>(s.c * s.kernel * s.kernel);
}

// Sums over pixels of first and of first * second: [2, c].
inline Doubles pair_sums(size_t c, const Doubles& first, const Doubles& second) {
  Doubles sums(2 * c);
  for (size_t i = 0; i < first.size(); ++i) {
    sums[i % c] += first[i];
    sums[c + i % c] += first[i] * second[i];
  }
  return sums;
}

template <class T>
Doubles widen(const std::vector<T>& values) {
  Doubles wide(values.size());
  std::transform(values.begin(), values.end(), wide.begin(),
                 [](T value) { return static_cast<double>(to_float(value)); });
  return wide;
}

// The largest difference in units of the largest expected value.
inline double relative_error(const Doubles& expected, const Doubles& actual) {
  double scale = 1e-30, difference = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    scale = std::max(scale, std::abs(expected[i]));
    const double d = std::abs(expected[i] - actual[i]);
    difference = d >= 0 ? std::max(difference, d) : std::numeric_limits<double>::infinity();
  }
  return expected.size() == actual.size() ? difference / scale
                                          : std::numeric_limits<double>::infinity();
}

}  // namespace vpunas::kernels::test
