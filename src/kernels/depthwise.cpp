#include "kernels/depthwise.h"

#include <algorithm>
#include <cassert>
#include <span>
#include <type_traits>

#include "kernels/tasks.h"

// Highway includes the rest of this file once for each target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/depthwise.cpp"
#include <hwy/foreach_target.h>

#include "kernels/depthwise_passes.h"
#include "kernels/depthwise_rows-inl.h"
#include "kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vpunas::kernels::HWY_NAMESPACE {

// Columns of zeros, a vector each.
struct Zeros {
  explicit Zeros(size_t columns) : values(aligned_zeros(columns * lanes)) {}
  float* at(size_t column) const { return values.get() + column * lanes; }
  AlignedFloats values;
};

// A vector of channels of every pixel of one row.
template <class T>
struct Row {
  T* pixels;  // of the first pixel
  size_t w, c, count;
};

template <class T>
Row<T> row_of(T* images, const DepthwiseShape& s, int h, int w, int64_t image, int y,
              size_t channel) {
  const auto c = static_cast<size_t>(s.c);
  const auto row = static_cast<size_t>(image * h + y);
  return {moved(images, row * static_cast<size_t>(w) * c + channel), static_cast<size_t>(w), c,
          c - channel};
}

// Here arguments come by value and sums are kept apart, so that the compiler knows that no store
// changes them and leaves them in registers.
template <class T>
void read_row(Row<const T> row, NormaliseVector before, float* to) {
  for (size_t i = 0; i < row.w; ++i)
    hn::Store(before(load(row.pixels + i * row.c, row.count)), floats, to + i * lanes);
}

template <class T>
void write_row(const float* from, Row<T> row, SumPair& sums) {
  SumPair sum = sums;
  for (size_t i = 0; i < row.w; ++i) {
    const V v = hn::Load(floats, from + i * lanes);
    sum.add(v, v);
    store(v, row.pixels + i * row.c, row.count);
  }
  sums = sum;
}

template <int K, int S, class T>
void forward(const ForwardWork<T>& work, int64_t first, int64_t last, double* sums) {
  const DepthwiseShape& s = work.shape;
  constexpr int pad = K / 2;
  const auto c = static_cast<size_t>(s.c), stride = rounded_up(c, lanes);
  const auto columns = static_cast<size_t>(s.out_w());
  const size_t length = (whole_tiles(columns) - 1) * S + K;
  const Zeros ring(K * length), out(whole_tiles(columns));
  const auto ring_row = [&](int y) { return ring.at(static_cast<size_t>(y % K) * length); };
  for (int64_t i = first; i < last; ++i) {
    const Cut::Item item = work.cut.item(i);
    const auto calls = item.size() * static_cast<int64_t>(stride / lanes);
    Ahead next_x(work.x, s.n * s.h * s.w * s.c, work.cut, i + 1, last, calls);
    Ahead next_y(work.y, s.n * s.out_h() * s.out_w() * s.c, work.cut, i + 1, last, calls);
    for (size_t channel = 0; channel < c; channel += lanes) {
      const NormaliseVector before(work.before, channel, c - channel);
      const float* taps = work.taps + channel * K * K;
      SumPair sum;
      for (int64_t image = item.first_image; image < item.last_image; ++image) {
        int next = std::max(0, item.first_row * S - pad);
        for (int y = item.first_row; y < item.last_row; ++y) {
          const int top = y * S - pad;
          for (; next < std::min(top + K, s.h); ++next)
            read_row(row_of(work.x, s, s.h, s.w, image, next, channel), before,
                     ring_row(next) + pad * lanes);
          RowsAndTaps<K> in;
          for (int k = std::max(0, -top); k < K && top + k < s.h; ++k)
            in.add(ring_row(top + k), taps + static_cast<size_t>(k) * K * lanes);
          convolve_row<K, S>(in, columns, out.at(0), 1);
          write_row(out.at(0), row_of(work.y, s, s.out_h(), s.out_w(), image, y, channel), sum);
          sum.flush_after(columns, sums + channel, stride);
          next_x.next();
          next_y.next();
        }
      }
      sum.flush_after(0, sums + channel, stride, 0);
    }
  }
}

// dL/dy of one row.
template <class T>
void read_gradient(const OutputGradient<T>& dy, Row<const T> g, Row<const T> y, size_t channel,
                   float* to) {
  if (dy.y == nullptr) return read_row(g, NormaliseVector({}, channel, g.count), to);
  const NormaliseVector after(dy.after, channel, g.count);
  const NormGradientVector norm(dy.norm, channel, g.count);
  for (size_t i = 0; i < g.w; ++i) {
    const V v = load(y.pixels + i * y.c, y.count);
    const V masked = after.masked(load(g.pixels + i * g.c, g.count), v);
    hn::Store(norm(masked, v), floats, to + i * lanes);
  }
}

// The gradient `from` behind the activations `act`, masked, and its sums with the raw input x.
template <class T>
void write_gradient(const float* from, const float* act, NormaliseVector before, Row<const T> x,
                    Row<T> dz, SumPair& sums) {
  SumPair sum = sums;
  for (size_t i = 0; i < dz.w; ++i) {
    const auto open = is_inside(hn::Load(floats, act + i * lanes), before.low, before.high);
    const V v = hn::IfThenElseZero(open, hn::Load(floats, from + i * lanes));
    sum.add(v, load(x.pixels + i * x.c, x.count));
    store(v, dz.pixels + i * dz.c, dz.count);
  }
  sums = sum;
}

// The gradients of an item, for one vector of channels after the other.
template <int K, int S, class T>
class DepthwiseGradients {
 public:
  explicit DepthwiseGradients(const BackwardWork<T>& work)
      : work_(work),
        s_(work.shape),
        columns_(static_cast<size_t>(s_.out_w())),
        length_(pad + whole_tiles(columns_) + taps_a_phase),
        ring_(K * length_),
        act_((whole_tiles(columns_) - 1) * S + K),
        gradient_(whole_tiles(columns_) * S),
        correlation_(K * K) {}

  void run(int64_t first, int64_t last, double* sums, double* dweight) {
    const auto c = static_cast<size_t>(s_.c), vectors = rounded_up(c, lanes) / lanes;
    const int64_t inputs = s_.n * s_.h * s_.w * s_.c,
                  outputs = s_.n * s_.out_h() * s_.out_w() * s_.c;
    for (int64_t i = first; i < last; ++i) {
      const Cut::Item item = work_.cut.item(i);
      const auto calls = item.size() * static_cast<int64_t>(vectors);
      Ahead ahead[] = {{work_.x, inputs, work_.cut, i + 1, last, calls},
                       {work_.dz, inputs, work_.cut, i + 1, last, calls},
                       {work_.dy.g, outputs, work_.cut, i + 1, last, calls},
                       {work_.dy.y, outputs, work_.cut, i + 1, last, calls}};
      for (size_t channel = 0; channel < c; channel += lanes)
        differentiate(item, channel, ahead, sums, dweight);
    }
  }

 private:
  static constexpr int pad = K / 2, taps_a_phase = taps_of(K, S);

  void differentiate(const Cut::Item& item, size_t channel, std::span<Ahead> ahead, double* sums,
                     double* dweight) {
    const NormaliseVector before(work_.before, channel, static_cast<size_t>(s_.c) - channel);
    const size_t stride = rounded_up(static_cast<size_t>(s_.c), lanes);
    std::fill_n(correlation_.at(0), K * K * lanes, 0.0F);
    SumPair sum;
    for (int64_t image = item.first_image; image < item.last_image; ++image) {
      int next = std::max(0, (item.first_row + pad - K + S) / S);
      for (int y = item.first_row; y < item.last_row; ++y) {
        for (; next < std::min((y + pad) / S + 1, s_.out_h()); ++next)
          read_gradient(work_.dy, output_row(work_.dy.g, image, next, channel),
                        output_row(work_.dy.y, image, next, channel), channel, ring_row(next));
        differentiate_row(image, y, channel, before, dweight != nullptr, sum);
        sum.flush_after(static_cast<size_t>(s_.w), sums + channel, stride);
        for (Ahead& tensor : ahead) tensor.next();
      }
    }
    sum.flush_after(0, sums + channel, stride, 0);
    if (dweight == nullptr) return;
    for (size_t k = 0; k < K * K; ++k)
      add_to(dweight + (channel * K * K + k * lanes), hn::Load(floats, correlation_.at(k)));
  }

  // A row of the input, when the ring has dL/dy of all rows of outputs that see it.
  void differentiate_row(int64_t image, int y, size_t channel, const NormaliseVector& before,
                         bool with_weight, SumPair& sum) {
    const Row<const T> x = row_of(work_.x, s_, s_.h, s_.w, image, y, channel);
    read_row(x, before, act_.at(pad));
    RowsAndTaps<K> in[S];
    for (int k = (y + pad) % S; k < K && k <= y + pad; k += S) {
      const int from = (y + pad - k) / S;
      if (from >= s_.out_h()) continue;
      for (int phase = 0; phase < S; ++phase) {
        // Column m of this phase meets output column m + begin first.
        const int begin =
            (phase + pad - first_tap(K, S, phase)) / S - (count_taps(K, S, phase) - 1);
        in[phase].add(ring_row(from) + begin * static_cast<int>(lanes),
                      taps_of_line(channel, phase, k));
      }
      if (with_weight)
        correlate_row<K, S>(act_.at(0), ring_row(from), columns_,
                            correlation_.at(static_cast<size_t>(k) * K));
    }
    for (int phase = 0; phase < S; ++phase)
      convolve_row<taps_a_phase, 1>(in[phase], columns_, gradient_.at(static_cast<size_t>(phase)),
                                    S);
    write_gradient(gradient_.at(0), act_.at(pad), before, x,
                   row_of(work_.dz, s_, s_.h, s_.w, image, y, channel), sum);
  }

  Row<const T> output_row(const T* images, int64_t image, int y, size_t channel) const {
    return row_of(images, s_, s_.out_h(), s_.out_w(), image, y, channel);
  }
  float* ring_row(int y) const { return ring_.at(static_cast<size_t>(y % K) * length_ + pad); }
  const float* taps_of_line(size_t channel, int phase, int k) const {
    return work_.taps +
           (channel * S * K + static_cast<size_t>(phase * K + k) * lanes) * taps_a_phase;
  }

  const BackwardWork<T>& work_;
  const DepthwiseShape& s_;
  size_t columns_;  // of the output, also those of one phase of the input
  size_t length_;   // of a row of the ring
  Zeros ring_, act_, gradient_, correlation_;
};

// Calls use(kernel, stride), both std::integral_constant.
template <class Use>
void with_size(const DepthwiseShape& s, const Use& use) {
  const auto with_stride = [&](auto kernel) {
    if (s.stride == 1)
      use(kernel, std::integral_constant<int, 1>());
    else
      use(kernel, std::integral_constant<int, 2>());
  };
  switch (s.kernel) {
    case 3:
      return with_stride(std::integral_constant<int, 3>());
    case 5:
      return with_stride(std::integral_constant<int, 5>());
    default:
      return with_stride(std::integral_constant<int, 7>());
  }
}

template <class T>
void any_forward(const ForwardWork<T>& work, int64_t first, int64_t last, double* sums) {
  with_size(work.shape, [&](auto kernel, auto stride) {
    forward<kernel(), stride()>(work, first, last, sums);
  });
}

template <class T>
void any_backward(const BackwardWork<T>& work, int64_t first, int64_t last, double* sums,
                  double* dweight) {
  with_size(work.shape, [&](auto kernel, auto stride) {
    DepthwiseGradients<kernel(), stride(), T>(work).run(first, last, sums, dweight);
  });
}

DepthwisePasses<float> depthwise_of_float() {
  return {lanes, &any_forward<float>, &any_backward<float>};
}
DepthwisePasses<Bfloat16> depthwise_of_bfloat16() {
  return {lanes, &any_forward<Bfloat16>, &any_backward<Bfloat16>};
}

}  // namespace vpunas::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vpunas::kernels {
namespace {

HWY_EXPORT(depthwise_of_float);
HWY_EXPORT(depthwise_of_bfloat16);

template <class T>
DepthwisePasses<T> best_passes() {
  if constexpr (std::is_same_v<T, float>)
    return HWY_DYNAMIC_DISPATCH(depthwise_of_float)();
  else
    return HWY_DYNAMIC_DISPATCH(depthwise_of_bfloat16)();
}

// Bytes of one item's input: with its output they stay in the second cache, from where every vector
// of channels but the first is read.
constexpr int64_t item_bytes = 128 << 10;
constexpr int least_band = 4;  // rows; a band reads kernel - stride rows of its neighbours again

Cut cut_work(const DepthwiseShape& s, int rows, size_t element, int threads) {
  const int64_t image_bytes = int64_t{s.h} * s.w * s.c * static_cast<int64_t>(element);
  Cut cut{.n = s.n, .rows = rows, .images = 1, .band = rows};
  if (s.n < threads) {
    cut.band = std::max<int>(1, static_cast<int>(rows * s.n / threads));
  } else if (image_bytes > item_bytes) {
    cut.band =
        static_cast<int>(std::clamp<int64_t>(rows * item_bytes / image_bytes, least_band, rows));
  } else {
    cut.images =
        std::clamp<int64_t>(item_bytes / std::max<int64_t>(1, image_bytes), 1, s.n / threads);
  }
  return cut;
}

int64_t operations(const DepthwiseShape& s) {
  return s.n * s.out_h() * s.out_w() * s.c * s.kernel * s.kernel;
}

// [blocks][rows][lanes] from value(channel, row).
template <class Value>
AlignedFloats pack(size_t c, size_t lanes, size_t rows, const Value& value) {
  const size_t padded = rounded_up(c, lanes);
  AlignedFloats taps = aligned_zeros(padded * rows);
  for (size_t channel = 0; channel < c; ++channel) {
    const size_t block = channel / lanes, lane = channel % lanes;
    for (size_t row = 0; row < rows; ++row)
      taps[(block * rows + row) * lanes + lane] = value(channel, row);
  }
  return taps;
}

AlignedFloats forward_taps(const DepthwiseShape& s, const float* weight, size_t lanes) {
  const auto rows = static_cast<size_t>(s.kernel * s.kernel);
  return pack(static_cast<size_t>(s.c), lanes, rows,
              [&](size_t channel, size_t row) { return weight[channel * rows + row]; });
}

AlignedFloats backward_taps(const DepthwiseShape& s, const float* weight, size_t lanes) {
  const int taps = taps_of(s.kernel, s.stride);
  const auto rows = static_cast<size_t>(s.stride * s.kernel * taps);
  return pack(static_cast<size_t>(s.c), lanes, rows, [&](size_t channel, size_t row) {
    const int tap = static_cast<int>(row) % taps, line = static_cast<int>(row) / taps % s.kernel,
              phase = static_cast<int>(row) / taps / s.kernel;
    const int count = count_taps(s.kernel, s.stride, phase);
    if (tap >= count) return 0.0F;
    const int column = first_tap(s.kernel, s.stride, phase) + (count - 1 - tap) * s.stride;
    return weight[(channel * static_cast<size_t>(s.kernel) + static_cast<size_t>(line)) *
                      static_cast<size_t>(s.kernel) +
                  static_cast<size_t>(column)];
  });
}

}  // namespace

bool is_served(int kernel, int stride) {
  return (kernel == 3 || kernel == 5 || kernel == 7) && (stride == 1 || stride == 2);
}

template <class T>
void depthwise_forward(const DepthwiseShape& shape, const T* x, const Normalise& before,
                       const float* weight, T* y, double* sums, const Parallel& parallel) {
  assert(is_served(shape.kernel, shape.stride));
  const auto passes = best_passes<T>();
  const auto c = static_cast<size_t>(shape.c), padded = rounded_up(c, passes.lanes);
  const AlignedFloats taps = forward_taps(shape, weight, passes.lanes);
  const ForwardWork<T> work{
      shape, x, before, taps.get(), y, cut_work(shape, shape.out_h(), sizeof(T), parallel.threads)};
  const int64_t items = work.cut.items();
  const int tasks = task_count(items, operations(shape), parallel);
  PartialSums partial(tasks, 2 * padded);
  share_out(items, tasks, parallel, [&](int task, int64_t first, int64_t last) {
    passes.forward(work, first, last, partial.of(task));
  });
  for (size_t i = 0; i < c; ++i) {
    sums[i] = partial.total(i);
    sums[c + i] = partial.total(padded + i);
  }
}

template <class T>
void depthwise_backward(const DepthwiseShape& shape, const T* x, const Normalise& before,
                        const float* weight, const OutputGradient<T>& dy, T* dz, double* sums,
                        float* dweight, const Parallel& parallel) {
  assert(is_served(shape.kernel, shape.stride));
  const auto passes = best_passes<T>();
  const auto c = static_cast<size_t>(shape.c), padded = rounded_up(c, passes.lanes);
  const auto area = static_cast<size_t>(shape.kernel * shape.kernel);
  const AlignedFloats taps = backward_taps(shape, weight, passes.lanes);
  const BackwardWork<T> work{
      shape, x, before, taps.get(), dy, dz, cut_work(shape, shape.h, sizeof(T), parallel.threads)};
  const int64_t items = work.cut.items();
  const int tasks = task_count(items, operations(shape), parallel);
  PartialSums partial(tasks, padded * (2 + (dweight != nullptr ? area : 0)));
  share_out(items, tasks, parallel, [&](int task, int64_t first, int64_t last) {
    double* of_task = partial.of(task);
    passes.backward(work, first, last, of_task,
                    dweight != nullptr ? of_task + 2 * padded : nullptr);
  });
  for (size_t i = 0; i < c; ++i) {
    sums[i] = partial.total(i);
    sums[c + i] = partial.total(padded + i);
  }
  if (dweight == nullptr) return;
  for (size_t i = 0; i < c; ++i) {
    const size_t block = i / passes.lanes, lane = i % passes.lanes;
    for (size_t k = 0; k < area; ++k)
      dweight[i * area + k] =
          static_cast<float>(partial.total(2 * padded + (block * area + k) * passes.lanes + lane));
  }
}

#define VPUNAS_INSTANTIATE(T)                                                                      \
  template void depthwise_forward(const DepthwiseShape&, const T*, const Normalise&, const float*, \
                                  T*, double*, const Parallel&);                                   \
  template void depthwise_backward(const DepthwiseShape&, const T*, const Normalise&,              \
                                   const float*, const OutputGradient<T>&, T*, double*, float*,    \
                                   const Parallel&);
VPUNAS_INSTANTIATE(float)
VPUNAS_INSTANTIATE(Bfloat16)
#undef VPUNAS_INSTANTIATE

}  // namespace vpunas::kernels
#endif
