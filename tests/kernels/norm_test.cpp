#include "kernels/norm.h"

#include <gtest/gtest.h>

#include "tests/kernels/reference.h"

namespace vpunas::kernels {
namespace {

using test::Doubles;
using test::widen;

constexpr float infinity = std::numeric_limits<float>::infinity();

template <class T>
constexpr double stored_tolerance = std::is_same_v<T, float> ? 1e-5 : 1.0 / 256;

struct Size {
  int64_t pixels;
  int c;
  size_t elements() const { return static_cast<size_t>(pixels * c); }
};
constexpr Size sizes[] = {{1, 1}, {5, 3}, {7, 16}, {64, 24}, {65, 17}, {300, 40}, {700, 130}};
constexpr Clamp clamps[] = {{}, {0, infinity}, {0, 6}};

template <class T>
class Norm : public testing::Test {};
using Storages = testing::Types<float, Bfloat16>;
TYPED_TEST_SUITE(Norm, Storages);

TYPED_TEST(Norm, SumsAgreeWithLoops) {
  test::on_each_target([] {
    std::mt19937 random(1);
    for (const Size& size : sizes) {
      const auto values = test::random_values<TypeParam>(size.elements(), random, 3);
      const Doubles x = widen(values);
      Doubles sums(static_cast<size_t>(2 * size.c));
      Parallel parallel;
      parallel.threads = 3;
      norm_sums(size.pixels, size.c, values.data(), sums.data(), parallel);
      EXPECT_LT(test::relative_error(test::pair_sums(static_cast<size_t>(size.c), x, x), sums),
                1e-5)
          << size.pixels << " x " << size.c;
    }
  });
}

TYPED_TEST(Norm, ApplyAgreesWithLoops) {
  test::on_each_target([] {
    std::mt19937 random(2);
    for (const Size& size : sizes) {
      for (const Clamp& clamp : clamps) {
        const auto c = static_cast<size_t>(size.c);
        const auto x = test::random_values<TypeParam>(size.elements(), random);
        const auto residual = test::random_values<TypeParam>(size.elements(), random);
        const test::RandomNormalise norm(c, clamp, random);
        for (const auto* added : {static_cast<const TypeParam*>(nullptr), residual.data()}) {
          Doubles expected(size.elements());
          for (size_t i = 0; i < expected.size(); ++i)
            expected[i] = test::normalise(norm.view(), i % c, to_float(x[i])) +
                          (added != nullptr ? to_float(added[i]) : 0);
          auto z = x;
          Parallel parallel;
          parallel.threads = 2;
          norm_apply(size.pixels, size.c, z.data(), norm.view(), added, z.data(), parallel);
          EXPECT_LT(test::relative_error(expected, widen(z)), stored_tolerance<TypeParam>);
        }
      }
    }
  });
}

// Against the gradient written out from the paper, in double precision from the values themselves.
TYPED_TEST(Norm, BackwardAgreesWithLoops) {
  test::on_each_target([] {
    std::mt19937 random(3);
    constexpr double eps = 1e-5;
    for (const Size& size : sizes) {
      if (size.pixels < 2) continue;
      for (const Clamp& clamp : clamps) {
        const auto c = static_cast<size_t>(size.c);
        const auto n = static_cast<double>(size.pixels);
        const auto x = test::random_values<TypeParam>(size.elements(), random, 1);
        const auto g = test::random_values<TypeParam>(size.elements(), random);
        const auto weight = test::random_values<float>(c, random, 1, 0.3F);
        const auto bias = test::random_values<float>(c, random, 0.5F);

        const Doubles wide = widen(x);
        const Doubles moments = test::pair_sums(c, wide, wide);
        const auto statistics =
            norm_statistics(size.pixels, size.c, moments.data(), weight.data(), bias.data(), eps);
        const Normalise normalise{statistics.scale.data(), statistics.shift.data(), clamp};
        Parallel parallel;
        parallel.threads = 2;
        Doubles sums(2 * c);
        norm_backward_sums(size.pixels, size.c, x.data(), g.data(), normalise, sums.data(),
                           parallel);
        const auto gradient =
            norm_gradient(size.pixels, size.c, sums.data(), weight.data(), statistics);
        auto dx = g;
        norm_backward(size.pixels, size.c, x.data(), dx.data(), normalise, gradient.coefficients(),
                      dx.data(), parallel);

        Doubles dbias(c), dweight(c), expected(size.elements());
        const auto standard = [&](size_t i) {
          const double mean = moments[i % c] / n;
          const double variance = moments[c + i % c] / n - mean * mean;
          return (wide[i] - mean) / std::sqrt(variance + eps);
        };
        const auto passed = [&](size_t i) {
          return test::masked(normalise, i % c, wide[i], to_float(g[i]));
        };
        for (size_t i = 0; i < expected.size(); ++i) {
          dbias[i % c] += passed(i);
          dweight[i % c] += passed(i) * standard(i);
        }
        for (size_t i = 0; i < expected.size(); ++i) {
          const double centred = passed(i) - dbias[i % c] / n - standard(i) * dweight[i % c] / n;
          expected[i] = weight[i % c] * statistics.inverse_deviation[i % c] * centred;
        }
        EXPECT_LT(test::relative_error(dbias, widen(gradient.dbias)), 1e-5);
        EXPECT_LT(test::relative_error(dweight, widen(gradient.dweight)), 1e-5);
        EXPECT_LT(test::relative_error(expected, widen(dx)), stored_tolerance<TypeParam> * 2)
            << size.pixels << " x " << size.c;
      }
    }
  });
}

}  // namespace
}  // namespace vpunas::kernels
