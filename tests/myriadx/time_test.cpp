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

TimeModel model() { return read_time_model(data_folder() / "myriadx.json"); }

// Constants that make sums easy to see.
TimeModel simple() {
  return {.clock_mhz = 1000,
          .weight_gb_s = 1,
          .input_gb_s = 2,
          .stage_us = 100,
          .shave_gb_s = 4,
          .host_ms = 3,
          .error_share = 0.25,
          .version = "test"};
}

Stage nce_stage() {
  Stage stage;
  stage.cycles_per_pixel = 100;
  stage.output_pixels = 10000;  // 1 ms at 1 GHz
  stage.weight_bytes = 1;
  stage.descriptors = 1;
  stage.input_place = stage.output_place = Place::cmx;
  return stage;
}

double ms_of(std::vector<Stage> stages) {
  const std::vector<double> ms = stage_ms({resources(2), {}, std::move(stages)}, simple());
  return std::accumulate(ms.begin(), ms.end(), 0.0);
}

TEST(Time, TheEngineTakesTheLongerOfComputingAndMemory) {
  Stage stage = nce_stage();
  EXPECT_NEAR(ms_of({stage}), 1.1, 1e-9);
  stage.weight_bytes = 3'000'000;
  EXPECT_NEAR(ms_of({stage}), 3.1, 1e-9);
}

TEST(Time, AnInputInDdrIsReadForEveryDescriptor) {
  Stage stage = nce_stage();
  stage.input_place = Place::ddr;
  stage.input_bytes = 1'000'000;
  stage.descriptors = 8;
  EXPECT_NEAR(ms_of({stage}), 4.1, 1e-5);
  stage.weight_bytes = 0;  // a pooling reads it once
  EXPECT_NEAR(ms_of({stage}), 1.1, 1e-9);
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

TEST(Time, AStageInTheShadowCostsOnlyWhatExceedsItsHost) {
  Stage shadow;
  shadow.engine = Engine::shave;
  shadow.in_shadow = true;
  shadow.host = 0;
  shadow.input_bytes = 4'000'000;  // 1 ms
  EXPECT_NEAR(ms_of({nce_stage(), shadow}), 1.1, 1e-9);
  shadow.input_bytes = 8'000'000;  // 2 ms
  EXPECT_NEAR(ms_of({nce_stage(), shadow}), 2.0, 1e-9);
}

TEST(Time, TheTotalHasTheHostAndAnInterval) {
  const Latency total = total_ms({resources(2), {}, {nce_stage()}}, simple());
  EXPECT_NEAR(total.ms, 4.1, 1e-9);
  EXPECT_NEAR(total.low_ms, 0.75 * 4.1, 1e-9);
  EXPECT_NEAR(total.high_ms, 1.25 * 4.1, 1e-9);
}

TEST(Time, LatencyFunctionPricesOrDeclines) {
  const LatencyFn price = latency_fn(model(), Mode::throughput);
  const auto latency = price(zoo_network("mobilenet_v2"));
  ASSERT_TRUE(latency);
  EXPECT_GT(latency->ms, 15);
  EXPECT_LT(latency->ms, 30);
  EXPECT_LT(latency_fn(model(), Mode::latency)(zoo_network("mobilenet_v2"))->ms, latency->ms);
  EXPECT_FALSE(price(from_input({3, 8, 8})));
}

TEST(Time, PricesFollowTheWork) {
  const LatencyFn price = latency_fn(model(), Mode::throughput);
  EXPECT_LT(price(zoo_network("mobilenet_v2-0.5"))->ms, price(zoo_network("mobilenet_v2"))->ms);
  EXPECT_LT(price(zoo_network("mobilenet_v2"))->ms, price(zoo_network("mobilenet_v2-1.4"))->ms);
}

// Searches call a price thousands of times. The limit is wide: machines under load and sanitizers
// are slow.
TEST(Time, APriceIsFast) {
  const LatencyFn price = latency_fn(model(), Mode::throughput);
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
  EXPECT_NE(replaced("\"value\": 24.5", "\"value\": -1").find("stage_us"), std::string::npos);
  EXPECT_NE(replaced("\"value\": 24.5", "\"value\": \"x\"").find("value"), std::string::npos);
  EXPECT_NE(replaced("\"value\": 24.5", "\"value\": 99").find("within low and high"),
            std::string::npos);
  EXPECT_NE(replaced("vpunas.myriadx/1", "vpunas.myriadx/9"), "");
  EXPECT_NE(replaced("\"unit\": \"GB/s\"", "\"unit\": 3"), "");
  EXPECT_NE(error_of("{"), "");
  EXPECT_NE(error_of(""), "");
}

// Published throughput of two streams on a Neural Compute Stick 2 (itlab-vision/dl-benchmark).
TEST(Time, PredictionsAgainstMeasurements) {
  VPUNAS_SHARED_OR_SKIP(folder);
  std::map<std::string, double> measured;
  for (const Row& row : read_csv(folder / "measured_fps.csv")) {
    measured[row.at("network") + "/" + row.at("framework")] = std::stod(row.at("ms_per_stream"));
  }
  const std::pair<const char*, const char*> networks[] = {
      {"mobilenet_v2", "mobilenet-v2-pytorch/PyTorch"}, {"resnet18", "resnet-18-pytorch/PyTorch"}};
  for (const auto& [ours, theirs] : networks) {
    Graph graph = zoo_network(ours);
    graph.add("softmax", Softmax{}, {int(graph.nodes.size()) - 1});
    const Latency latency = total_ms(map(graph, resources(2)), model());
    std::printf("%-14s predicted %.2f ms (%.1f-%.1f), measured %.2f ms: %+.1f %%\n", ours,
                latency.ms, latency.low_ms, latency.high_ms, measured[theirs],
                100 * (latency.ms / measured[theirs] - 1));
    EXPECT_GT(measured[theirs], latency.low_ms);
    EXPECT_LT(measured[theirs], latency.high_ms);
    EXPECT_NEAR(latency.ms / measured[theirs], 1, 0.1);
  }
}

}  // namespace
}  // namespace vpunas::myriadx
