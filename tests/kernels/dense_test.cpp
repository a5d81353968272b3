#include "kernels/dense.h"

#include <gtest/gtest.h>

#include "tests/kernels/reference.h"

namespace vpunas::kernels {
namespace {

using test::Doubles;
using test::widen;

// As Products documents it, in loops.
template <class T>
void multiply(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc, bool add,
              const T* a, const T* b, float* c) {
  constexpr int64_t pair = sizeof(T) == 2 ? 2 : 1;
  ASSERT_EQ(k % pair, 0);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = add ? c[i * ldc + j] : 0;
      for (int64_t l = 0; l < k; ++l)
        sum +=
            double{to_float(a[i * lda + l])} * to_float(b[(l / pair * ldb + j) * pair + l % pair]);
      c[i * ldc + j] = static_cast<float>(sum);
    }
  }
}
template <class T>
constexpr Products<T> in_loops = {.multiply = &multiply<T>};

// Half a unit in the last place; and now and then a factor that is rounded the other way.
template <class T>
constexpr double stored = sizeof(T) == 2 ? 1.0 / 200 : 1e-5;
template <class T>
constexpr double summed = sizeof(T) == 2 ? 1.0 / 1000 : 1e-5;

// What products with T see of a value.
template <class T>
double rounded(double value) {
  if constexpr (sizeof(T) == 2) return to_float(to_bfloat16(static_cast<float>(value)));
  return value;
}

template <class T>
struct Case {
  DenseShape shape;
  std::mt19937 random;
  size_t in, out, inputs, outputs;
  std::vector<T> x, residual, y, g;
  std::vector<float> weight;
  test::RandomNormalise before, after;
  std::vector<float> a, b, d;

  Case(const DenseShape& s, uint32_t seed, Clamp clamp)
      : shape(s),
        random(seed),
        in(static_cast<size_t>(s.in)),
        out(static_cast<size_t>(s.out)),
        inputs(static_cast<size_t>(s.n * s.h * s.w)),
        outputs(static_cast<size_t>(s.pixels())),
        x(test::random_values<T>(inputs * in, random)),
        residual(test::random_values<T>(inputs * in, random)),
        y(test::random_values<T>(outputs * out, random)),
        g(test::random_values<T>(outputs * out, random)),
        weight(test::random_values<float>(static_cast<size_t>(s.depth()) * out, random)),
        before(in, clamp, random),
        after(out, {0, 6}, random),
        a(test::random_values<float>(out, random)),
        b(test::random_values<float>(out, random)),
        d(test::random_values<float>(out, random)) {}

  size_t at(size_t o, size_t tap, size_t i) const {
    return (o * static_cast<size_t>(shape.kernel * shape.kernel) + tap) * in + i;
  }
  float weight_at(size_t o, size_t tap, size_t i) const { return weight[at(o, tap, i)]; }
};

// Calls use(output pixel, tap, input pixel) for every tap of every output that meets the image.
template <class Use>
void for_each_tap(const DenseShape& s, const Use& use) {
  for (int64_t row = 0; row < s.n * s.out_h(); ++row) {
    for (int x = 0; x < s.out_w(); ++x) {
      for (int tap = 0; tap < s.kernel * s.kernel; ++tap) {
        const int64_t from_y = row % s.out_h() * s.stride - s.kernel / 2 + tap / s.kernel;
        const int64_t from_x = int64_t{x} * s.stride - s.kernel / 2 + tap % s.kernel;
        if (from_y < 0 || from_y >= s.h || from_x < 0 || from_x >= s.w) continue;
        use(static_cast<size_t>(row * s.out_w() + x), static_cast<size_t>(tap),
            static_cast<size_t>((row / s.out_h() * s.h + from_y) * s.w + from_x));
      }
    }
  }
}

template <class E, class T>
void expect_forward(const Case<T>& k, const Normalise& before, const Products<E>& products,
                    const Parallel& parallel) {
  const Doubles x = widen(k.x);
  Doubles expected(k.outputs * k.out);
  for_each_tap(k.shape, [&](size_t p, size_t tap, size_t q) {
    for (size_t o = 0; o < k.out; ++o)
      for (size_t i = 0; i < k.in; ++i)
        expected[p * k.out + o] += rounded<E>(test::normalise(before, i, x[q * k.in + i])) *
                                   rounded<E>(k.weight_at(o, tap, i));
  });
  std::vector<T> y(expected.size());
  Doubles sums(2 * k.out);
  dense_forward(k.shape, k.x.data(), before, k.weight.data(), y.data(), sums.data(), products,
                parallel);
  EXPECT_LT(test::relative_error(expected, widen(y)), stored<T>);
  EXPECT_LT(test::relative_error(test::pair_sums(k.out, expected, expected), sums), summed<E>);
}

template <class E, class T>
void expect_backward(const Case<T>& k, const Normalise& before, const T* residual,
                     const Products<E>& products, const Parallel& parallel) {
  const OutputGradient<T> gradient{.g = k.g.data(),
                                   .y = k.y.data(),
                                   .after = k.after.view(),
                                   .norm = {k.a.data(), k.b.data(), k.d.data()}};
  const Doubles x = widen(k.x), g = widen(k.g), y = widen(k.y);
  Doubles dz(x.size()), dweight(k.weight.size());
  for_each_tap(k.shape, [&](size_t p, size_t tap, size_t q) {
    for (size_t o = 0; o < k.out; ++o) {
      const size_t at = p * k.out + o;
      const double dy = rounded<E>(k.a[o] * test::masked(gradient.after, o, y[at], g[at]) +
                                   k.b[o] * y[at] + k.d[o]);
      for (size_t i = 0; i < k.in; ++i) {
        dz[q * k.in + i] += dy * rounded<E>(k.weight_at(o, tap, i));
        dweight[k.at(o, tap, i)] += dy * rounded<E>(test::normalise(before, i, x[q * k.in + i]));
      }
    }
  });
  for (size_t q = 0; q < k.inputs; ++q) {
    for (size_t i = 0; i < k.in; ++i) {
      double& value = dz[q * k.in + i];
      value = test::masked(before, i, x[q * k.in + i], value);
      if (residual != nullptr) value += to_float(residual[q * k.in + i]);
    }
  }
  const bool sums_are_made = before.scale != nullptr;
  std::vector<T> actual(dz.size()), without(dz.size());
  std::vector<float> actual_dweight(dweight.size());
  Doubles sums(2 * k.in);
  double* into = sums_are_made ? sums.data() : nullptr;
  dense_backward<T>(k.shape, k.x.data(), before, k.weight.data(), gradient, residual, actual.data(),
                    into, actual_dweight.data(), products, parallel);
  EXPECT_LT(test::relative_error(dz, widen(actual)), stored<T>);
  EXPECT_LT(test::relative_error(dweight, widen(actual_dweight)), summed<E>);
  if (sums_are_made) {
    EXPECT_LT(test::relative_error(test::pair_sums(k.in, dz, x), sums), summed<E>);
  }
  dense_backward<T>(k.shape, k.x.data(), before, k.weight.data(), gradient, residual,
                    without.data(), into, nullptr, products, parallel);
  EXPECT_EQ(widen(without), widen(actual)) << "without weight gradient";
  if (sums_are_made) return;
  std::vector<float> alone(dweight.size());
  dense_backward<T>(k.shape, k.x.data(), before, k.weight.data(), gradient, nullptr, nullptr,
                    nullptr, alone.data(), products, parallel);
  EXPECT_EQ(alone, actual_dweight) << "without gradient of the input";
}

template <class Elements>
void expect_right(const DenseShape& shape, uint32_t seed, int thread_count) {
  SCOPED_TRACE(testing::Message() << shape.n << " of " << shape.h << "x" << shape.w << " in "
                                  << shape.in << " out " << shape.out << " kernel " << shape.kernel
                                  << " stride " << shape.stride << " seed " << seed);
  using T = typename Elements::Stored;
  using E = typename Elements::Multiplied;
  const Case<T> k(shape, seed, seed % 3 == 0 ? Clamp{} : Clamp{0, 6});
  const Parallel parallel = test::threads(thread_count);
  const auto expect_with = [&](const Products<E>& products) {
    const T* none = nullptr;
    expect_forward<E>(k, k.before.view(), products, parallel);
    expect_forward<E>(k, {}, products, parallel);
    expect_backward<E>(k, k.before.view(), none, products, parallel);
    expect_backward<E>(k, {}, none, products, parallel);
    expect_backward<E>(k, {}, k.residual.data(), products, parallel);
  };
  test::on_each_target([&] {
    expect_with(in_loops<E>);
    if constexpr (std::is_same_v<E, float>) expect_with(vector_products());
  });
}

template <class T>
class Dense : public testing::Test {};
// T and E of dense.h.
template <class T, class E>
struct Elements {
  using Stored = T;
  using Multiplied = E;
};
using AllElements =
    testing::Types<Elements<float, float>, Elements<Bfloat16, Bfloat16>, Elements<Bfloat16, float>>;
TYPED_TEST_SUITE(Dense, AllElements);

TYPED_TEST(Dense, AgreesWithLoopsOnRandomShapes) {
  std::mt19937 random(1);
  const auto pick = [&](int least, int greatest) {
    return std::uniform_int_distribution<int>(least, greatest)(random);
  };
  for (uint32_t seed = 0; seed < 12; ++seed)
    expect_right<TypeParam>(
        {.n = 1, .h = 1, .w = pick(1, 700), .in = pick(1, 90), .out = pick(1, 90)}, seed,
        1 + static_cast<int>(seed) % 3);
}

TYPED_TEST(Dense, AgreesWithLoopsOnRandomPatches) {
  std::mt19937 random(2);
  const auto pick = [&](int least, int greatest) {
    return std::uniform_int_distribution<int>(least, greatest)(random);
  };
  for (uint32_t seed = 0; seed < 20; ++seed)
    expect_right<TypeParam>({.n = pick(1, 5),
                             .h = pick(1, 13),
                             .w = pick(1, 13),
                             .in = pick(1, 40),
                             .out = pick(1, 40),
                             .kernel = 1 + 2 * pick(0, 2),
                             .stride = pick(1, 2)},
                            seed, 1 + static_cast<int>(seed) % 3);
}

// Tiles that end within rows, rows longer than a tile, and many images a tile.
TYPED_TEST(Dense, CutsImagesIntoTiles) {
  expect_right<TypeParam>({.n = 2, .h = 3, .w = 300, .in = 6, .out = 5, .kernel = 3}, 5, 2);
  expect_right<TypeParam>({.n = 2, .h = 40, .w = 30, .in = 6, .out = 5, .kernel = 3, .stride = 2},
                          6, 2);
  expect_right<TypeParam>({.n = 90, .h = 2, .w = 2, .in = 6, .out = 5, .kernel = 3}, 7, 2);
}

TYPED_TEST(Dense, ServesOnePixelAndOneChannel) {
  expect_right<TypeParam>({.n = 1, .h = 1, .w = 1, .in = 1, .out = 1}, 1, 4);
  expect_right<TypeParam>({.n = 3, .h = 1, .w = 1, .in = 1, .out = 40}, 2, 4);
}

// More channels than are multiplied at a time.
TYPED_TEST(Dense, CutsManyChannelsIntoBlocks) {
  expect_right<TypeParam>({.n = 67, .h = 1, .w = 1, .in = 530, .out = 20}, 3, 2);
  expect_right<TypeParam>({.n = 67, .h = 1, .w = 1, .in = 20, .out = 530}, 4, 2);
  expect_right<TypeParam>({.n = 2, .h = 4, .w = 4, .in = 270, .out = 8, .kernel = 3}, 5, 2);
}

// Taps whose channels begin within a vector and end with the weight.
TYPED_TEST(Dense, MultipliesTapsOfOddChannels) {
  expect_right<TypeParam>({.n = 1, .h = 5, .w = 6, .in = 17, .out = 3, .kernel = 3}, 8, 1);
  expect_right<TypeParam>({.n = 1, .h = 5, .w = 6, .in = 23, .out = 3, .kernel = 5}, 9, 1);
}

TEST(Dense, GivesTheSameBitsAgain) {
  const Case<float> k({.n = 900, .h = 1, .w = 1, .in = 40, .out = 24}, 1, {});
  const auto run = [&] {
    std::vector<float> y(k.y.size());
    Doubles sums(2 * k.out);
    dense_forward(k.shape, k.x.data(), k.before.view(), k.weight.data(), y.data(), sums.data(),
                  in_loops<float>, test::threads(4));
    return std::tuple(y, sums);
  };
  const auto first = run();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(run(), first);
}

TEST(Dense, GivesTheSameBitsOfGradientsAgain) {
  const Case<float> k({.n = 9, .h = 8, .w = 7, .in = 24, .out = 40, .kernel = 3}, 1, {0, 6});
  const OutputGradient<float> gradient{.g = k.g.data(),
                                       .y = k.y.data(),
                                       .after = k.after.view(),
                                       .norm = {k.a.data(), k.b.data(), k.d.data()}};
  const auto run = [&] {
    std::vector<float> dz(k.x.size()), dweight(k.weight.size());
    Doubles sums(2 * k.in);
    dense_backward<float>(k.shape, k.x.data(), k.before.view(), k.weight.data(), gradient, nullptr,
                          dz.data(), sums.data(), dweight.data(), in_loops<float>,
                          test::threads(4));
    return std::tuple(dz, dweight, sums);
  };
  const auto first = run();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(run(), first);
}

// Their sums are of more values than floats add up well.
TEST(Dense, SumsLargeImagesInDoubles) {
  Case<float> k({.n = 1, .h = 400, .w = 400, .in = 1, .out = 1, .kernel = 3}, 1, {});
  std::fill(k.g.begin(), k.g.end(), 1.0F);
  const std::vector<float> one = {1}, zero = {0};
  const Normalise open{one.data(), zero.data(), {}};
  const OutputGradient<float> gradient{.g = k.g.data(),
                                       .y = k.y.data(),
                                       .after = open,
                                       .norm = {one.data(), zero.data(), zero.data()}};
  const std::vector<float> weight(9, 0.1F);
  std::vector<float> dz(k.x.size());
  Doubles sums(2);
  dense_backward<float>(k.shape, k.x.data(), open, weight.data(), gradient, nullptr, dz.data(),
                        sums.data(), nullptr, in_loops<float>, {});
  double exact = 0;
  for (const float value : dz) exact += value;
  EXPECT_NEAR(sums[0] / exact, 1, 1e-5);  // in floats alone 1e-3
}

TEST(Dense, PassesOnWhatIsNotANumber) {
  Case<float> k({.n = 5, .h = 1, .w = 1, .in = 8, .out = 4}, 1, {0, 6});
  k.x[8 * 2 + 3] = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> y(k.y.size());
  Doubles sums(2 * k.out);
  dense_forward(k.shape, k.x.data(), k.before.view(), k.weight.data(), y.data(), sums.data(),
                in_loops<float>, {});
  EXPECT_TRUE(std::isnan(sums[0]));
  EXPECT_TRUE(std::isnan(y[8]));
  EXPECT_FALSE(std::isnan(y[0]));
}

}  // namespace
}  // namespace vpunas::kernels
