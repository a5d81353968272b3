// The kernels alone, one thread: gigabytes a second of activations read and written, and
// multiply-accumulates a second.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "kernels/dense.h"
#include "kernels/depthwise.h"
#include "kernels/norm.h"

namespace {

using namespace vpunas::kernels;

template <class T>
std::vector<T> values(size_t size) {
  std::vector<T> result(size);
  for (size_t i = 0; i < size; ++i) {
    const float value = static_cast<float>(i % 97) / 50 - 1;
    if constexpr (std::is_same_v<T, float>)
      result[i] = value;
    else
      result[i] = to_bfloat16(value);
  }
  return result;
}

// Of one convolution between two batch norms, all that it needs.
template <class T>
struct Tensors {
  Tensors(int64_t input_size, int64_t output_size, int weights, int channels)
      : inputs(static_cast<size_t>(input_size)),
        outputs(static_cast<size_t>(output_size)),
        x(values<T>(inputs)),
        dz(inputs),
        y(values<T>(outputs)),
        g(y),
        weight(values<float>(static_cast<size_t>(weights))),
        dweight(weight.size()),
        channel(static_cast<size_t>(channels), 0.5F),
        sums(2 * channel.size()) {}

  Normalise normalise() const { return {channel.data(), channel.data(), {0, 6}}; }

  size_t inputs, outputs;
  std::vector<T> x, dz, y, g;
  std::vector<float> weight, dweight, channel;
  std::vector<double> sums;
};

void count_rate(benchmark::State& state, const char* name, double each) {
  state.counters[name] =
      benchmark::Counter(each * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

DepthwiseShape depthwise_shape(const benchmark::State& state) {
  return {.n = state.range(0),
          .h = static_cast<int>(state.range(1)),
          .w = static_cast<int>(state.range(1)),
          .c = static_cast<int>(state.range(2)),
          .kernel = static_cast<int>(state.range(3)),
          .stride = static_cast<int>(state.range(4))};
}
DenseShape dense_shape(const benchmark::State& state) {
  return {.n = state.range(0),
          .h = static_cast<int>(state.range(1)),
          .w = static_cast<int>(state.range(1)),
          .in = static_cast<int>(state.range(2)),
          .out = static_cast<int>(state.range(3)),
          .kernel = static_cast<int>(state.range(4))};
}

template <class T>
struct Layer : Tensors<T> {
  explicit Layer(const benchmark::State& state) : Layer(depthwise_shape(state)) {}
  explicit Layer(const DepthwiseShape& s)
      : Tensors<T>(s.n * s.h * s.w * s.c, s.n * s.out_h() * s.out_w() * s.c,
                   s.c * s.kernel * s.kernel, s.c),
        shape(s) {}
  void count(benchmark::State& state, size_t elements, int products) const {
    count_rate(state, "GB/s", static_cast<double>(elements * sizeof(T)));
    count_rate(state, "GMAC/s",
               static_cast<double>(this->outputs) * shape.kernel * shape.kernel * products);
  }
  DepthwiseShape shape;
};

template <class T>
struct DenseLayer : Tensors<T> {
  explicit DenseLayer(const benchmark::State& state) : DenseLayer(dense_shape(state)) {}
  explicit DenseLayer(const DenseShape& s)
      : Tensors<T>(s.n * s.h * s.w * s.in, s.pixels() * s.out, s.depth() * s.out,
                   std::max(s.in, s.out)),
        shape(s) {}
  void count(benchmark::State& state, int products) const {
    count_rate(state, "GMAC/s", static_cast<double>(this->outputs) * shape.depth() * products);
  }
  DenseShape shape;
};

template <class T>
void depthwise_forward_pass(benchmark::State& state) {
  Layer<T> l(state);
  for (auto _ : state)
    depthwise_forward(l.shape, l.x.data(), l.normalise(), l.weight.data(), l.y.data(),
                      l.sums.data(), {});
  l.count(state, l.inputs + l.outputs, 1);
}

template <class T>
void depthwise_backward_pass(benchmark::State& state) {
  Layer<T> l(state);
  const float* c = l.channel.data();
  for (auto _ : state)
    depthwise_backward<T>(l.shape, l.x.data(), l.normalise(), l.weight.data(),
                          {l.g.data(), l.y.data(), l.normalise(), {c, c, c}}, l.dz.data(),
                          l.sums.data(), l.dweight.data(), {});
  l.count(state, 2 * l.inputs + 2 * l.outputs, 2);
}

template <class T>
void norm_sums_pass(benchmark::State& state) {
  Layer<T> l(state);
  for (auto _ : state)
    norm_sums(static_cast<int64_t>(l.inputs) / l.shape.c, l.shape.c, l.x.data(), l.sums.data(), {});
  l.count(state, l.inputs, 0);
}
template <class T>
void norm_apply_pass(benchmark::State& state) {
  Layer<T> l(state);
  for (auto _ : state)
    norm_apply<T>(static_cast<int64_t>(l.inputs) / l.shape.c, l.shape.c, l.x.data(), l.normalise(),
                  nullptr, l.dz.data(), {});
  l.count(state, 2 * l.inputs, 0);
}
template <class T>
void norm_backward_pass(benchmark::State& state) {
  Layer<T> l(state);
  const float* c = l.channel.data();
  for (auto _ : state)
    norm_backward<T>(static_cast<int64_t>(l.inputs) / l.shape.c, l.shape.c, l.x.data(), l.x.data(),
                     l.normalise(), {c, c, c}, l.dz.data(), {});
  l.count(state, 3 * l.inputs, 0);
}

// By our own products.
template <class T>
void dense_forward_pass(benchmark::State& state) {
  DenseLayer<T> l(state);
  for (auto _ : state)
    dense_forward<T, float>(l.shape, l.x.data(), l.normalise(), l.weight.data(), l.y.data(),
                            l.sums.data(), vector_products(), {});
  l.count(state, 1);
}

template <class T>
void dense_backward_pass(benchmark::State& state) {
  DenseLayer<T> l(state);
  const float* c = l.channel.data();
  for (auto _ : state)
    dense_backward<T, float>(l.shape, l.x.data(), l.normalise(), l.weight.data(),
                             {l.g.data(), l.y.data(), l.normalise(), {c, c, c}}, nullptr,
                             l.dz.data(), l.sums.data(), l.dweight.data(), vector_products(), {});
  l.count(state, 2);
}

// Batch, side, channels, kernel, stride: MobileNetV2 at 32 and at 224 pixels.
void shapes(benchmark::internal::Benchmark* b) {
  for (const int kernel : {3, 5}) {
    b->Args({32, 32, 96, kernel, 1});
    b->Args({32, 32, 144, kernel, 2});
    b->Args({32, 16, 192, kernel, 1});
    b->Args({32, 8, 384, kernel, 1});
    b->Args({32, 4, 960, kernel, 1});
    b->Args({2, 112, 96, kernel, 2});
    b->Args({2, 56, 144, kernel, 1});
  }
}
// Batch, side, inputs, outputs, kernel.
void dense_shapes(benchmark::internal::Benchmark* b) {
  b->Args({2, 112, 16, 96, 1})->Args({2, 56, 144, 24, 1})->Args({8, 14, 96, 576, 1});
  b->Args({8, 14, 576, 96, 1})->Args({32, 7, 160, 960, 1})->Args({8, 16, 64, 64, 3});
}
void sizes(benchmark::internal::Benchmark* b) {
  b->Args({32, 32, 96, 3, 1})->Args({32, 32, 24, 3, 1})->Args({32, 8, 384, 3, 1});
}

#define VPUNAS_BENCHMARK(pass, args)                                           \
  BENCHMARK_TEMPLATE(pass, float)->Apply(args)->Unit(benchmark::kMicrosecond); \
  BENCHMARK_TEMPLATE(pass, Bfloat16)->Apply(args)->Unit(benchmark::kMicrosecond)
VPUNAS_BENCHMARK(depthwise_forward_pass, shapes);
VPUNAS_BENCHMARK(depthwise_backward_pass, shapes);
VPUNAS_BENCHMARK(dense_forward_pass, dense_shapes);
VPUNAS_BENCHMARK(dense_backward_pass, dense_shapes);
VPUNAS_BENCHMARK(norm_sums_pass, sizes);
VPUNAS_BENCHMARK(norm_apply_pass, sizes);
VPUNAS_BENCHMARK(norm_backward_pass, sizes);

}  // namespace

BENCHMARK_MAIN();
