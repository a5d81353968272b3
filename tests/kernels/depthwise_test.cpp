#include "kernels/depthwise.h"

#include <gtest/gtest.h>

#include "tests/kernels/reference.h"

namespace vpunas::kernels {
namespace {

using test::Doubles;
using test::threads;
using test::widen;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr Clamp clamps[] = {{}, {0, infinity}, {0, 6}};

template <class T>
struct Tolerance;
template <>
struct Tolerance<float> {
  static constexpr double stored = 1e-5, summed = 1e-5;
};
template <>
struct Tolerance<Bfloat16> {
  static constexpr double stored = 1.0 / 256, summed = 1e-5;  // half a unit in the last place
};

// Everything that one convolution between two batch norms needs, at random.
template <class T>
struct Case {
  DepthwiseShape shape;
  std::mt19937 random;
  std::vector<T> x, y, g;
  std::vector<float> weight;
  test::RandomNormalise before, after;
  std::vector<float> a, b, d;

  Case(const DepthwiseShape& s, uint32_t seed, Clamp clamp_before, Clamp clamp_after)
      : shape(s),
        random(seed),
        x(test::random_values<T>(test::input_size(s), random)),
        y(test::random_values<T>(test::output_size(s), random)),
        g(test::random_values<T>(test::output_size(s), random)),
        weight(test::random_values<float>(test::weight_size(s), random)),
        before(static_cast<size_t>(s.c), clamp_before, random),
        after(static_cast<size_t>(s.c), clamp_after, random),
        a(test::random_values<float>(static_cast<size_t>(s.c), random)),
        b(test::random_values<float>(static_cast<size_t>(s.c), random)),
        d(test::random_values<float>(static_cast<size_t>(s.c), random)) {}

  size_t c() const { return static_cast<size_t>(shape.c); }
};

template <class T>
void expect_forward(const Case<T>& k, const Normalise& before, const Parallel& parallel) {
  const Doubles x = widen(k.x);
  Doubles expected(test::output_size(k.shape));
  test::for_each_product(k.shape, [&](size_t out, size_t in, size_t w, size_t c) {
    expected[out] += test::normalise(before, c, x[in]) * k.weight[w];
  });
  std::vector<T> y(expected.size());
  Doubles sums(2 * k.c());
  depthwise_forward(k.shape, k.x.data(), before, k.weight.data(), y.data(), sums.data(), parallel);
  EXPECT_LT(test::relative_error(expected, widen(y)), Tolerance<T>::stored);
  EXPECT_LT(test::relative_error(test::pair_sums(k.c(), expected, expected), sums),
            Tolerance<T>::summed);
}

template <class T>
void expect_backward(const Case<T>& k, const Normalise& before, const OutputGradient<T>& gradient,
                     const Parallel& parallel) {
  const Doubles x = widen(k.x), g = widen(k.g), y = widen(k.y);
  Doubles dz(x.size()), dweight(k.weight.size());
  test::for_each_product(k.shape, [&](size_t out, size_t in, size_t w, size_t c) {
    double dy = g[out];
    if (gradient.y != nullptr)
      dy = k.a[c] * test::masked(gradient.after, c, y[out], dy) + k.b[c] * y[out] + k.d[c];
    dz[in] += test::masked(before, c, x[in], dy * k.weight[w]);
    dweight[w] += dy * test::normalise(before, c, x[in]);
  });
  std::vector<T> actual(dz.size());
  std::vector<float> actual_dweight(dweight.size());
  Doubles sums(2 * k.c());
  depthwise_backward(k.shape, k.x.data(), before, k.weight.data(), gradient, actual.data(),
                     sums.data(), actual_dweight.data(), parallel);
  EXPECT_LT(test::relative_error(dz, widen(actual)), Tolerance<T>::stored);
  EXPECT_LT(test::relative_error(dweight, widen(actual_dweight)), Tolerance<T>::summed);
  EXPECT_LT(test::relative_error(test::pair_sums(k.c(), dz, x), sums), Tolerance<T>::summed);

  std::vector<T> without(dz.size());
  depthwise_backward(k.shape, k.x.data(), before, k.weight.data(), gradient, without.data(),
                     sums.data(), nullptr, parallel);
  EXPECT_EQ(widen(without), widen(actual)) << "without weight gradient";
}

template <class T>
void expect_right_here(const DepthwiseShape& shape, uint32_t seed, int thread_count) {
  const Case<T> k(shape, seed, clamps[seed % 3], clamps[seed / 3 % 3]);
  SCOPED_TRACE(testing::Message() << "n " << shape.n << " h " << shape.h << " w " << shape.w
                                  << " c " << shape.c << " kernel " << shape.kernel << " stride "
                                  << shape.stride << " seed " << seed);
  const Parallel parallel = threads(thread_count);
  const Normalise before = seed % 4 == 0 ? Normalise{} : k.before.view();
  expect_forward(k, before, parallel);
  OutputGradient<T> gradient{.g = k.g.data()};
  if (seed % 2 == 0) {
    gradient.y = k.y.data();
    gradient.after = k.after.view();
    gradient.norm = {k.a.data(), k.b.data(), k.d.data()};
  }
  expect_backward(k, before, gradient, parallel);
}

template <class T>
void expect_right(const DepthwiseShape& shape, uint32_t seed, int thread_count) {
  test::on_each_target([&] { expect_right_here<T>(shape, seed, thread_count); });
}

template <class T>
class Depthwise : public testing::Test {};
using Storages = testing::Types<float, Bfloat16>;
TYPED_TEST_SUITE(Depthwise, Storages);

TYPED_TEST(Depthwise, AgreesWithLoopsOnRandomShapes) {
  std::mt19937 random(1);
  const auto pick = [&](int least, int greatest) {
    return std::uniform_int_distribution<int>(least, greatest)(random);
  };
  uint32_t seed = 0;
  for (const int kernel : {3, 5, 7})
    for (const int stride : {1, 2})
      for (int i = 0; i < 9; ++i) {
        const DepthwiseShape shape{.n = pick(1, 5),
                                   .h = pick(1, 15),
                                   .w = pick(1, 15),
                                   .c = pick(1, 40),
                                   .kernel = kernel,
                                   .stride = stride};
        expect_right<TypeParam>(shape, seed++, 1 + i % 3);
      }
}

TYPED_TEST(Depthwise, ServesOnePixelAndOneChannel) {
  for (const int kernel : {3, 5, 7})
    for (const int stride : {1, 2})
      for (const int side : {1, 2})
        for (const int c : {1, 16})
          expect_right<TypeParam>(
              {.n = 1, .h = side, .w = side, .c = c, .kernel = kernel, .stride = stride}, 2, 4);
}

// Larger than one item of work, so that bands of rows meet.
TYPED_TEST(Depthwise, CutsLargeImagesIntoBands) {
  expect_right<TypeParam>({.n = 2, .h = 60, .w = 47, .c = 49, .kernel = 3, .stride = 1}, 5, 2);
  expect_right<TypeParam>({.n = 2, .h = 61, .w = 47, .c = 49, .kernel = 5, .stride = 2}, 6, 2);
}

TEST(Depthwise, GivesTheSameBitsAgain) {
  const Case<float> k({.n = 5, .h = 14, .w = 14, .c = 40, .kernel = 5, .stride = 1}, 1, {}, {});
  const auto run = [&] {
    std::vector<float> dz(k.x.size()), dweight(k.weight.size());
    Doubles sums(2 * k.c());
    depthwise_backward<float>(k.shape, k.x.data(), k.before.view(), k.weight.data(),
                              {.g = k.g.data()}, dz.data(), sums.data(), dweight.data(),
                              threads(4));
    return std::tuple(dz, dweight, sums);
  };
  const auto first = run();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(run(), first);
}

TEST(Depthwise, PassesOnWhatIsNotANumber) {
  Case<float> k({.n = 1, .h = 5, .w = 5, .c = 8, .kernel = 3, .stride = 1}, 1, {0, 6}, {});
  k.x[8 * 12 + 3] = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> y(k.x.size());
  Doubles sums(16);
  depthwise_forward(k.shape, k.x.data(), k.before.view(), k.weight.data(), y.data(), sums.data(),
                    {});
  EXPECT_TRUE(std::isnan(sums[3]));
  EXPECT_FALSE(std::isnan(sums[2]));
}

TEST(Bfloat16, RoundsToTheNearest) {
  EXPECT_EQ(to_float(to_bfloat16(1.0F)), 1.0F);
  EXPECT_EQ(to_float(to_bfloat16(1.0F + 1.0F / 256)), 1.0F);              // a tie, to even
  EXPECT_EQ(to_float(to_bfloat16(1.0F + 3.0F / 256)), 1.0F + 1.0F / 64);  // a tie, to even
  EXPECT_EQ(to_float(to_bfloat16(1.0F + 1.1F / 256)), 1.0F + 1.0F / 128);
  EXPECT_EQ(to_float(to_bfloat16(-infinity)), -infinity);
  EXPECT_TRUE(std::isnan(to_float(to_bfloat16(std::bit_cast<float>(0x7F800001U)))));
}

}  // namespace
}  // namespace vpunas::kernels
