#include "kernels/norm.h"

#include <algorithm>
#include <type_traits>

#include "kernels/tasks.h"

// Highway includes the rest of this file once for each target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/norm.cpp"
#include <hwy/foreach_target.h>

#include "kernels/norm_passes.h"
#include "kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vpunas::kernels::HWY_NAMESPACE {

// Pixels whose channels stay in the first cache while one vector of them after the other is summed.
constexpr int64_t chunk = 64;

// Adds (value, factor) = pair(normalise, pixel's vector, index) of pixels [first, last) to sums.
template <class Pair>
HWY_INLINE void sum_pairs(int64_t first, int64_t last, size_t c, const Normalise& normalise,
                          double* sums, size_t stride, const Pair& pair) {
  for (int64_t begin = first; begin < last; begin += chunk) {
    const int64_t end = std::min(last, begin + chunk);
    for (size_t channel = 0; channel < c; channel += lanes) {
      const size_t count = c - channel;
      const NormaliseVector norm(normalise, channel, count);
      SumPair sum;
      for (int64_t i = begin; i < end; ++i)
        pair(sum, norm, static_cast<size_t>(i) * c + channel, count);
      sum.flush_after(0, sums + channel, stride, 0);
    }
  }
}

template <class T>
struct Square {
  const T* x;
  HWY_INLINE void operator()(SumPair& sum, const NormaliseVector&, size_t at, size_t count) const {
    const V v = load(x + at, count);
    sum.add(v, v);
  }
};
template <class T>
struct Masked {
  const T *x, *g;
  HWY_INLINE void operator()(SumPair& sum, const NormaliseVector& norm, size_t at,
                             size_t count) const {
    const V v = load(x + at, count);
    sum.add(norm.masked(load(g + at, count), v), v);
  }
};

template <class T>
void square_sums(int64_t first, int64_t last, size_t c, const T* x, double* sums, size_t stride) {
  sum_pairs(first, last, c, {}, sums, stride, Square<T>{x});
}
template <class T>
void masked_sums(int64_t first, int64_t last, size_t c, const T* x, const T* g,
                 const Normalise& normalise, double* sums, size_t stride) {
  sum_pairs(first, last, c, normalise, sums, stride, Masked<T>{x, g});
}

template <class T>
void apply(int64_t first, int64_t last, size_t c, const T* x, const Normalise& normalise,
           const T* residual, T* z) {
  for (int64_t i = first; i < last; ++i) {
    for (size_t channel = 0; channel < c; channel += lanes) {
      const size_t at = static_cast<size_t>(i) * c + channel, count = c - channel;
      V v = NormaliseVector(normalise, channel, count)(load(x + at, count));
      if (residual != nullptr) v = hn::Add(v, load(residual + at, count));
      store(v, z + at, count);
    }
  }
}

template <class T>
void backward(int64_t first, int64_t last, size_t c, const T* x, const T* g,
              const Normalise& normalise, const NormGradient& gradient, T* dx) {
  for (int64_t i = first; i < last; ++i) {
    for (size_t channel = 0; channel < c; channel += lanes) {
      const size_t at = static_cast<size_t>(i) * c + channel, count = c - channel;
      const V v = load(x + at, count);
      const V masked = NormaliseVector(normalise, channel, count).masked(load(g + at, count), v);
      store(NormGradientVector(gradient, channel, count)(masked, v), dx + at, count);
    }
  }
}

template <class T>
NormPasses<T> passes() {
  return {lanes, &square_sums<T>, &masked_sums<T>, &apply<T>, &backward<T>};
}
NormPasses<float> norm_of_float() { return passes<float>(); }
NormPasses<Bfloat16> norm_of_bfloat16() { return passes<Bfloat16>(); }

}  // namespace vpunas::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vpunas::kernels {
namespace {

HWY_EXPORT(norm_of_float);
HWY_EXPORT(norm_of_bfloat16);

template <class T>
NormPasses<T> best_passes() {
  if constexpr (std::is_same_v<T, float>)
    return HWY_DYNAMIC_DISPATCH(norm_of_float)();
  else
    return HWY_DYNAMIC_DISPATCH(norm_of_bfloat16)();
}

int tasks_for(int64_t pixels, int64_t channels, const Parallel& parallel) {
  constexpr int64_t operations = 8;  // of an element, which is more reading than computing
  return task_count(pixels / 64, pixels * channels * operations, parallel);
}

// sums from add(first, last, partial sums, their stride).
template <class Add>
void sum_over_tasks(int64_t pixels, size_t c, size_t lanes, double* sums, const Parallel& parallel,
                    const Add& add) {
  const size_t stride = rounded_up(c, lanes);
  const int tasks = tasks_for(pixels, static_cast<int64_t>(c), parallel);
  PartialSums partial(tasks, 2 * stride);
  share_out(pixels, tasks, parallel, [&](int task, int64_t first, int64_t last) {
    add(first, last, partial.of(task), stride);
  });
  for (size_t i = 0; i < c; ++i) {
    sums[i] = partial.total(i);
    sums[c + i] = partial.total(stride + i);
  }
}

}  // namespace

template <class T>
void norm_sums(int64_t pixels, int c, const T* x, double* sums, const Parallel& parallel) {
  const auto passes = best_passes<T>();
  const auto channels = static_cast<size_t>(c);
  sum_over_tasks(pixels, channels, passes.lanes, sums, parallel,
                 [&](int64_t first, int64_t last, double* into, size_t stride) {
                   passes.square_sums(first, last, channels, x, into, stride);
                 });
}

template <class T>
void norm_backward_sums(int64_t pixels, int c, const T* x, const T* g, const Normalise& normalise,
                        double* sums, const Parallel& parallel) {
  const auto passes = best_passes<T>();
  const auto channels = static_cast<size_t>(c);
  sum_over_tasks(pixels, channels, passes.lanes, sums, parallel,
                 [&](int64_t first, int64_t last, double* into, size_t stride) {
                   passes.masked_sums(first, last, channels, x, g, normalise, into, stride);
                 });
}

template <class T>
void norm_apply(int64_t pixels, int c, const T* x, const Normalise& normalise, const T* residual,
                T* z, const Parallel& parallel) {
  const auto passes = best_passes<T>();
  share_out(pixels, tasks_for(pixels, c, parallel), parallel,
            [&](int, int64_t first, int64_t last) {
              passes.apply(first, last, static_cast<size_t>(c), x, normalise, residual, z);
            });
}

template <class T>
void norm_backward(int64_t pixels, int c, const T* x, const T* g, const Normalise& normalise,
                   const NormGradient& norm, T* dx, const Parallel& parallel) {
  const auto passes = best_passes<T>();
  share_out(pixels, tasks_for(pixels, c, parallel), parallel,
            [&](int, int64_t first, int64_t last) {
              passes.backward(first, last, static_cast<size_t>(c), x, g, normalise, norm, dx);
            });
}

#define VPUNAS_INSTANTIATE(T)                                                                   \
  template void norm_sums(int64_t, int, const T*, double*, const Parallel&);                    \
  template void norm_backward_sums(int64_t, int, const T*, const T*, const Normalise&, double*, \
                                   const Parallel&);                                            \
  template void norm_apply(int64_t, int, const T*, const Normalise&, const T*, T*,              \
                           const Parallel&);                                                    \
  template void norm_backward(int64_t, int, const T*, const T*, const Normalise&,               \
                              const NormGradient&, T*, const Parallel&);
VPUNAS_INSTANTIATE(float)
VPUNAS_INSTANTIATE(Bfloat16)
#undef VPUNAS_INSTANTIATE

NormStatistics norm_statistics(int64_t pixels, int c, const double* sums, const float* weight,
                               const float* bias, double eps) {
  const auto size = static_cast<size_t>(c);
  const auto n = static_cast<double>(pixels);
  NormStatistics s;
  for (auto* v : {&s.mean, &s.inverse_deviation, &s.variance}) v->resize(size);
  for (auto* v : {&s.scale, &s.shift}) v->resize(size);
  for (size_t i = 0; i < size; ++i) {
    s.mean[i] = sums[i] / n;
    const double variance = sums[size + i] / n - s.mean[i] * s.mean[i];
    s.variance[i] = variance < 0 ? 0 : variance;  // not-a-number stays
    s.inverse_deviation[i] = 1 / std::sqrt(s.variance[i] + eps);
    const double scale = weight[i] * s.inverse_deviation[i];
    s.scale[i] = static_cast<float>(scale);
    s.shift[i] = static_cast<float>(bias[i] - s.mean[i] * scale);
  }
  return s;
}

NormGradients norm_gradient(int64_t pixels, int c, const double* sums, const float* weight,
                            const NormStatistics& statistics) {
  const auto size = static_cast<size_t>(c);
  const auto n = static_cast<double>(pixels);
  NormGradients result;
  for (auto* v : {&result.dweight, &result.dbias, &result.a, &result.b, &result.d}) v->resize(size);
  for (size_t i = 0; i < size; ++i) {
    const double mean = statistics.mean[i], inverse = statistics.inverse_deviation[i];
    const double dweight = (sums[size + i] - mean * sums[i]) * inverse;
    const double a = weight[i] * inverse;
    const double b = -a * inverse * dweight / n;
    result.dweight[i] = static_cast<float>(dweight);
    result.dbias[i] = static_cast<float>(sums[i]);
    result.a[i] = static_cast<float>(a);
    result.b[i] = static_cast<float>(b);
    result.d[i] = static_cast<float>(-a * sums[i] / n - b * mean);
  }
  return result;
}

}  // namespace vpunas::kernels
#endif
