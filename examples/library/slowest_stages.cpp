// Which stages of a network cost most on a MyriadX, without one.
//
//   slowest_stages NETWORK            a name of `vpunas zoo` or an architecture file
//   slowest_stages model.onnx
#include <algorithm>
#include <cstdio>
#include <exception>
#include <numeric>
#include <string>

#include <arch/zoo.h>
#include <myriadx/time.h>
#include <onnx/onnx.h>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: slowest_stages NETWORK|FILE.onnx\n");
    return 1;
  }
  try {
    const std::string network = argv[1];
    const vpunas::Graph graph = network.ends_with(".onnx") ? vpunas::read_onnx(network).graph
                                                           : vpunas::find_graph(network, DATA);
    using namespace vpunas::myriadx;
    const Mapping mapping = map(graph, resources(2), Precision::fp32);
    const TimeModel model = read_time_model(DATA "/myriadx.json");
    const std::vector<double> ms = stage_ms(mapping, model);
    const vpunas::Latency total = total_ms(mapping, model);
    std::printf("%s: %.2f ms (90 %% interval %.2f to %.2f), %zu stages\n", graph.name.c_str(),
                total.ms, total.low_ms, total.high_ms, ms.size());

    std::vector<size_t> slowest(ms.size());
    std::iota(slowest.begin(), slowest.end(), 0);
    std::ranges::sort(slowest, std::greater(), [&](size_t stage) { return ms[stage]; });
    slowest.resize(std::min<size_t>(5, slowest.size()));
    for (const size_t stage : slowest)
      std::printf("%6.3f ms  %s\n", ms[stage], mapping.stages[stage].name.c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "slowest_stages: %s\n", error.what());
    return 1;
  }
}
