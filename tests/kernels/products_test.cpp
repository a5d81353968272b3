#include "kernels/products.h"

#include <gtest/gtest.h>

#include "tests/kernels/reference.h"

namespace vpunas::kernels {
namespace {

int64_t whole(int64_t columns) { return (columns + 15) / 16 * 16; }

// A, or its transpose as given, B and C, in memory that ends with the last row's.
struct Case {
  int64_t m, n, k;
  std::mt19937 random{1};
  std::vector<float> a = test::random_values<float>(static_cast<size_t>(m * k), random);
  std::vector<float> b = test::random_values<float>(static_cast<size_t>(k * whole(n)), random);
  std::vector<float> c = test::random_values<float>(static_cast<size_t>(m * whole(n)), random);
  std::vector<float> transposed() const {
    std::vector<float> result(static_cast<size_t>(k * whole(m)));
    for (int64_t i = 0; i < m; ++i)
      for (int64_t l = 0; l < k; ++l)
        result[static_cast<size_t>(l * whole(m) + i)] = a[static_cast<size_t>(i * k + l)];
    return result;
  }
};

// Of what C has in its first n columns.
double error(const Case& given, bool add, const std::vector<float>& c) {
  test::Doubles expected, actual;
  for (int64_t i = 0; i < given.m; ++i) {
    for (int64_t j = 0; j < given.n; ++j) {
      const auto at = static_cast<size_t>(i * whole(given.n) + j);
      double sum = add ? given.c[at] : 0;
      for (int64_t l = 0; l < given.k; ++l)
        sum += double{given.a[static_cast<size_t>(i * given.k + l)]} *
               given.b[static_cast<size_t>(l * whole(given.n) + j)];
      expected.push_back(sum);
      actual.push_back(c[at]);
    }
  }
  return test::relative_error(expected, actual);
}

void expect_right(int64_t m, int64_t n, int64_t k) {
  SCOPED_TRACE(testing::Message() << m << " x " << n << " by " << k << " products");
  const Case given{.m = m, .n = n, .k = k};
  const std::vector<float> transposed = given.transposed();
  test::on_each_target([&] {
    const Products<float> products = vector_products();
    for (const bool add : {false, true}) {
      std::vector<float> c = given.c;
      products.multiply(m, n, k, k, whole(n), whole(n), add, given.a.data(), given.b.data(),
                        c.data());
      EXPECT_LT(error(given, add, c), 1e-5);
      c = given.c;
      products.multiply_transposed(m, n, k, whole(m), whole(n), whole(n), add, transposed.data(),
                                   given.b.data(), c.data());
      EXPECT_LT(error(given, add, c), 1e-5) << "transposed";
    }
  });
}

TEST(VectorProducts, AgreeWithLoopsOnRandomSizes) {
  std::mt19937 random(1);
  const auto pick = [&](int most) { return std::uniform_int_distribution<int>(1, most)(random); };
  for (int i = 0; i < 40; ++i) expect_right(pick(90), pick(150), pick(100));
}

// More products than a panel has rows, and more rows than are turned at a time.
TEST(VectorProducts, AgreeWithLoopsOnLargeMatrices) {
  expect_right(7, 40, 600);
  expect_right(300, 20, 257);
}

// Matrices may be parts of larger ones, of which nothing else is written.
TEST(VectorProducts, KeepToTheirPartOfALargerMatrix) {
  constexpr int64_t m = 35, n = 20, k = 12, length = 51, column = 3;
  std::mt19937 random(1);
  const auto a = test::random_values<float>(m * length, random);
  const auto b = test::random_values<float>(k * length, random);
  test::on_each_target([&] {
    std::vector<float> c(m * length, -1);
    vector_products().multiply(m, n, k, length, length, length, false, a.data() + 1,
                               b.data() + column, c.data() + column);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < length; ++j) {
        const float actual = c[static_cast<size_t>(i * length + j)];
        if (j < column || j >= column + whole(n)) {
          EXPECT_EQ(actual, -1) << i << ", " << j;
        } else if (j < column + n) {
          double expected = 0;
          for (int64_t l = 0; l < k; ++l)
            expected += double{a[static_cast<size_t>(i * length + l + 1)]} *
                        b[static_cast<size_t>(l * length + j)];
          EXPECT_NEAR(actual, expected, 1e-4) << i << ", " << j;
        }
      }
    }
  });
}

TEST(VectorProducts, PassOnWhatIsNotANumber) {
  Case given{.m = 40, .n = 16, .k = 3};
  given.a[3 * 5] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> transposed = given.transposed();
  test::on_each_target([&] {
    const Products<float> products = vector_products();
    for (const bool turned : {false, true}) {
      std::vector<float> c(given.c.size());
      if (turned)
        products.multiply_transposed(40, 16, 3, 48, 16, 16, false, transposed.data(),
                                     given.b.data(), c.data());
      else
        products.multiply(40, 16, 3, 3, 16, 16, false, given.a.data(), given.b.data(), c.data());
      EXPECT_TRUE(std::isnan(c[16 * 5 + 2]));
      EXPECT_FALSE(std::isnan(c[16 * 4 + 2]));
    }
  });
}

}  // namespace
}  // namespace vpunas::kernels
