#include "kernels/products.h"

#include <algorithm>
#include <cstddef>
#include <type_traits>

// Highway includes the rest of this file once for each target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/products.cpp"
#include <hwy/foreach_target.h>

#include "kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vpunas::kernels::HWY_NAMESPACE {

// The method of Goto and van de Geijn (Anatomy of High-Performance Matrix Multiplication, 2008): a
// block of C of some rows and vectors stays in registers while it takes up k rows of a panel of B
// (as many vectors wide), which stays in the first cache for all rows.
constexpr size_t widest_panel = 3;
constexpr size_t deepest_panel = 2048 / lanes;  // rows, 24 KiB
// Registers are for the block, a row of the panel and an element of A.
constexpr bool has_32_registers = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64;
constexpr size_t block_rows(size_t vectors) {
  return vectors == 3 ? (has_32_registers ? 8 : 4) : vectors == 2 ? 6 : 8;
}
// Of A's transpose that many rows (columns of what is given) are taken together, so that what is
// made of them stays in the second cache, in bundles of as many as a block has.
constexpr size_t bundle = block_rows(widest_panel);
constexpr size_t transposed_rows = 16 * bundle;
// A panel is copied, without gaps, for at least so many rows: lines that lie a power of two apart
// share few sets of the first cache.
constexpr size_t worth_copying = 32;

// Rows of A, `length` apart.
struct PlainRows {
  const float* first;
  size_t length;
  PlainRows from(size_t row) const { return {first + row * length, length}; }
  HWY_INLINE float at(size_t row, size_t i) const { return first[row * length + i]; }
};
// Bundles of them, [rows / bundle][k][bundle].
struct Bundles {
  const float* first;
  size_t k;
  Bundles from(size_t row) const { return {first + row * k, k}; }
  HWY_INLINE float at(size_t row, size_t i) const { return first[i * bundle + row]; }
};

struct Right {
  const float* first;
  size_t length;
};
struct Result {
  float* first;
  size_t length;
  bool add;
  Result from(size_t row) const { return {first + row * length, length, add}; }
  HWY_INLINE float* at(size_t row, size_t vector) const {
    return first + row * length + vector * lanes;
  }
};

template <size_t rows, size_t vectors, class Left>
HWY_INLINE void block(const Left a, const Right b, size_t k, const Result c) {
  V sum[rows * vectors];
  for (V& s : sum) s = hn::Zero(floats);
#pragma GCC unroll 4
  for (size_t i = 0; i < k; ++i) {
    V right[vectors];
    VPUNAS_UNROLL
    for (size_t v = 0; v < vectors; ++v)
      right[v] = hn::LoadU(floats, b.first + i * b.length + v * lanes);
    VPUNAS_UNROLL
    for (size_t r = 0; r < rows; ++r) {
      const V left = hn::Set(floats, a.at(r, i));
      VPUNAS_UNROLL
      for (size_t v = 0; v < vectors; ++v)
        sum[r * vectors + v] = hn::MulAdd(left, right[v], sum[r * vectors + v]);
    }
  }
  if (c.add) {
    VPUNAS_UNROLL
    for (size_t j = 0; j < rows * vectors; ++j)
      sum[j] = hn::Add(sum[j], hn::LoadU(floats, c.at(j / vectors, j % vectors)));
  }
  VPUNAS_UNROLL
  for (size_t j = 0; j < rows * vectors; ++j)
    hn::StoreU(sum[j], floats, c.at(j / vectors, j % vectors));
}

// The block of fewer rows that ends a panel.
template <size_t most, size_t vectors, class Left>
HWY_INLINE void last_block(size_t rows, const Left a, const Right b, size_t k, const Result c) {
  if constexpr (most > 0) {
    if (rows == most) return block<most, vectors>(a, b, k, c);
    last_block<most - 1, vectors>(rows, a, b, k, c);
  }
}

template <size_t vectors>
void copy_panel(const Right b, size_t k, float* to) {
  const float* from = b.first;
  for (size_t i = 0; i < k; ++i, from += b.length, to += vectors * lanes) {
    VPUNAS_UNROLL
    for (size_t v = 0; v < vectors; ++v)
      hn::Store(hn::LoadU(floats, from + v * lanes), floats, to + v * lanes);
  }
}

template <size_t vectors, class Left>
void multiply_panel(size_t m, const Left a, Right b, size_t k, const Result c, float* copy) {
  if (m >= worth_copying) {
    copy_panel<vectors>(b, k, copy);
    b = {copy, vectors * lanes};
  }
  constexpr size_t rows = std::is_same_v<Left, Bundles> ? bundle : block_rows(vectors);
  size_t row = 0;
  for (; row + rows <= m; row += rows) block<rows, vectors>(a.from(row), b, k, c.from(row));
  last_block<rows - 1, vectors>(m - row, a.from(row), b, k, c.from(row));
}

// C of all columns and at most deepest_panel products.
template <class Left>
void multiply_panels(size_t m, size_t n, size_t k, const Left& a, Right b, Result c) {
  HWY_ALIGN float copy[deepest_panel * widest_panel * lanes];
  for (size_t left = (n + lanes - 1) / lanes, vectors = 0; left > 0; left -= vectors) {
    vectors = left == 4 ? 2 : std::min(left, widest_panel);  // one alone would wait for its sums
    if (vectors == 3)
      multiply_panel<3>(m, a, b, k, c, copy);
    else if (vectors == 2)
      multiply_panel<2>(m, a, b, k, c, copy);
    else
      multiply_panel<1>(m, a, b, k, c, copy);
    b.first += vectors * lanes;
    c.first += vectors * lanes;
  }
}

void multiply(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc, bool add,
              const float* a, const float* b, float* c) {
  const auto rows = static_cast<size_t>(m), columns = static_cast<size_t>(n),
             depth = static_cast<size_t>(k), a_length = static_cast<size_t>(lda),
             b_length = static_cast<size_t>(ldb), c_length = static_cast<size_t>(ldc);
  for (size_t i = 0; i < depth; i += deepest_panel)
    multiply_panels(rows, columns, std::min(deepest_panel, depth - i), PlainRows{a + i, a_length},
                    {b + i * b_length, b_length}, {c, c_length, add || i > 0});
}

void multiply_transposed(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc,
                         bool add, const float* a, const float* b, float* c) {
  const auto rows = static_cast<size_t>(m), columns = static_cast<size_t>(n),
             depth = static_cast<size_t>(k), a_length = static_cast<size_t>(lda),
             b_length = static_cast<size_t>(ldb), c_length = static_cast<size_t>(ldc);
  const hn::CappedTag<float, bundle> some;
  HWY_ALIGN float bundles[transposed_rows * deepest_panel];
  for (size_t i = 0; i < depth; i += deepest_panel) {
    const size_t deep = std::min(deepest_panel, depth - i);
    for (size_t row = 0; row < rows; row += transposed_rows) {
      const size_t count = std::min(transposed_rows, rows - row);
      for (size_t j = 0; j < deep; ++j)
        for (size_t r = 0; r < count; r += bundle)
          for (size_t part = 0; part < bundle; part += hn::Lanes(some))
            hn::StoreU(hn::LoadU(some, a + (i + j) * a_length + row + r + part), some,
                       bundles + r * deep + j * bundle + part);
      multiply_panels(count, columns, deep, Bundles{bundles, deep}, {b + i * b_length, b_length},
                      {c + row * c_length, c_length, add || i > 0});
    }
  }
}

Products<float> products() {
  return {.multiply = &multiply, .multiply_transposed = &multiply_transposed};
}

}  // namespace vpunas::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vpunas::kernels {

HWY_EXPORT(products);

Products<float> vector_products() { return HWY_DYNAMIC_DISPATCH(products)(); }

}  // namespace vpunas::kernels
#endif
