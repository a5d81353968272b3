// What users wait for, in small: pricing, choosing, loading, and a training step's forward and
// backward.
#include <benchmark/benchmark.h>

#include "arch/zoo.h"
#include "base/files.h"
#include "base/tune_process.h"
#include "data/loader.h"
#include "learn/evaluate.h"
#include "learn/runtime.h"
#include "learn/train.h"
#include "myriadx/time.h"
#include "search/distribution.h"
#include "search/feasibility.h"

namespace {

using namespace vpunas;

LatencyFn myriadx_price() {
  return myriadx::latency_fn(myriadx::read_time_model(data_folder() / "myriadx.json"));
}

void price_mobilenet_v2(benchmark::State& state) {
  const Graph graph = lower(find_network("mobilenet_v2", data_folder()), {});
  const LatencyFn price = myriadx_price();
  for (auto _ : state) benchmark::DoNotOptimize(price(graph));
}
BENCHMARK(price_mobilenet_v2)->Unit(benchmark::kMicrosecond);

void distribution_within_of_quick_space(benchmark::State& state) {
  const SearchSpace space = find_space("quick", data_folder());
  const PricedSpace priced(space, {build_table(space, {}, myriadx_price(), {})});
  const LatencyRange range = latency_range(priced, 0);
  const Budgets budgets = {(range.least.ms + range.greatest.ms) / 2};
  const PerCandidate alpha = zeros_like(space);
  for (auto _ : state) benchmark::DoNotOptimize(distribution_within(priced, budgets, alpha));
}
BENCHMARK(distribution_within_of_quick_space)->Unit(benchmark::kMicrosecond);

Dataset synthetic(int side) {
  DataConfig config;
  config.format = "synthetic";
  return read_dataset(config, {.channels = 3, .height = side, .width = side}, 1);
}

void load_batch_of_128(benchmark::State& state) {
  const Dataset data = synthetic(32);
  Loader loader(data.train, {.crop_padding = 4, .flip = true}, 128, 1, 0, 0);
  for (auto _ : state) benchmark::DoNotOptimize(loader.next());
}
BENCHMARK(load_batch_of_128)->Unit(benchmark::kMicrosecond);

// Images a second of training MobileNetV2 at 32 px, batch 64, data included.
void train_mobilenet_v2_at_32(benchmark::State& state) {
  const Dataset data = synthetic(32);
  const Graph graph =
      lower(with_input(find_network("mobilenet_v2", data_folder()), {3, 32, 32}, 10), {});
  TrainConfig config;
  config.recipe.batch_size = 64;
  config.epochs = 0.5;
  int64_t images = 0;
  for (auto _ : state) {
    const TemporaryFolder folder;
    images += train({.graph = graph, .config = config}, data, folder.path() / "checkpoint", {})
                  .images_seen;
  }
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(images), benchmark::Counter::kIsRate);
}
BENCHMARK(train_mobilenet_v2_at_32)->Unit(benchmark::kSecond)->Iterations(3)->UseRealTime();

}  // namespace

int main(int argc, char** argv) {
  vpunas::tune_process(argv);
  vpunas::set_threads(0);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
