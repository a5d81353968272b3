#include "kernels/dense.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <type_traits>
#include <utility>

#include "kernels/tasks.h"

// Highway includes the rest of this file once for each target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dense.cpp"
#include <hwy/foreach_target.h>

#include "kernels/dense_passes.h"
#include "kernels/dense_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vpunas::kernels::HWY_NAMESPACE {

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
        values_(aligned<T>(static_cast<size_t>(rows) * length_)) {
    // Products and vectors read behind the last channel.
    std::fill_n(values_.get(), static_cast<size_t>(rows) * length_, T{});
  }
  Rows<T> rows() const { return {values_.get(), length_}; }
  size_t length() const { return length_; }
  T* get() const { return values_.get(); }

 private:
  size_t length_;
  hwy::AlignedFreeUniquePtr<T[]> values_;
};

template <class T>
Rows<T> from_pixel(T* tensor, int64_t pixel, int c) {
  const auto channels = static_cast<size_t>(c);
  return {moved(tensor, static_cast<size_t>(pixel) * channels), channels};
}

// Adds to sums over images and channels.
void add_row(const float* from, size_t channels, float* to) {
  for (size_t channel = 0; channel < channels; channel += lanes)
    hn::Store(hn::Add(hn::Load(floats, to + channel), hn::Load(floats, from + channel)), floats,
              to + channel);
}

// A pixel of the output, and the corner of the input that its patch begins with.
struct Place {
  const DenseShape& shape;
  int64_t image;
  int y, x;
  Place(const DenseShape& s, int64_t pixel)
      : shape(s),
        image(pixel / (int64_t{s.out_h()} * s.out_w())),
        y(static_cast<int>(pixel / s.out_w() % s.out_h())),
        x(static_cast<int>(pixel % s.out_w())) {}
  int top() const { return y * shape.stride - shape.kernel / 2; }
  int left() const { return x * shape.stride - shape.kernel / 2; }
  void next() {
    if (++x < shape.out_w()) return;
    x = 0;
    if (++y < shape.out_h()) return;
    y = 0;
    ++image;
  }
};

// The left side of a product, row by row of output pixels.
template <class T, class E>
class Left {
 public:
  explicit Left(const DenseWork<T, E>& work)
      : shape_(work.shape),
        x_(work.x),
        before_(work.before),
        as_it_is_(std::is_same_v<T, E> && is_identity(work.before)),
        rows_(work.tile, shape_.depth()),
        input_(shape_.is_pointwise() || as_it_is_ ? 0 : most_rows(work) * shape_.w, shape_.in) {}

  // What before(x) shows `count` outputs from the pixel `first` on, with whole pairs of channels;
  // until the next call.
  Rows<const E> read(int64_t first, int64_t count) {
    if (shape_.is_pointwise() && as_it_is_ && shape_.in % pair_of<E> == 0)
      return from_pixel(elements(x_), first, shape_.in);
    const Rows<E> rows = copy(first, count);
    return {rows.first, rows.c};
  }
  // The same in memory of its own.
  Rows<E> copy(int64_t first, int64_t count) {
    if (shape_.is_pointwise()) {
      const auto x = from_pixel(x_, first, shape_.in);
      sweep(Normalised<T, E>{x, before_, rows_.rows()}, count, x.c);
    } else {
      gather(first, count);
    }
    return rows_.rows();
  }

 private:
  // x itself, where it may be as it is.
  static const E* elements(const T* x) {
    if constexpr (std::is_same_v<T, E>)
      return x;
    else
      return nullptr;
  }
  // Rows of the input (of all images, one behind the other) that a tile sees, at most.
  static int64_t most_rows(const DenseWork<T, E>& work) {
    const DenseShape& s = work.shape;
    return ((work.tile - 1) / s.out_w() + 2) * s.stride + s.kernel;
  }

  void gather(int64_t first, int64_t count) {
    const DenseShape& s = shape_;
    const auto in = static_cast<size_t>(s.in), taps = static_cast<size_t>(s.kernel) * in;
    Place place(s, first);
    const Place last(s, first + count - 1);
    const int64_t begin = place.image * s.h + std::max(0, place.top()),
                  end = last.image * s.h + std::min(s.h, last.top() + s.kernel);
    const T* seen = x_ + begin * s.w * s.in;
    const E* input = elements(seen);
    if (!as_it_is_) {
      const Rows<E> to{input_.get(), in};  // without gaps: the taps of a row lie together
      sweep(Normalised<T, E>{{seen, in}, before_, to}, (end - begin) * s.w, in);
      input = input_.get();
    }
    for (int64_t row = 0; row < count; ++row, place.next()) {
      E* to = rows_.get() + static_cast<size_t>(row) * rows_.length();
      const int left = std::max(0, -place.left()), right = std::min(s.kernel, s.w - place.left());
      const size_t outside = static_cast<size_t>(left) * in,
                   inside = static_cast<size_t>(right - left) * in;
      const int64_t corner = (place.image * s.h + place.top() - begin) * s.w + place.left() + left;
      for (int tap = 0; tap < s.kernel; ++tap, to += taps) {
        const int y = place.top() + tap;
        if (y < 0 || y >= s.h) {
          std::fill_n(to, taps, E{});
          continue;
        }
        std::fill_n(to, outside, E{});
        std::copy_n(input + (corner + int64_t{tap} * s.w) * s.in, inside, to + outside);
        std::fill_n(to + outside + inside, taps - outside - inside, E{});
      }
    }
  }

  const DenseShape& shape_;
  const T* x_;
  const Normalise& before_;
  bool as_it_is_;
  Tile<E> rows_;
  Tile<E> input_;
};

template <class T, class E>
void forward(const DenseForward<T, E>& work, int64_t first, int64_t last, double* sums) {
  const DenseShape& s = work.shape;
  const int64_t depth = multiple_of(s.depth(), pair_of<E>), out_length = row_length(s.out);
  Left<T, E> left(work);
  const Tile<float> product(work.tile, product_length);
  for (int64_t i = first; i < last; ++i) {
    const int64_t pixel = i * work.tile, rows = std::min(work.tile, s.pixels() - pixel);
    const Rows<const E> patches = left.read(pixel, rows);
    for (int64_t block = 0; block < s.out; block += block_columns) {
      const int64_t columns = std::min<int64_t>(block_columns, s.out - block);
      work.products->multiply(rows, columns, depth, static_cast<int64_t>(patches.c), out_length,
                              product_length, false, patches.first,
                              work.weight + block * pair_of<E>, product.get());
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

// dL/dw, [narrow][wide], of one tile after the other.
template <class E>
class WeightGradient {
 public:
  WeightGradient(const DenseShape& shape, int64_t tile, const Products<E>& products)
      : shape_(shape),
        products_(products),
        narrow_pairs_(pair_of<E> == 1 ? 0 : tile, narrow(shape)),
        wide_pairs_(pair_of<E> == 1 ? 0 : tile, wide(shape)),
        transposed_(products.multiply_transposed != nullptr ? 0 : narrow(shape), tile) {}

  // Both have `rows` rows and memory for whole pairs.
  void add(Rows<E> patches, Rows<E> dy, int64_t rows, float* dweight) {
    const Rows<E>& narrow_tile = out_is_narrow(shape_) ? dy : patches;
    const Rows<E>& wide_tile = out_is_narrow(shape_) ? patches : dy;
    if (products_.multiply_transposed != nullptr)
      products_.multiply_transposed(narrow(shape_), wide(shape_), rows,
                                    static_cast<int64_t>(narrow_tile.c),
                                    static_cast<int64_t>(wide_tile.c), row_length(wide(shape_)),
                                    added_, narrow_tile.first, wide_tile.first, dweight);
    else
      turn_and_multiply(narrow_tile, wide_tile, rows, dweight);
    added_ = true;
  }

 private:
  void turn_and_multiply(const Rows<E>& narrow_tile, const Rows<E>& wide_tile, int64_t rows,
                         float* dweight) {
    const int64_t whole = multiple_of(rows, pair_of<E>);
    for (int64_t row = rows; row < whole; ++row) {
      for (const Rows<E>& tile : {narrow_tile, wide_tile})
        std::fill_n(tile.at(static_cast<size_t>(row), 0), tile.c, E{});
    }
    const E* left = paired(narrow_tile.first, whole, narrow_tile.c, narrow_pairs_.get());
    const E* right = paired(wide_tile.first, whole, wide_tile.c, wide_pairs_.get());
    const auto words = static_cast<size_t>(pair_of<E>);
    transpose(reinterpret_cast<const uint32_t*>(left), static_cast<size_t>(whole) / words,
              static_cast<size_t>(narrow(shape_)), narrow_tile.c,
              reinterpret_cast<uint32_t*>(transposed_.get()), transposed_.length() / words);
    products_.multiply(narrow(shape_), wide(shape_), whole,
                       static_cast<int64_t>(transposed_.length()),
                       static_cast<int64_t>(wide_tile.c), row_length(wide(shape_)), added_,
                       transposed_.get(), right, dweight);
  }

  const DenseShape& shape_;
  const Products<E>& products_;
  Tile<E> narrow_pairs_, wide_pairs_, transposed_;
  bool added_ = false;
};

// What the products (or sums of them) `from` make of the gradient of the pixels from `pixel` on, in
// the channels from `block` on.
template <class T, class E>
void write_gradient(const DenseBackward<T, E>& work, Rows<const float> from, int64_t pixel,
                    int64_t rows, int64_t block, size_t columns, double* sums) {
  const DenseShape& s = work.shape;
  auto dz = from_pixel(work.dz, pixel, s.in);
  dz.first += block;
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

template <class T, class E>
class Backward {
 public:
  explicit Backward(const DenseBackward<T, E>& work)
      : work_(work),
        shape_(work.shape),
        dy_(work.tile, shape_.out),
        product_(work.tile, product_length),
        sum_(shape_.is_pointwise() || work.dz == nullptr ? 0 : work.images * shape_.h * shape_.w,
             shape_.in) {}

  void run(int64_t first, int64_t last, double* sums, float* dweight) {
    for (int64_t i = first; i < last; ++i) {
      if (shape_.is_pointwise())
        pointwise(i * work_.tile, sums, dweight);
      else
        images(i * work_.images, std::min(shape_.n, (i + 1) * work_.images), sums, dweight);
    }
    work_.products->release();
  }

 private:
  // dL/dy of a tile, and its part of the weight gradient.
  void differentiate(int64_t pixel, int64_t rows, float* dweight) {
    const auto y = from_pixel(work_.dy.y, pixel, shape_.out);
    sweep(Differentiated<T, E>{from_pixel(work_.dy.g, pixel, shape_.out), y, work_.dy, dy_.rows()},
          rows, y.c);
    if (dweight == nullptr) return;
    if (!gradient_) {
      left_.emplace(work_);
      gradient_.emplace(shape_, work_.tile, *work_.products);
    }
    gradient_->add(left_->copy(pixel, rows), dy_.rows(), rows, dweight);
  }

  // Products with `columns` of the weight from `column` on.
  Rows<const float> multiply(int64_t rows, int64_t column, int64_t columns) {
    work_.products->multiply(rows, columns, multiple_of(shape_.out, pair_of<E>),
                             static_cast<int64_t>(dy_.length()), row_length(shape_.depth()),
                             product_length, false, dy_.get(), work_.weight + column * pair_of<E>,
                             product_.get());
    return {product_.get(), product_.length()};
  }

  void pointwise(int64_t pixel, double* sums, float* dweight) {
    const int64_t rows = std::min(work_.tile, shape_.pixels() - pixel);
    differentiate(pixel, rows, dweight);
    if (work_.dz == nullptr) return;
    for (int64_t block = 0; block < shape_.in; block += block_columns) {
      const int64_t columns = std::min<int64_t>(block_columns, shape_.in - block);
      write_gradient(work_, multiply(rows, block, columns), pixel, rows, block,
                     static_cast<size_t>(columns), sums);
    }
  }

  void images(int64_t first, int64_t last, double* sums, float* dweight) {
    const DenseShape& s = shape_;
    const int64_t plane = int64_t{s.out_h()} * s.out_w(), end = last * plane;
    const int64_t inputs = (last - first) * s.h * s.w;
    if (summed_) std::fill_n(sum_.get(), static_cast<size_t>(inputs) * sum_.length(), 0.0F);
    summed_ = work_.dz != nullptr;
    for (int64_t pixel = first * plane; pixel < end; pixel += work_.tile) {
      const int64_t rows = std::min(work_.tile, end - pixel);
      differentiate(pixel, rows, dweight);
      if (work_.dz == nullptr) continue;
      for (int tap = 0; tap < s.kernel * s.kernel; ++tap) {
        for (int64_t block = 0; block < s.in; block += block_columns) {
          const int64_t columns = std::min<int64_t>(block_columns, s.in - block);
          scatter(multiply(rows, int64_t{tap} * s.in + block, columns), first, pixel, rows, tap,
                  block, static_cast<size_t>(columns));
        }
      }
    }
    for (int64_t row = 0; row < inputs && work_.dz != nullptr; row += work_.tile)
      write_gradient(work_, {sum_.rows().at(static_cast<size_t>(row), 0), sum_.length()},
                     first * s.h * s.w + row, std::min(work_.tile, inputs - row), 0,
                     static_cast<size_t>(s.in), sums);
  }

  // Adds to the pixels that a tap sees what the outputs from `pixel` on have for them.
  void scatter(Rows<const float> from, int64_t first_image, int64_t pixel, int64_t rows, int tap,
               int64_t block, size_t columns) {
    const DenseShape& s = shape_;
    Place place(s, pixel);
    for (int64_t row = 0; row < rows; ++row, place.next()) {
      const int y = place.top() + tap / s.kernel, x = place.left() + tap % s.kernel;
      if (y < 0 || y >= s.h || x < 0 || x >= s.w) continue;
      const int64_t at = ((place.image - first_image) * s.h + y) * s.w + x;
      add_row(from.at(static_cast<size_t>(row), 0), columns,
              sum_.get() + static_cast<size_t>(at) * sum_.length() + block);
    }
  }

  const DenseBackward<T, E>& work_;
  const DenseShape& shape_;
  Tile<E> dy_;
  Tile<float> product_;
  Tile<float> sum_;  // of the gradients that the pixels of some images get
  bool summed_ = false;
  std::optional<Left<T, E>> left_;  // both where weights want their gradient
  std::optional<WeightGradient<E>> gradient_;
};

template <class T, class E>
void backward(const DenseBackward<T, E>& work, int64_t first, int64_t last, double* sums,
              float* dweight) {
  Backward<T, E>(work).run(first, last, sums, dweight);
}

void add_up_weights(const DenseShape& s, const float* parts, int tasks, int64_t first, int64_t last,
                    float* dweight) {
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

template <class T, class E>
DensePasses<T, E> passes() {
  return {&pack<E>, &pack_transposed<E>, &forward<T, E>, &backward<T, E>, &add_up_weights};
}
DensePasses<float, float> dense_of_float() { return passes<float, float>(); }
DensePasses<Bfloat16, Bfloat16> dense_of_bfloat16() { return passes<Bfloat16, Bfloat16>(); }
DensePasses<Bfloat16, float> dense_by_float() { return passes<Bfloat16, float>(); }

}  // namespace vpunas::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vpunas::kernels {
namespace {

HWY_EXPORT(dense_of_float);
HWY_EXPORT(dense_of_bfloat16);
HWY_EXPORT(dense_by_float);

template <class T, class E>
DensePasses<T, E> best_passes() {
  if constexpr (std::is_same_v<T, float>)
    return HWY_DYNAMIC_DISPATCH(dense_of_float)();
  else if constexpr (std::is_same_v<E, float>)
    return HWY_DYNAMIC_DISPATCH(dense_by_float)();
  else
    return HWY_DYNAMIC_DISPATCH(dense_of_bfloat16)();
}

// Pixels a tile: as many as a part of the second cache takes with all that is made of them, as
// every tile reads weights and sums of weight gradients once.
int64_t tile_pixels(const DenseShape& s) {
  constexpr int64_t tile_bytes = 384 << 10, least = 32, most = 256;
  const int64_t pixels = tile_bytes / (8 * (int64_t{s.depth()} + s.out));
  return std::clamp(pixels / least * least, least, most);
}

// Of zeros, with room behind the last row: products of a part of the columns read whole vectors,
// wherever they begin.
template <class E>
hwy::AlignedFreeUniquePtr<E[]> new_weight(int64_t rows, int64_t columns) {
  const auto size =
      static_cast<size_t>(multiple_of(rows, pair_of<E>) * row_length(columns) + row_length(1));
  auto weight = aligned<E>(size);
  std::fill_n(weight.get(), size, E{});
  return weight;
}

int64_t operations(const DenseShape& s) { return s.pixels() * s.depth() * s.out; }

// Each task has sums of the weight's gradient of its own. Those of many weights cost as much as the
// products of some pixels, so there a task has more of these; and they have their place in memory.
constexpr size_t many_weights = 64 << 10;
constexpr int64_t pixels_a_sum = 256;
constexpr size_t most_sums = 64 << 20;  // floats of all tasks

int backward_tasks(int64_t items, const DenseShape& s, size_t weights, const Parallel& parallel) {
  const int tasks = task_count(items, 2 * operations(s), parallel);
  if (weights <= many_weights) return tasks;
  const auto least = std::min<int64_t>(tasks, parallel.threads);
  const auto most = static_cast<int64_t>(std::max<size_t>(1, most_sums / weights));
  return static_cast<int>(
      std::min(most, std::clamp<int64_t>(s.pixels() / pixels_a_sum, least, tasks)));
}

void add_up(const PartialSums& partial, size_t stride, int channels, double* sums) {
  const auto c = static_cast<size_t>(channels);
  for (size_t i = 0; i < c; ++i) {
    sums[i] = partial.total(i);
    sums[c + i] = partial.total(stride + i);
  }
}

}  // namespace

template <class T, class E>
void dense_forward(const DenseShape& shape, const T* x, const Normalise& before,
                   const float* weight, T* y, double* sums, const Products<E>& products,
                   const Parallel& parallel) {
  assert(shape.kernel % 2 == 1);
  const auto passes = best_passes<T, E>();
  const auto packed = new_weight<E>(shape.depth(), shape.out);
  passes.pack_transposed(weight, shape.out, shape.depth(), packed.get());
  const DenseForward<T, E> work{{shape, x, before, packed.get(), &products, tile_pixels(shape)}, y};
  const int tasks = task_count(work.tiles(), operations(shape), parallel);
  const auto stride = static_cast<size_t>(row_length(shape.out));
  PartialSums partial(tasks, 2 * stride);
  share_out(work.tiles(), tasks, parallel, [&](int task, int64_t first, int64_t last) {
    passes.forward(work, first, last, partial.of(task));
  });
  add_up(partial, stride, shape.out, sums);
}

template <class T, class E>
void dense_backward(const DenseShape& shape, const T* x, const Normalise& before,
                    const float* weight, const OutputGradient<T>& dy, const T* residual, T* dz,
                    double* sums, float* dweight, const Products<E>& products,
                    const Parallel& parallel) {
  assert(dy.y != nullptr && shape.kernel % 2 == 1);
  const auto passes = best_passes<T, E>();
  const auto packed = new_weight<E>(shape.out, shape.depth());
  passes.pack(weight, shape.out, shape.depth(), packed.get());
  const int64_t tile = tile_pixels(shape), plane = int64_t{shape.out_h()} * shape.out_w();
  const DenseBackward<T, E> work{
      {shape, x, before, packed.get(), &products, tile},
      dy,
      residual,
      dz,
      std::clamp<int64_t>(tile / plane, 1, std::max<int64_t>(1, shape.n / parallel.threads))};
  const auto stride = static_cast<size_t>(row_length(shape.in));
  const auto length = static_cast<size_t>(row_length(wide(shape)));
  const size_t area = static_cast<size_t>(narrow(shape)) * length;
  const int tasks = backward_tasks(work.items(), shape, area, parallel);
  PartialSums partial(tasks, 2 * stride);
  AlignedFloats gradients;
  if (dweight != nullptr) gradients = aligned<float>(area * static_cast<size_t>(tasks));
  share_out(work.items(), tasks, parallel, [&](int task, int64_t first, int64_t last) {
    passes.backward(
        work, first, last, partial.of(task),
        dweight != nullptr ? gradients.get() + area * static_cast<size_t>(task) : nullptr);
  });
  if (sums != nullptr) add_up(partial, stride, shape.in, sums);
  if (dweight == nullptr) return;
  const int64_t additions = static_cast<int64_t>(area) * tasks;
  share_out(narrow(shape), task_count(narrow(shape), additions, parallel), parallel,
            [&](int, int64_t first, int64_t last) {
              passes.add_up_weights(shape, gradients.get(), tasks, first, last, dweight);
            });
}

#define VPUNAS_INSTANTIATE(T, E)                                                               \
  template void dense_forward(const DenseShape&, const T*, const Normalise&, const float*, T*, \
                              double*, const Products<E>&, const Parallel&);                   \
  template void dense_backward(const DenseShape&, const T*, const Normalise&, const float*,    \
                               const OutputGradient<T>&, const T*, T*, double*, float*,        \
                               const Products<E>&, const Parallel&);
VPUNAS_INSTANTIATE(float, float)
VPUNAS_INSTANTIATE(Bfloat16, Bfloat16)
VPUNAS_INSTANTIATE(Bfloat16, float)
#undef VPUNAS_INSTANTIATE

}  // namespace vpunas::kernels
#endif
