#include "learn/kernels/pointwise.h"

#include <algorithm>
#include <cassert>
#include <type_traits>
#include <utility>

#include "learn/kernels/tasks.h"

// Highway includes the rest of this file once for each target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "learn/kernels/pointwise.cpp"
#include <hwy/foreach_target.h>

#include "learn/kernels/pointwise_passes.h"
#include "learn/kernels/simd-inl.h"

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
  constexpr size_t together = 4;
  size_t channel = 0;
  for (; channel + together * lanes <= channels; channel += together * lanes)
    sweep_columns(op, rows, channel, std::make_index_sequence<together>());
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

// What tiles are filled with; they have 0 behind the last channel.
template <class T>
struct Normalised {
  Rows<const T> x;
  const Normalise& before;
  Rows<T> to;
  using Column = NormaliseVector;
  HWY_INLINE Column column(size_t channel) const { return {before, channel, x.c - channel}; }
  HWY_INLINE void each(const Column& norm, size_t row, size_t channel) const {
    store(norm(load(x.at(row, channel), x.c - channel)), to.at(row, channel), lanes);
  }
  HWY_INLINE void fetch(size_t row, size_t channel, size_t n) const { x.fetch(row, channel, n); }
  HWY_INLINE void finish(const Column&, size_t) const {}
};
template <class T>
struct Differentiated {
  Rows<const T> g, y;
  const OutputGradient<T>& dy;
  Rows<T> to;
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
const float* paired(const float* tile, int64_t, size_t, float*) { return tile; }
const Bfloat16* paired(const Bfloat16* tile, int64_t rows, size_t length, Bfloat16* to) {
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
void transpose(const uint32_t* from, size_t rows, size_t columns, size_t from_length, uint32_t* to,
               size_t to_length) {
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

// Floats as rows of T, with rows and columns of 0 up to whole pairs and vectors.
template <class T>
hwy::AlignedFreeUniquePtr<T[]> stored(const float* from, int64_t rows, int64_t columns) {
  const auto c = static_cast<size_t>(columns), length = static_cast<size_t>(row_length(columns));
  const int64_t whole = multiple_of(rows, pair_of<T>);
  auto to = hwy::AllocateAligned<T>(static_cast<size_t>(whole) * length);
  std::fill_n(to.get(), static_cast<size_t>(whole) * length, T{});
  for (int64_t row = 0; row < rows; ++row)
    for (size_t i = 0; i < c; i += lanes)
      store(load(from + static_cast<size_t>(row) * c + i, c - i),
            to.get() + static_cast<size_t>(row) * length + i, lanes);
  return to;
}

template <class T>
void pack(const float* from, int64_t rows, int64_t columns, T* to) {
  const auto length = static_cast<size_t>(row_length(columns));
  const int64_t whole = multiple_of(rows, pair_of<T>);
  const auto tile = stored<T>(from, rows, columns);
  const T* pairs = paired(tile.get(), whole, length, to);
  if (pairs != to) std::copy_n(pairs, static_cast<size_t>(whole) * length, to);
}

// Pairs of columns lie together already, as words.
template <class T>
void pack_transposed(const float* from, int64_t rows, int64_t columns, T* to) {
  const auto tile = stored<T>(from, rows, columns);
  const auto words = static_cast<size_t>(row_length(columns) / pair_of<T>);
  transpose(reinterpret_cast<const uint32_t*>(tile.get()), static_cast<size_t>(rows),
            static_cast<size_t>(multiple_of(columns, pair_of<T>) / pair_of<T>), words,
            reinterpret_cast<uint32_t*>(to), static_cast<size_t>(row_length(rows)));
}

// Columns of a product that are made and used at a time.
constexpr int64_t block_columns = 256;
constexpr int64_t product_length = block_columns + 16;  // no power of two: lines of a column would
                                                        // share few sets of the first cache

bool is_identity(const Normalise& n) {
  return n.scale == nullptr && n.shift == nullptr && n.clamp.low == Clamp().low &&
         n.clamp.high == Clamp().high;
}

// A tile's rows of T. Tiles are taken up one after the other.
template <class T>
class Tile {
 public:
  Tile(int64_t rows, int64_t channels)
      : length_(static_cast<size_t>(row_length(channels))),
        values_(hwy::AllocateAligned<T>(static_cast<size_t>(rows) * length_)) {
    // Products and vectors read behind the last channel.
    std::fill_n(values_.get(), static_cast<size_t>(rows) * length_, T{});
  }
  Rows<T> rows() const { return {values_.get(), length_}; }
  size_t length() const { return length_; }
  T* get() const { return values_.get(); }
  void clear_row(int64_t row) {
    std::fill_n(values_.get() + static_cast<size_t>(row) * length_, length_, T{});
  }

 private:
  size_t length_;
  hwy::AlignedFreeUniquePtr<T[]> values_;
};

template <class T>
Rows<T> from_pixel(T* tensor, int64_t pixel, int c) {
  const auto channels = static_cast<size_t>(c);
  return {tensor + static_cast<size_t>(pixel) * channels, channels};
}

template <class T>
void forward(const PointwiseForward<T>& work, int64_t first, int64_t last, double* sums) {
  const PointwiseShape& s = work.shape;
  const int64_t depth = multiple_of(s.in, pair_of<T>), out_length = row_length(s.out);
  const bool as_it_is = is_identity(work.before) && depth == s.in;
  const Tile<T> tile(work.tile, s.in);
  const Tile<float> product(work.tile, product_length);
  for (int64_t i = first; i < last; ++i) {
    const int64_t pixel = i * work.tile, rows = std::min(work.tile, s.pixels - pixel);
    const auto x = from_pixel(work.x, pixel, s.in);
    if (!as_it_is) sweep(Normalised<T>{x, work.before, tile.rows()}, rows, x.c);
    const Rows<const T> left = as_it_is ? x : Rows<const T>{tile.get(), tile.length()};
    for (int64_t block = 0; block < s.out; block += block_columns) {
      const int64_t columns = std::min<int64_t>(block_columns, s.out - block);
      work.products->multiply(rows, columns, depth, static_cast<int64_t>(left.c), out_length,
                              product_length, false, left.first, work.weight + block * pair_of<T>,
                              product.get());
      auto y = from_pixel(work.y, pixel, s.out);
      y.first += block;
      sweep(Output<T>{{product.get(), product.length()},
                      y,
                      static_cast<size_t>(columns),
                      sums + block,
                      static_cast<size_t>(out_length)},
            rows, static_cast<size_t>(columns));
    }
  }
  work.products->release();
}

template <class T>
void write_gradient(const PointwiseBackward<T>& work, const Tile<T>& dy, const Tile<float>& product,
                    int64_t pixel, int64_t rows, double* sums) {
  const PointwiseShape& s = work.shape;
  for (int64_t block = 0; block < s.in; block += block_columns) {
    const auto columns = static_cast<size_t>(std::min<int64_t>(block_columns, s.in - block));
    work.products->multiply(rows, static_cast<int64_t>(columns), multiple_of(s.out, pair_of<T>),
                            static_cast<int64_t>(dy.length()), row_length(s.in), product_length,
                            false, dy.get(), work.weight + block * pair_of<T>, product.get());
    auto dz = from_pixel(work.dz, pixel, s.in);
    dz.first += block;
    const Rows<const float> from{product.get(), product.length()};
    if (is_identity(work.before)) {
      auto residual = from_pixel(work.residual, pixel, s.in);
      residual.first = work.residual == nullptr ? nullptr : residual.first + block;
      sweep(PlainGradient<T>{from, residual, dz, columns}, rows, columns);
    } else {
      auto x = from_pixel(work.x, pixel, s.in);
      x.first += block;
      sweep(MaskedGradient<T>{from, x, dz, work.before, static_cast<size_t>(block), columns,
                              sums + block, static_cast<size_t>(row_length(s.in))},
            rows, columns);
    }
  }
}

template <class T>
void backward(const PointwiseBackward<T>& work, int64_t first, int64_t last, double* sums,
              float* dweight) {
  const PointwiseShape& s = work.shape;
  Tile<T> x(work.tile, s.in), dy(work.tile, s.out);
  const Tile<T> narrow_pairs(work.tile, narrow(s)), wide_pairs(work.tile, wide(s));
  const Tile<T> transposed(narrow(s), work.tile);
  const Tile<float> product(work.tile, product_length);
  const Tile<T>& narrow_tile = out_is_narrow(s) ? dy : x;
  const Tile<T>& wide_tile = out_is_narrow(s) ? x : dy;
  for (int64_t i = first; i < last; ++i) {
    const int64_t pixel = i * work.tile, rows = std::min(work.tile, s.pixels - pixel);
    const int64_t whole = multiple_of(rows, pair_of<T>);
    const auto y = from_pixel(work.dy.y, pixel, s.out);
    sweep(Differentiated<T>{from_pixel(work.dy.g, pixel, s.out), y, work.dy, dy.rows()}, rows, y.c);
    if (dweight != nullptr) {
      const auto input = from_pixel(work.x, pixel, s.in);
      sweep(Normalised<T>{input, work.before, x.rows()}, rows, input.c);
      for (int64_t row = rows; row < whole; ++row) {
        x.clear_row(row);
        dy.clear_row(row);
      }
      const T* left = paired(narrow_tile.get(), whole, narrow_tile.length(), narrow_pairs.get());
      const T* right = paired(wide_tile.get(), whole, wide_tile.length(), wide_pairs.get());
      const auto words = static_cast<size_t>(pair_of<T>);
      transpose(reinterpret_cast<const uint32_t*>(left), static_cast<size_t>(whole) / words,
                static_cast<size_t>(narrow(s)), narrow_tile.length(),
                reinterpret_cast<uint32_t*>(transposed.get()), transposed.length() / words);
      work.products->multiply(narrow(s), wide(s), whole, static_cast<int64_t>(transposed.length()),
                              static_cast<int64_t>(wide_tile.length()), row_length(wide(s)),
                              i > first, transposed.get(), right, dweight);
    }
    write_gradient(work, dy, product, pixel, rows, sums);
  }
  work.products->release();
}

void add_up_weights(const PointwiseShape& s, const float* parts, int tasks, int64_t first,
                    int64_t last, float* dweight) {
  const auto columns = static_cast<size_t>(wide(s)), rows = static_cast<size_t>(narrow(s));
  const auto length = static_cast<size_t>(row_length(wide(s)));
  for (auto row = static_cast<size_t>(first); row < static_cast<size_t>(last); ++row) {
    for (size_t i = 0; i < columns; i += lanes) {
      V sum = hn::Load(floats, parts + row * length + i);
      for (size_t task = 1; task < static_cast<size_t>(tasks); ++task)
        sum = hn::Add(sum, hn::Load(floats, parts + (task * rows + row) * length + i));
      if (out_is_narrow(s)) {
        store(sum, dweight + row * columns + i, columns - i);
      } else {
        HWY_ALIGN float values[lanes];
        hn::Store(sum, floats, values);
        for (size_t j = 0; j < std::min(lanes, columns - i); ++j)
          dweight[(i + j) * rows + row] = values[j];
      }
    }
  }
}

template <class T>
PointwisePasses<T> passes() {
  return {&pack<T>, &pack_transposed<T>, &forward<T>, &backward<T>, &add_up_weights};
}
PointwisePasses<float> pointwise_of_float() { return passes<float>(); }
PointwisePasses<Bfloat16> pointwise_of_bfloat16() { return passes<Bfloat16>(); }

}  // namespace vpunas::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vpunas::kernels {
namespace {

HWY_EXPORT(pointwise_of_float);
HWY_EXPORT(pointwise_of_bfloat16);

template <class T>
PointwisePasses<T> best_passes() {
  if constexpr (std::is_same_v<T, float>)
    return HWY_DYNAMIC_DISPATCH(pointwise_of_float)();
  else
    return HWY_DYNAMIC_DISPATCH(pointwise_of_bfloat16)();
}

// Pixels a tile: as many as a part of the second cache takes with all that is made of them, as
// every tile reads weights and sums of weight gradients once.
int64_t tile_pixels(const PointwiseShape& s) {
  constexpr int64_t tile_bytes = 384 << 10, least = 32, most = 256;
  const int64_t pixels = tile_bytes / (8 * (int64_t{s.in} + s.out));
  return std::clamp(pixels / least * least, least, most);
}

template <class T>
hwy::AlignedFreeUniquePtr<T[]> new_weight(int64_t rows, int64_t columns) {
  return hwy::AllocateAligned<T>(
      static_cast<size_t>(multiple_of(rows, pair_of<T>) * row_length(columns)));
}

constexpr size_t most_summed_often = 64 << 10;  // weights

void add_up(const PartialSums& partial, size_t stride, int channels, double* sums) {
  const auto c = static_cast<size_t>(channels);
  for (size_t i = 0; i < c; ++i) {
    sums[i] = partial.total(i);
    sums[c + i] = partial.total(stride + i);
  }
}

}  // namespace

template <class T>
void pointwise_forward(const PointwiseShape& shape, const T* x, const Normalise& before,
                       const float* weight, T* y, double* sums, const Products<T>& products,
                       const Parallel& parallel) {
  const auto passes = best_passes<T>();
  const auto packed = new_weight<T>(shape.in, shape.out);
  passes.pack_transposed(weight, shape.out, shape.in, packed.get());
  const PointwiseForward<T> work{{shape, x, before, packed.get(), &products, tile_pixels(shape)},
                                 y};
  const int tasks = task_count(work.tiles(), parallel);
  const auto stride = static_cast<size_t>(row_length(shape.out));
  PartialSums partial(tasks, 2 * stride);
  share_out(work.tiles(), tasks, parallel, [&](int task, int64_t first, int64_t last) {
    passes.forward(work, first, last, partial.of(task));
  });
  add_up(partial, stride, shape.out, sums);
}

template <class T>
void pointwise_backward(const PointwiseShape& shape, const T* x, const Normalise& before,
                        const float* weight, const OutputGradient<T>& dy, const T* residual, T* dz,
                        double* sums, float* dweight, const Products<T>& products,
                        const Parallel& parallel) {
  assert(dy.y != nullptr);
  const auto passes = best_passes<T>();
  const auto packed = new_weight<T>(shape.out, shape.in);
  passes.pack(weight, shape.out, shape.in, packed.get());
  const PointwiseBackward<T> work{
      {shape, x, before, packed.get(), &products, tile_pixels(shape)}, dy, residual, dz};
  const auto stride = static_cast<size_t>(row_length(shape.in));
  const auto length = static_cast<size_t>(row_length(wide(shape)));
  const size_t area = static_cast<size_t>(narrow(shape)) * length;
  // Large weights have few pixels: there the sums of many tasks would cost more than waiting does.
  const int tasks = area > most_summed_often
                        ? static_cast<int>(std::min<int64_t>(work.tiles(), parallel.threads))
                        : task_count(work.tiles(), parallel);
  PartialSums partial(tasks, 2 * stride);
  AlignedFloats gradients;
  if (dweight != nullptr)
    gradients = hwy::AllocateAligned<float>(area * static_cast<size_t>(tasks));
  share_out(work.tiles(), tasks, parallel, [&](int task, int64_t first, int64_t last) {
    passes.backward(
        work, first, last, partial.of(task),
        dweight != nullptr ? gradients.get() + area * static_cast<size_t>(task) : nullptr);
  });
  if (sums != nullptr) add_up(partial, stride, shape.in, sums);
  if (dweight == nullptr) return;
  share_out(narrow(shape), task_count(narrow(shape), parallel), parallel,
            [&](int, int64_t first, int64_t last) {
              passes.add_up_weights(shape, gradients.get(), tasks, first, last, dweight);
            });
}

#define VPUNAS_INSTANTIATE(T)                                                                      \
  template void pointwise_forward(const PointwiseShape&, const T*, const Normalise&, const float*, \
                                  T*, double*, const Products<T>&, const Parallel&);               \
  template void pointwise_backward(const PointwiseShape&, const T*, const Normalise&,              \
                                   const float*, const OutputGradient<T>&, const T*, T*, double*,  \
                                   float*, const Products<T>&, const Parallel&);
VPUNAS_INSTANTIATE(float)
VPUNAS_INSTANTIATE(Bfloat16)
#undef VPUNAS_INSTANTIATE

}  // namespace vpunas::kernels
#endif
