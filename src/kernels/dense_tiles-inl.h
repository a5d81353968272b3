// What a dense convolution does with tiles, the rows of pixels around its products: they are
// filled, turned and emptied a vector of channels at a time.
#if defined(VPUNAS_KERNELS_DENSE_TILES) == defined(HWY_TARGET_TOGGLE)
#ifdef VPUNAS_KERNELS_DENSE_TILES
#undef VPUNAS_KERNELS_DENSE_TILES
#else
#define VPUNAS_KERNELS_DENSE_TILES
#endif

#include <algorithm>
#include <type_traits>
#include <utility>

#include "kernels/dense_passes.h"
#include "kernels/simd-inl.h"
#include "kernels/tasks.h"

HWY_BEFORE_NAMESPACE();
namespace vpunas::kernels::HWY_NAMESPACE {

using Words = hn::Rebind<uint32_t, Floats>;

// Visits all vectors of `rows` rows, a few columns of vectors at a time, whose state (constants,
// sums) stays in registers; and fetches the same columns of the tile behind, because the processor
// does not foresee such leaps.
template <class Operation, size_t... U>
HWY_INLINE void sweep_columns(const Operation& op, int64_t rows, size_t channel,
                              std::index_sequence<U...>) {
  typename Operation::Column column[] = {op.column(channel + U * lanes)...};
  for (int64_t row = 0; row < rows; ++row) {
    op.fetch(static_cast<size_t>(rows + row), channel, sizeof...(U) * lanes);
    (op.each(column[U], static_cast<size_t>(row), channel + U * lanes), ...);
  }
  (op.finish(column[U], channel + U * lanes), ...);
}
template <class Operation>
HWY_INLINE void sweep(const Operation& op, int64_t rows, size_t channels) {
  size_t channel = 0;
  for (; channel + 4 * lanes <= channels; channel += 4 * lanes)
    sweep_columns(op, rows, channel, std::make_index_sequence<4>());
  if (channel + 2 * lanes <= channels) {
    sweep_columns(op, rows, channel, std::make_index_sequence<2>());
    channel += 2 * lanes;
  }
  for (; channel < channels; channel += lanes)
    sweep_columns(op, rows, channel, std::make_index_sequence<1>());
}

// Rows of c channels in memory, without gaps.
template <class T>
struct Rows {
  T* first;
  size_t c;
  T* at(size_t row, size_t channel) const { return first + row * c + channel; }
  // Into the second cache; memory behind the last row may be asked for.
  HWY_INLINE void fetch(size_t row, size_t channel, size_t count) const {
    const auto from = reinterpret_cast<uintptr_t>(first) + (row * c + channel) * sizeof(T);
    for (size_t byte = 0; byte < count * sizeof(T); byte += 64)
      __builtin_prefetch(reinterpret_cast<const void*>(from + byte), !std::is_const_v<T>, 2);
  }
};

// What tiles are filled with; they have 0 behind the last channel, or `to` no room there.
template <class T, class E>
struct Normalised {
  Rows<const T> x;
  const Normalise& before;
  Rows<E> to;
  using Column = NormaliseVector;
  HWY_INLINE Column column(size_t channel) const { return {before, channel, x.c - channel}; }
  HWY_INLINE void each(const Column& norm, size_t row, size_t channel) const {
    store(norm(load(x.at(row, channel), x.c - channel)), to.at(row, channel), to.c - channel);
  }
  HWY_INLINE void fetch(size_t row, size_t channel, size_t n) const { x.fetch(row, channel, n); }
  HWY_INLINE void finish(const Column&, size_t) const {}
};
template <class T, class E>
struct Differentiated {
  Rows<const T> g, y;
  const OutputGradient<T>& dy;
  Rows<E> to;
  struct Column {
    NormaliseVector after;
    NormGradientVector norm;
  };
  HWY_INLINE Column column(size_t channel) const {
    return {{dy.after, channel, y.c - channel}, {dy.norm, channel, y.c - channel}};
  }
  HWY_INLINE void each(const Column& column, size_t row, size_t channel) const {
    const size_t count = y.c - channel;
    const V v = load(y.at(row, channel), count);
    const V masked = column.after.masked(load(g.at(row, channel), count), v);
    store(column.norm(masked, v), to.at(row, channel), lanes);
  }
  HWY_INLINE void fetch(size_t row, size_t channel, size_t n) const {
    g.fetch(row, channel, n);
    y.fetch(row, channel, n);
  }
  HWY_INLINE void finish(const Column&, size_t) const {}
};

// What becomes of the products. `channel` counts from the first one of a block.
template <class T>
struct Output {
  Rows<const float> product;
  Rows<T> y;
  size_t count;
  double* sums;
  size_t stride;
  using Column = SumPair;
  HWY_INLINE Column column(size_t) const { return {}; }
  HWY_INLINE void each(Column& sum, size_t row, size_t channel) const {
    const V v = hn::Load(floats, product.at(row, channel));
    sum.add(v, v);
    store(v, y.at(row, channel), count - channel);
  }
  HWY_INLINE void fetch(size_t row, size_t channel, size_t n) const { y.fetch(row, channel, n); }
  HWY_INLINE void finish(Column& sum, size_t channel) const {
    sum.flush_after(0, sums + channel, stride, 0);
  }
};
template <class T>
struct MaskedGradient {
  Rows<const float> product;
  Rows<const T> x;
  Rows<T> dz;
  const Normalise& before;
  size_t block, count;  // the block's first channel; channels from it on
  double* sums;
  size_t stride;
  struct Column {
    NormaliseVector norm;
    SumPair sum;
  };
  HWY_INLINE Column column(size_t channel) const {
    return {{before, block + channel, count - channel}, {}};
  }
  HWY_INLINE void each(Column& column, size_t row, size_t channel) const {
    const V v = load(x.at(row, channel), count - channel);
    const V masked = column.norm.masked(hn::Load(floats, product.at(row, channel)), v);
    column.sum.add(masked, v);
    store(masked, dz.at(row, channel), count - channel);
  }
  HWY_INLINE void fetch(size_t row, size_t channel, size_t n) const { dz.fetch(row, channel, n); }
  HWY_INLINE void finish(Column& column, size_t channel) const {
    column.sum.flush_after(0, sums + channel, stride, 0);
  }
};
template <class T>
struct PlainGradient {
  Rows<const float> product;
  Rows<const T> residual;
  Rows<T> dz;
  size_t count;
  struct Column {};
  HWY_INLINE Column column(size_t) const { return {}; }
  HWY_INLINE void each(const Column&, size_t row, size_t channel) const {
    V v = hn::Load(floats, product.at(row, channel));
    if (residual.first != nullptr) v = hn::Add(v, load(residual.at(row, channel), count - channel));
    store(v, dz.at(row, channel), count - channel);
  }
  HWY_INLINE void fetch(size_t row, size_t channel, size_t n) const {
    if (residual.first != nullptr) residual.fetch(row, channel, n);
    dz.fetch(row, channel, n);
  }
  HWY_INLINE void finish(const Column&, size_t) const {}
};

// Pairs of rows of a tile as words, [rows / 2][length]; of floats, whose pairs are of one, the tile
// itself.
inline const float* paired(const float* tile, int64_t, size_t, float*) { return tile; }
inline const Bfloat16* paired(const Bfloat16* tile, int64_t rows, size_t length, Bfloat16* to) {
  const Words words;
  const auto* from = reinterpret_cast<const uint16_t*>(tile);
  auto* word = reinterpret_cast<uint32_t*>(to);
  for (int64_t row = 0; row < rows; row += 2, from += 2 * length, word += length) {
    for (size_t i = 0; i < length; i += lanes) {
      const auto even = hn::PromoteTo(words, hn::Load(Halves(), from + i));
      const auto odd = hn::PromoteTo(words, hn::Load(Halves(), from + length + i));
      hn::Store(hn::Or(even, hn::ShiftLeft<16>(odd)), words, word + i);
    }
  }
  return to;
}

// to[column][row] = from[row][column].
inline void transpose(const uint32_t* from, size_t rows, size_t columns, size_t from_length,
                      uint32_t* to, size_t to_length) {
  const Words words;
  const hn::RebindToSigned<Words> indices;
  const auto apart =
      hn::Mul(hn::Iota(indices, 0), hn::Set(indices, static_cast<int32_t>(to_length)));
  for (size_t row = 0; row < rows; ++row) {
    size_t column = 0;
    for (; column + lanes <= columns; column += lanes)
      hn::ScatterIndex(hn::LoadU(words, from + row * from_length + column), words,
                       to + column * to_length + row, apart);
    for (; column < columns; ++column)
      to[column * to_length + row] = from[row * from_length + column];
  }
}

// Floats as rows of E, with rows and columns of 0 up to whole pairs and vectors.
template <class E>
hwy::AlignedFreeUniquePtr<E[]> stored(const float* from, int64_t rows, int64_t columns) {
  const auto c = static_cast<size_t>(columns), length = static_cast<size_t>(row_length(columns));
  const int64_t whole = multiple_of(rows, pair_of<E>);
  auto to = aligned<E>(static_cast<size_t>(whole) * length);
  std::fill_n(to.get(), static_cast<size_t>(whole) * length, E{});
  for (int64_t row = 0; row < rows; ++row)
    for (size_t i = 0; i < c; i += lanes)
      store(load(from + static_cast<size_t>(row) * c + i, c - i),
            to.get() + static_cast<size_t>(row) * length + i, lanes);
  return to;
}

template <class E>
void pack(const float* from, int64_t rows, int64_t columns, E* to) {
  const auto length = static_cast<size_t>(row_length(columns));
  const int64_t whole = multiple_of(rows, pair_of<E>);
  const auto tile = stored<E>(from, rows, columns);
  const E* pairs = paired(tile.get(), whole, length, to);
  if (pairs != to) std::copy_n(pairs, static_cast<size_t>(whole) * length, to);
}

// Pairs of columns lie together already, as words.
template <class E>
void pack_transposed(const float* from, int64_t rows, int64_t columns, E* to) {
  const auto tile = stored<E>(from, rows, columns);
  const auto words = static_cast<size_t>(row_length(columns) / pair_of<E>);
  transpose(reinterpret_cast<const uint32_t*>(tile.get()), static_cast<size_t>(rows),
            static_cast<size_t>(multiple_of(columns, pair_of<E>) / pair_of<E>), words,
            reinterpret_cast<uint32_t*>(to), static_cast<size_t>(row_length(rows)));
}

}  // namespace vpunas::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
