// Small spaces with exact costs, and a trainer whose answers are known: tests of searching need no
// training.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/files.h"
#include "search/search.h"

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

// Milliseconds that depend on multiply-accumulates alone: exact, additive, and simple to reason
// about.
inline std::optional<Latency> macs_latency(const Graph& graph) {
  const double ms = static_cast<double>(count_macs(graph)) / 1e5;
  return Latency{ms, ms, ms};
}

inline PricedSpace priced_space(const SearchSpace& space = small_space()) {
  const Provenance provenance{.device = "test",
                              .runtime = "macs",
                              .mode = Mode::latency,
                              .precision = "",
                              .repeats = 0,
                              .date = ""};
  return {space, {build_table(space, {}, macs_latency, provenance)}};
}

// Whole networks cost `factor` of what the table says.
inline SearchProblem small_problem(double budget, const SearchSpace& space = small_space(),
                                   double factor = 1) {
  return {.priced = priced_space(space),
          .whole = {[factor](const Architecture& a) {
            const double ms = factor * macs_latency(lower(a, {}))->ms;
            return Latency{ms, ms, ms};
          }},
          .sweep = {{budget}}};
}

// What every candidate adds to the loss of a network, shared and alone alike: the more
// multiply-accumulates, the less, at a rate of its own for each candidate.
inline PerCandidate known_effects(const SearchSpace& space) {
  PerCandidate effects = zeros_like(space);
  Random random({0x6b6e6f776e});
  for (auto& slot : effects) {
    for (double& effect : slot) effect = 0.3 * random.normal();
  }
  return effects;
}

// Networks lose 2 and the sum of their candidates' effects; nothing is trained, and every image is
// alike. The gradient of a gate is the effect of its candidate, as for losses that add up.
class KnownSupernet : public TrainedSupernet {
 public:
  explicit KnownSupernet(PerCandidate effects) : effects_(std::move(effects)) {}

  const std::string& key() const override { return key_; }
  ComputeCost cost() const override { return {.images = 1000}; }
  int64_t held_out_images() const override { return 1000; }
  int images_shown(int count) const override { return count; }
  std::vector<Score> score(std::span<const Choice> choices, const HeldOutPart& part) override {
    parts.push_back(part);
    std::vector<Score> scores;
    for (const Choice& choice : choices) {
      ++scored;
      const double loss = 2 + sum_of(effects_, choice);
      scores.push_back({loss, std::exp(-loss)});
    }
    return scores;
  }
  GateGradients gate_gradients(const std::vector<PathPair>& paths, int, uint64_t,
                               int64_t) override {
    GateGradients gradients{.loss = 2, .gates = {}};
    for (size_t slot = 0; slot < paths.size(); ++slot) {
      const auto effect = [&](int candidate) {
        return effects_[slot][static_cast<size_t>(candidate)];
      };
      gradients.loss += effect(paths[slot].active);
      gradients.gates.push_back({effect(paths[slot].active), effect(paths[slot].other)});
    }
    return gradients;
  }
  Weights weights(const Choice&) const override { return {}; }

  int scored = 0;
  std::vector<HeldOutPart> parts;

 private:
  PerCandidate effects_;
  std::string key_ = "known";
};

class KnownTrainer : public Trainer {
 public:
  explicit KnownTrainer(PerCandidate shared) : shared_(shared), alone_(std::move(shared)) {}
  KnownTrainer(PerCandidate shared, PerCandidate alone)
      : shared_(std::move(shared)), alone_(std::move(alone)) {}

  std::unique_ptr<TrainedSupernet> train_supernet() override {
    ++supernets;
    return std::make_unique<KnownSupernet>(shared_);
  }
  TrainedAlone train_alone(const Choice& choice, const std::string&, double epochs,
                           const std::filesystem::path& checkpoint) override {
    ++trainings;
    if (trainings == interrupt_at) {
      write_file(checkpoint, "begun");
      throw Interrupted("a training alone was stopped");
    }
    resumed += std::filesystem::exists(checkpoint);
    const double loss = 2 + sum_of(alone_, choice);
    return {.score = {loss, std::exp(-loss)},
            .cost = {.images = static_cast<int64_t>(1000 * epochs), .seconds = 1}};
  }
  std::string alone_key(double epochs) const override { return cat("alone ", epochs); }

  int supernets = 0, trainings = 0, resumed = 0;
  int interrupt_at = 0;

 private:
  PerCandidate shared_, alone_;
};

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
