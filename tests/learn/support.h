// Small spaces, tables and images for tests of learning.
#pragma once

#include <numeric>
#include <stop_token>

#include "arch/space.h"
#include "data/dataset.h"
#include "latency/table.h"
#include "learn/search.h"

namespace vpunas::test {

inline BlockSpec block(BlockKind kind, int channels, int stride, double expansion = 1) {
  return {.kind = kind,
          .kernel = 3,
          .expansion = expansion,
          .out_channels = channels,
          .stride = stride,
          .se = {},
          .act = Act::relu};
}

// Three slots on 16x16 images; the last one can be skipped.
inline SearchSpace small_space() {
  SearchSpace space{.name = "small",
                    .input = {3, 16, 16},
                    .classes = 10,
                    .rules = {},
                    .stem = {},
                    .slots = {},
                    .head = {}};
  space.stem = {.channels = 8, .kernel = 3, .stride = 1, .act = Act::relu, .pool = false};
  space.head = {.channels = 32, .act = Act::relu, .dropout = 0};
  space.slots = {
      {{block(BlockKind::mbconv, 16, 2, 2), block(BlockKind::fused_mbconv, 16, 2, 2)}},
      {{block(BlockKind::mbconv, 24, 2, 2), block(BlockKind::residual, 24, 2),
        block(BlockKind::conv, 24, 2)}},
      {{block(BlockKind::skip, 0, 1), block(BlockKind::mbconv, 24, 1, 2),
        block(BlockKind::residual, 24, 1)}},
  };
  return space;
}

// Every choice in it.
inline std::vector<Choice> all_choices() {
  std::vector<Choice> all;
  for (int a = 0; a < 2; ++a) {
    for (int b = 0; b < 3; ++b) {
      for (int c = 0; c < 3; ++c) all.push_back({a, b, c});
    }
  }
  return all;
}

// The same with a second stage of 24 or 16 channels, which its first slot chooses.
inline SearchSpace space_of_widths() {
  SearchSpace space = small_space();
  space.slots[1] = {{block(BlockKind::mbconv, 24, 2, 2), block(BlockKind::mbconv, 16, 2, 2),
                     block(BlockKind::residual, 24, 2), block(BlockKind::residual, 16, 2)}};
  space.slots[2] = {{block(BlockKind::skip, 0, 1), block(BlockKind::mbconv, 0, 1, 2),
                     block(BlockKind::residual, 0, 1)}};
  return space;
}

// The first one with two sizes of the input.
inline SearchSpace space_of_inputs() { return with_inputs(small_space(), {12, 16}); }

// Synthetic images, few enough for tests.
inline Dataset small_data(int64_t train_images = 512) {
  DataConfig config;
  config.format = "synthetic";
  config.validation = 0.25;
  config.test_limit = 200;
  Dataset data = read_dataset(config, {.channels = 3, .height = 16, .width = 16}, 3);
  std::vector<int64_t> first(
      static_cast<size_t>(std::min<int64_t>(train_images, data.train.size())));
  std::iota(first.begin(), first.end(), int64_t{0});
  data.train = subset(data.train, first);
  return data;
}

// Milliseconds that depend on multiply-accumulates alone: exact, additive, and simple to reason
// about.
inline std::optional<Latency> macs_price(const Graph& graph) {
  const double ms = static_cast<double>(count_macs(graph)) / 1e5;
  return Latency{ms, ms, ms};
}

inline SearchProblem small_problem(double budget_ms, const SearchSpace& space = small_space()) {
  const Provenance provenance{.device = "test",
                              .runtime = "macs",
                              .mode = Mode::latency,
                              .precision = "",
                              .repeats = 0,
                              .date = ""};
  return {.train_space = space,
          .deploy_space = space,
          .preprocess = {},
          .devices = {{.table = build_table(space, {}, macs_price, provenance),
                       .price = [](const Architecture& a) { return macs_price(lower(a, {})); }}},
          .ladder = {{budget_ms}}};
}

// Work that asks to stop after `steps` step events.
struct StopAfter {
  explicit StopAfter(int steps) : left(steps) {
    work.stop = source.get_token();
    work.report = [this](const Event& event) {
      if (event.kind == Event::Kind::step && --left == 0) source.request_stop();
    };
  }
  int left;
  std::stop_source source;
  Work work;
};

}  // namespace vpunas::test
