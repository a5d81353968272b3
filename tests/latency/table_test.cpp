#include "latency/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "base/files.h"
#include "tests/error_of.h"
#include "tests/latency/small_spaces.h"

namespace vpunas {
namespace {

using test::all_choices;
using test::costs;
using test::error_of;
using test::random_space_of_inputs;
using test::random_table;

// A device on which every node costs something of its own: additive, so that a table can be exact.
std::optional<Latency> additive(const Graph& graph) {
  double ms = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    ms += 1e-6 * static_cast<double>(node_macs(graph, i)) +
          1e-5 * static_cast<double>(graph.nodes[i].shape.elements()) + 0.01;
  }
  return Latency{ms, 0.9 * ms, 1.1 * ms};
}

// Cannot run depthwise convolutions of 5x5.
std::optional<Latency> without_depthwise_5x5(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    const auto* conv = std::get_if<Conv>(&node.layer);
    if (conv && conv->groups > 1 && conv->kh == 5) return std::nullopt;
  }
  return additive(graph);
}

const Provenance kTest = {"TEST", "1", Mode::latency, "FP32", 3, "2026-01-01T00:00:00Z"};

BlockSpec mbconv(int kernel, double expansion, int out_channels, int stride = 1) {
  return {.kernel = kernel, .expansion = expansion, .out_channels = out_channels, .stride = stride};
}

SearchSpace two_slots() {
  SearchSpace space;
  space.name = "two";
  space.input = {3, 32, 32};
  space.classes = 10;
  space.stem.channels = 8;
  space.head.channels = 32;
  space.slots = {{{mbconv(3, 2, 8), mbconv(5, 2, 8), {.kind = BlockKind::skip}}},
                 {{mbconv(3, 2, 16, 2), mbconv(5, 3, 16, 2)}}};
  return space;
}

TEST(BuildTable, IsExactForEveryNetworkOfAnAdditiveDevice) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Random random{seed};
    const SearchSpace space = random_space_of_inputs(random);
    const LatencyTable table = build_table(space, {}, additive, kTest);
    for (const Choice& choice : all_choices(space)) {
      const Architecture network = choose(space, choice, "any");
      const Latency predicted = table.predict(network);
      const double truth = additive(lower(network, {}))->ms;
      EXPECT_NEAR(predicted.ms, truth, 1e-9) << "seed " << seed;
      EXPECT_NEAR(predicted.low_ms, 0.9 * truth, 1e-9);
      EXPECT_NEAR(predicted.high_ms, 1.1 * truth, 1e-9);
    }
  }
}

TEST(BuildTable, CountsMultiplyAccumulatesExactly) {
  const SearchSpace space = two_slots();
  const LatencyTable table = build_table(space, {}, count_mmacs, kTest);
  for (const Choice& choice : all_choices(space)) {
    const Architecture network = choose(space, choice, "any");
    EXPECT_NEAR(1e6 * table.predict(network).ms,
                static_cast<double>(count_macs(lower(network, {}))), 1e-3);
  }
}

TEST(BuildTable, PricesEveryGraphOnce) {
  std::vector<Graph> seen;
  const LatencyFn price = [&](const Graph& graph) {
    EXPECT_EQ(std::count(seen.begin(), seen.end(), graph), 0);
    seen.push_back(graph);
    return additive(graph);
  };
  build_table(two_slots(), {}, price, kTest);
  // 4 blocks and their place's probe without one (at one shape), and at most 3 references.
  EXPECT_GE(seen.size(), 5u + 2);
  EXPECT_LE(seen.size(), 5u + 3);
}

TEST(BuildTable, LeavesOutBlocksThatTheDeviceCannotRun) {
  const SearchSpace space = two_slots();
  const LatencyTable table = build_table(space, {}, without_depthwise_5x5, kTest);
  EXPECT_EQ(table.blocks.size(), 2u);
  EXPECT_NEAR(table.predict(choose(space, {0, 0}, "runs")).ms,
              additive(lower(choose(space, {0, 0}, "runs"), {}))->ms, 1e-9);
  EXPECT_NE(error_of([&] { table.predict(choose(space, {1, 0}, "cannot")); }).find("mbconv k5"),
            std::string::npos);
}

TEST(BuildTable, NamesTheSlotThatNoChoiceCanAvoid) {
  SearchSpace space = two_slots();
  space.slots[1].candidates.erase(space.slots[1].candidates.begin());
  const std::string message =
      error_of([&] { build_table(space, {}, without_depthwise_5x5, kTest); });
  EXPECT_NE(message.find("space two, slot 1: TEST can run none"), std::string::npos) << message;
  EXPECT_NE(message.find("mbconv k5 e3 c16 s2"), std::string::npos) << message;
}

TEST(BuildTable, RefusesADeviceThatRunsBlocksButNoNetwork) {
  const LatencyFn price = [](const Graph& graph) -> std::optional<Latency> {
    if (graph.nodes.size() > 14) return std::nullopt;
    return additive(graph);
  };
  EXPECT_NE(
      error_of([&] { build_table(two_slots(), {}, price, kTest); }).find("none of its networks"),
      std::string::npos);
}

TEST(BuildTable, NoiseNeverMakesABlockCostLessThanNothing) {
  Random random{7};
  const LatencyFn noise = [&](const Graph&) { return test::random_latency(random); };
  for (int repeat = 0; repeat < 20; ++repeat) {
    const LatencyTable table = build_table(two_slots(), {}, noise, kTest);
    const auto check = [](const Latency& latency) {
      EXPECT_GE(latency.low_ms, 0);
      EXPECT_LE(latency.low_ms, latency.ms);
      EXPECT_LE(latency.ms, latency.high_ms);
    };
    for (const auto& [place, latency] : table.blocks) check(latency);
    for (const auto& [shape, latency] : table.ends) check(latency);
  }
}

TEST(BuildTable, RefusesImpossibleTimes) {
  for (const double ms :
       {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(build_table(
                     two_slots(), {}, [&](const Graph&) { return Latency{ms, ms, ms}; }, kTest),
                 Error);
  }
}

TEST(BuildTable, ReportsItsProgressAndStopsWhenAsked) {
  std::vector<Event> events;
  std::stop_source source;
  Work work{[&](const Event& event) { events.push_back(event); }, source.get_token()};
  build_table(two_slots(), {}, additive, kTest, work);
  ASSERT_GE(events.size(), 3u);
  EXPECT_EQ(events.front().kind, Event::Kind::begin);
  EXPECT_EQ(events.back().kind, Event::Kind::end);
  EXPECT_EQ(events.back().done, events.back().total);

  int calls = 0;
  const LatencyFn stopping = [&](const Graph& graph) {
    if (++calls == 3) source.request_stop();
    return additive(graph);
  };
  EXPECT_THROW(build_table(two_slots(), {}, stopping, kTest, work), Interrupted);
  EXPECT_EQ(calls, 3);
}

TEST(LatencyTable, SkipCostsNothing) {
  EXPECT_EQ(LatencyTable{}.cost({.kind = BlockKind::skip}, {8, 4, 4}), Latency{});
}

TEST(LatencyTable, NetworkOfAnotherInputIsRefused) {
  const SearchSpace space = two_slots();
  const LatencyTable table = build_table(space, {}, additive, kTest);
  EXPECT_THROW(table.predict(with_input(choose(space, {0, 0}, "any"), {3, 64, 64}, 10)), Error);
}

class TableFile : public ::testing::Test {
 protected:
  const SearchSpace space_ = two_slots();
  const LatencyTable table_ = build_table(space_, {}, additive, kTest);
  const TemporaryFolder folder_;
  const fs::path path_ = folder_.path() / "latency.json";

  // The error of reading the table after a change of its JSON.
  std::string error_after(const std::function<void(Json&)>& change) {
    write_table(path_, table_);
    Json json = Json::parse(read_file(path_));
    change(json);
    write_file(path_, json.dump());
    return error_of([&] { read_table(path_, space_); });
  }
};

TEST_F(TableFile, ReadsBackEqual) {
  write_table(path_, table_);
  const LatencyTable read = read_table(path_, space_);
  EXPECT_EQ(read.provenance, table_.provenance);
  EXPECT_EQ(read.space, table_.space);
  EXPECT_EQ(read.space_hash, table_.space_hash);
  EXPECT_EQ(read.ends, table_.ends);
  EXPECT_EQ(read.blocks, table_.blocks);
}

TEST_F(TableFile, OfAnotherSpaceSaysOfWhichAndWhatToDo) {
  write_table(path_, table_);
  SearchSpace other = space_;
  other.name = "other";
  other.slots.pop_back();
  const std::string message = error_of([&] { read_table(path_, other); });
  EXPECT_NE(message.find("is of space two, not of other"), std::string::npos) << message;
  EXPECT_NE(message.find("vpunas profile"), std::string::npos) << message;
  other.name = "two";
  EXPECT_NE(error_of([&] { read_table(path_, other); }).find("another version of space two"),
            std::string::npos);
}

TEST_F(TableFile, BadContentIsRefusedWithItsPlace) {
  struct Case {
    std::function<void(Json&)> change;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {[](Json& j) { j["blocks"].push_back(j["blocks"][0]); }, "blocks[4]: a second entry"},
      {[](Json& j) { j["ends"].push_back(j["ends"][0]); }, "ends[1]: a second entry"},
      {[](Json& j) { j["blocks"][1]["ms"] = -1; }, "blocks[1]: ms"},
      {[](Json& j) { j["blocks"][1]["ms"] = nullptr; }, "blocks[1]: ms"},  // how JSON writes NaN
      {[](Json& j) { j["blocks"][1]["ms"] = 1e300; }, "blocks[1]: ms"},
      {[](Json& j) { j["blocks"][1]["ms"] = "1"; }, "blocks[1]: ms"},
      {[](Json& j) { j["blocks"][1].erase("ms"); }, "blocks[1]: ms"},
      {[](Json& j) { j["blocks"][1]["low_ms"] = 1e6; }, "blocks[1]: ms must lie within"},
      {[](Json& j) { j["ends"][0]["high_ms"] = 0; }, "ends[0]: ms must lie within"},
      {[](Json& j) { j["ends"][0]["shape"] = {1, 2}; }, "ends[0]: shape"},
      {[](Json& j) { j["ends"][0]["shape"] = {1, 2, 0}; }, "ends[0]: shape"},
      {[](Json& j) { j["ends"][0]["shape"] = {1, 2, 1ull << 63}; }, "ends[0]: shape"},
      {[](Json& j) { j["ends"][0]["extra"] = 1; }, "extra"},
      {[](Json& j) { j["blocks"][0]["block"]["kind"] = "magic"; }, "magic"},
      {[](Json& j) { j["blocks"][0] = 3; }, "blocks[0]"},
      {[](Json& j) { j["blocks"] = 3; }, "blocks"},
      {[](Json& j) { j["blocks"] = Json::array(); }, "slot 1"},
      {[](Json& j) { j["ends"] = Json::array(); }, "none of its networks"},
      {[](Json& j) { j["mode"] = "fast"; }, "fast"},
      {[](Json& j) { j["repeats"] = -1; }, "repeats"},
      {[](Json& j) { j.erase("device"); }, "device"},
      {[](Json& j) { j["spce"] = "two"; }, "spce"},
      {[](Json& j) { j["schema"] = "vpunas.latency/3"; }, "vpunas.latency/2"},
      {[](Json& j) { j["check"] = 3; }, "check"},
      {[](Json& j) { j["check"] = {{"fitted", 9}, {"reference_ms", 1}, {"networks", 3}}; },
       "check: networks"},
      {[](Json& j) {
         j["check"] = {{"fitted", 9},
                       {"reference_ms", 1},
                       {"networks", {{{"predicted_ms", 1}, {"measured_ms", {0}}}}}};
       },
       "check: networks[0]"},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string message = error_after(cases[i].change);
    EXPECT_NE(message.find(cases[i].expected), std::string::npos)
        << "case " << i << ": " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST_F(TableFile, EveryTruncationIsRefused) {
  write_table(path_, table_);
  const std::string whole = read_file(path_);
  for (size_t length = 0; length + 2 < whole.size(); length += 37) {
    write_file(path_, whole.substr(0, length));
    EXPECT_THROW(read_table(path_, space_), Error) << length;
  }
}

}  // namespace
}  // namespace vpunas
