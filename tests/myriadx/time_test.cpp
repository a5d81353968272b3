// The time model: its file, its formula by hand, its interval, and its predictions against
// measurements.
#include "myriadx/time.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "base/error.h"
#include "base/files.h"
#include "tests/myriadx/networks.h"
#include "tests/myriadx/shared_data.h"

namespace vpunas::myriadx {
namespace {

// Constants that make sums easy to see.
TimeModel simple() {
  return {.clock_mhz = 1000,
          .weight_gb_s = 1,
          .input_gb_s = 2,
          .stage_us = 100,
          .shave_gb_s = 4,
          .shave_macs = {2, 1, 8},
          .shave_depthwise_macs = {0.5, 0.25, 8},
          .host_ms = 3,
          .pixel_step = 8,
          .burst_bytes = 128,
          .network_error = 0.03,
          .family_error = 0.04,
          .version = "test"};
}

Stage nce_stage() {
  Stage stage;
  stage.input = {16, 100, 64};  // rows of 128 bytes
  stage.output = {16, 100, 96};
  stage.cycles_per_pixel = 100;
  stage.output_pixels = 9600;  // 0.96 ms at 1 GHz
  stage.weight_bytes = 1;
  stage.descriptors = 1;
  stage.input_place = stage.output_place = Place::cmx;
  return stage;
}

Mapping mapping_of(std::vector<Stage> stages) { return {resources(2), {}, std::move(stages)}; }

double ms_of(std::vector<Stage> stages) {
  const std::vector<double> ms = stage_ms(mapping_of(std::move(stages)), simple());
  return std::accumulate(ms.begin(), ms.end(), 0.0);
}

TEST(Time, TheEngineTakesTheLongerOfComputingAndMemory) {
  Stage stage = nce_stage();
  EXPECT_NEAR(ms_of({stage}), 1.06, 1e-9);
  stage.weight_bytes = 3'000'000;
  EXPECT_NEAR(ms_of({stage}), 3.1, 1e-9);
}

TEST(Time, RowsAreComputedInStepsOfPixels) {
  Stage stage = nce_stage();
  stage.output = {16, 100, 14};  // computed as 16
  stage.output_pixels = 1400;
  EXPECT_NEAR(ms_of({stage}), 0.1 + 0.16, 1e-9);
  stage.output_pixels = 4 * 1400;  // before a fused pooling: rows of 28, computed as 32
  EXPECT_NEAR(ms_of({stage}), 0.1 + 0.64, 1e-9);
}

TEST(Time, AnInputInDdrIsReadForEveryDescriptorInBursts) {
  Stage stage = nce_stage();
  stage.input_place = Place::ddr;
  stage.descriptors = 40;
  const double read = 100 * 16 * 128 / 2e6;  // ms
  EXPECT_NEAR(ms_of({stage}), 0.1 + 40 * read, 1e-5);
  stage.input.w = 14;  // as long: a burst is the least that is read
  EXPECT_NEAR(ms_of({stage}), 0.1 + 40 * read, 1e-5);
  stage.input.w = 65;
  EXPECT_NEAR(ms_of({stage}), 0.1 + 80 * read, 1e-5);
  stage.weight_bytes = 0;  // a pooling reads it once
  EXPECT_NEAR(ms_of({stage}), 1.06, 1e-9);
}

TEST(Time, ShaveStagesPayForBytesAndCopiesDoNot) {
  Stage stage;
  stage.engine = Engine::shave;
  stage.input_bytes = 2'000'000;
  stage.output_bytes = 2'000'000;
  EXPECT_NEAR(ms_of({stage}), 1.1, 1e-9);
  stage.engine = Engine::dma;
  EXPECT_NEAR(ms_of({stage}), 0.1, 1e-9);
}

TEST(Time, ConvolutionsOnShavesPayForArithmeticOverAWideInterval) {
  Stage stage;
  stage.engine = Engine::shave;
  stage.kind = "shave_conv";
  stage.macs = 8'000'000;
  stage.shaves = 4;
  EXPECT_NEAR(ms_of({stage}), 0.1 + 1, 1e-9);
  const Latency total = total_ms(mapping_of({stage}), simple());
  const double half = 1.645 * 0.05;
  EXPECT_NEAR(total.ms, 4.1, 1e-9);
  EXPECT_NEAR(total.low_ms, 3.35 * (1 - half), 1e-9);
  EXPECT_NEAR(total.high_ms, 5.1 * (1 + half), 1e-9);
  stage.kind = "shave_depthwise";
  EXPECT_NEAR(ms_of({stage}), 0.1 + 4, 1e-9);
  stage.input_bytes = 20'000'000;  // 5 ms
  EXPECT_NEAR(ms_of({stage}), 0.1 + 5, 1e-9);

  const Latency difference =
      difference_ms(mapping_of({stage, stage}), mapping_of({stage}), simple());
  EXPECT_LT(difference.low_ms, difference.ms);
  EXPECT_GT(difference.high_ms, difference.ms);
}

// What leaves the NCE must not look cheaper than what it replaces.
TEST(Time, DilationAndLargeKernelsMakeNoNetworkFaster) {
  const auto ms = [](int kernel, int dilation, int groups) {
    Graph graph;
    graph.add("image", Input{{32, 64, 64}}, {});
    Conv conv{.out_channels = 32, .kh = kernel, .kw = kernel};
    conv.dilation = dilation;
    conv.groups = groups;
    conv.padding = Padding::all(dilation * (kernel - 1) / 2);
    graph.add("conv", conv, {0});
    return total_ms(map(graph, resources(2)), model()).ms;
  };
  for (const int groups : {1, 32}) {
    for (const int kernel : {3, 5, 7}) EXPECT_GT(ms(kernel, 2, groups), ms(kernel, 1, groups));
    EXPECT_GT(ms(17, 1, groups), ms(15, 1, groups));
  }
}

TEST(Time, AStageInTheShadowCostsItsStartAndWhatExceedsItsHost) {
  Stage shadow;
  shadow.engine = Engine::shave;
  shadow.in_shadow = true;
  shadow.host = 0;
  shadow.input_bytes = 3'000'000;  // 0.75 ms
  EXPECT_NEAR(ms_of({nce_stage(), shadow}), 1.16, 1e-9);
  shadow.input_bytes = 8'000'000;  // 2 ms
  EXPECT_NEAR(ms_of({nce_stage(), shadow}), 2.2, 1e-9);
}

TEST(Time, TheTotalHasTheHostAndAnInterval) {
  const Mapping mapping = mapping_of({nce_stage()});
  const Latency total = total_ms(mapping, simple());
  EXPECT_NEAR(total.ms, 4.06, 1e-9);
  EXPECT_NEAR(total.low_ms, 4.06 * (1 - 1.645 * 0.05), 1e-9);
  EXPECT_NEAR(total.high_ms, 4.06 * (1 + 1.645 * 0.05), 1e-9);
}

TEST(Time, ADifferenceIsSurerTheMoreTwoNetworksShare) {
  Stage other = nce_stage(), third = nce_stage();
  other.weight_bytes = 3'000'000;  // 3.1 ms
  third.weight_bytes = 5'000'000;  // 5.1 ms
  const Mapping a = mapping_of({nce_stage(), other}), b = mapping_of({nce_stage(), third});
  const Latency same = difference_ms(a, a, simple());
  EXPECT_EQ(same, (Latency{0, 0, 0}));

  const Latency difference = difference_ms(a, b, simple());
  const double half = 1.645 * std::hypot(0.03 * std::hypot(3.1, 5.1), 0.04 * 2);
  EXPECT_NEAR(difference.ms, -2, 1e-9);
  EXPECT_NEAR(difference.low_ms, -2 - half, 1e-9);
  EXPECT_NEAR(difference.high_ms, -2 + half, 1e-9);
  // A second stage of a kind is one that the other network does not have.
  EXPECT_GT(difference_ms(mapping_of({other, other}), mapping_of({other}), simple()).high_ms, 3.1);
}

TEST(Time, LatencyFunctionPricesOrDeclines) {
  const LatencyFn price = latency_fn(model());
  const auto latency = price(zoo_network("mobilenet_v2"));
  ASSERT_TRUE(latency);
  EXPECT_GT(latency->ms, 15);
  EXPECT_LT(latency->ms, 30);
  EXPECT_NE(latency_fn(model(Regime::latency))(zoo_network("mobilenet_v2"))->ms, latency->ms);
  EXPECT_FALSE(price(from_input({3, 8, 8})));
}

TEST(Time, PricesFollowTheWork) {
  const LatencyFn price = latency_fn(model());
  EXPECT_LT(price(zoo_network("mobilenet_v2-0.5"))->ms, price(zoo_network("mobilenet_v2"))->ms);
  EXPECT_LT(price(zoo_network("mobilenet_v2"))->ms, price(zoo_network("mobilenet_v2-1.4"))->ms);
}

// Searches call a price thousands of times. The limit is wide: machines under load and sanitizers
// are slow.
TEST(Time, APriceIsFast) {
  const LatencyFn price = latency_fn(model());
  const Graph graph = zoo_network("mobilenet_v2");
  double least = 1e9;
  for (int i = 0; i < 10; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    price(graph);
    least = std::min(
        least, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
                   .count());
  }
  std::printf("a price of MobileNetV2: %.2f ms\n", least);
  EXPECT_LT(least, 1000);
}

std::string error_of(const std::string& text) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "myriadx.json";
  write_file(path, text);
  try {
    read_time_model(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Time, BadFilesAreErrorsThatNameTheConstant) {
  const std::string good = read_file(data_folder() / "myriadx.json");
  EXPECT_EQ(error_of(good), "");
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return error_of(text);
  };
  EXPECT_NE(replaced("weight_gb_s", "weight_gbs").find("weight_gb_s"), std::string::npos);
  EXPECT_NE(replaced("\"value\": 700.0", "\"value\": -1").find("clock_mhz"), std::string::npos);
  EXPECT_NE(replaced("\"value\": 700.0,\n   \"low\": 700.0", "\"value\": 0,\n   \"low\": 0")
                .find("clock_mhz"),
            std::string::npos);
  EXPECT_NE(replaced("\"value\": 700.0", "\"value\": \"x\"").find("value"), std::string::npos);
  EXPECT_NE(replaced("\"value\": 700.0", "\"value\": 9999").find("within low and high"),
            std::string::npos);
  EXPECT_NE(replaced("\"value\": 8,\n   \"low\": 8,\n   \"high\": 8",
                     "\"value\": 8.5,\n   \"low\": 8,\n   \"high\": 9")
                .find("pixel_step"),
            std::string::npos);
  EXPECT_NE(replaced("vpunas.myriadx/2", "vpunas.myriadx/9"), "");
  EXPECT_NE(replaced("\"unit\": \"GB/s\"", "\"unit\": 3"), "");
  EXPECT_NE(replaced("\"throughput\"", "\"throughputs\"").find("throughput"), std::string::npos);
  EXPECT_NE(error_of("{"), "");
  EXPECT_NE(error_of(""), "");
}

// The fit's own record: what the constants in use predict, and what was promised of them.
TEST(Time, PredictionsAreThoseOfTheCalibration) {
  const Json record = read_json(data_folder().parent_path() / "docs/results/myriadx_fit.json",
                                "vpunas.myriadx_fit/1");
  int within = 0;
  for (const Json& network : record.at("networks")) {
    const std::string name = network.at("name");
    const Mapping mapping = map(find_graph(name, data_folder()), resources(2), Precision::fp32);
    const Latency latency = total_ms(mapping, model());
    EXPECT_NEAR(latency.ms / double(network.at("fitted_ms")), 1, 0.002) << name;
    const double measured = network.at("measured_ms");
    within += latency.low_ms <= measured && measured <= latency.high_ms;
  }
  const int all = int(record.at("networks").size());
  EXPECT_GE(all, 27);
  EXPECT_GE(within, all * 8 / 10);
  EXPECT_LE(record.at("mean_abs_error"), 0.055);
  EXPECT_GE(record.at("within_10_percent"), 0.8);
  EXPECT_LE(record.at("mobile_mean_abs_error"), 0.08);
  EXPECT_LE(record.at("family_left_out").at("mean_abs_error"), 0.07);
}

TEST(Time, MobileNetworksComeInTheirOrder) {
  const LatencyFn price = latency_fn(model());
  double before = 0;
  for (const char* name : {"mobilenet_v1_tf-0.25-128", "mobilenet_v1_tf-0.5", "mobilenet_v1",
                           "mobilenet_v2", "mobilenet_v3_large_tf"}) {
    const double ms = price(find_graph(name, data_folder()))->ms;
    EXPECT_GT(ms, before) << name;
    before = ms;
  }
}

// Single layers by the chip's profiler (embedded-machine-learning/annette).
TEST(Time, SingleDepthwiseLayersAreTheProfilers) {
  const auto ms_of_layer = [](const Shape& input, int kernel) {
    Graph graph = from_input(input);
    graph.add("layer", convolution(input.c, kernel, 1, input.c), {0});
    const Mapping mapping = map(graph, resources(2), Precision::fp32);
    const std::vector<double> ms = stage_ms(mapping, model(Regime::profile));
    double sum = 0;
    for (size_t i = 0; i < ms.size(); ++i)
      sum += mapping.stages[i].engine == Engine::nce ? ms[i] : 0;
    return sum;
  };
  EXPECT_NEAR(ms_of_layer({512, 16, 32}, 1) / 0.273, 1, 0.12);
  EXPECT_NEAR(ms_of_layer({512, 16, 32}, 3) / 0.925, 1, 0.12);
  EXPECT_NEAR(ms_of_layer({512, 16, 32}, 5) / 1.793, 1, 0.12);
  EXPECT_NEAR(ms_of_layer({512, 16, 32}, 7) / 2.402, 1, 0.12);
  EXPECT_NEAR(ms_of_layer({512, 24, 32}, 1) / 0.392, 1, 0.12);
  EXPECT_NEAR(ms_of_layer({3, 8, 8}, 1), 0.016, 0.02);
  EXPECT_NEAR(ms_of_layer({3, 8, 8}, 3), 0.024, 0.02);
  EXPECT_NEAR(ms_of_layer({3, 8, 8}, 5), 0.022, 0.02);
  EXPECT_NEAR(ms_of_layer({3, 8, 8}, 7), 0.028, 0.02);
  EXPECT_NEAR(ms_of_layer({3, 12, 8}, 1), 0.025, 0.02);
}

}  // namespace
}  // namespace vpunas::myriadx
