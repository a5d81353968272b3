// Two lists of stages side by side: what is equal, different, missing and extra.
#include "myriadx/comparison.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/myriadx/networks.h"

namespace vpunas::myriadx {
namespace {

using Kind = StageDifference::Kind;

// A compiled network that says what our mapping says.
CompiledNetwork echo(const Mapping& mapping) {
  CompiledNetwork network;
  for (const Stage& stage : mapping.stages) {
    StageFacts known = facts(stage);
    CompiledStage compiled{stage.name, known["op"], {}, stage.in_shadow};
    compiled.input = stage.input;
    compiled.output = stage.output;
    compiled.input_place = stage.input_place;
    compiled.output_place = stage.output_place;
    compiled.attributes = {{"numSHAVEs", cat(stage.shaves)},
                           {"origLayer.name", mapping.graph.nodes[size_t(stage.node)].name}};
    if (stage.engine == Engine::nce) {
      compiled.type = "MyriadXHwOp";
      compiled.attributes["hwOpType"] = known["op"];
      compiled.attributes["tiling.mode"] = "MODE_" + known["mode"];
      compiled.attributes["tiling.numDescr"] = known["descriptors"];
      compiled.attributes["tiling.cost"] = cat(stage.cycles_per_pixel);
      compiled.attributes["kernelSizeX"] = cat(stage.cycles_per_pixel / stage.descriptors);
      compiled.attributes["kernelSizeY"] = "1";
    }
    network.stages.push_back(std::move(compiled));
  }
  return network;
}

Mapping mobilenet() { return map(zoo_network("mobilenet_v2"), resources(2)); }

TEST(Comparison, EqualListsHaveNoDifference) {
  const Mapping mapping = mobilenet();
  const Comparison result = compare(mapping, echo(mapping));
  EXPECT_EQ(result.equal, 314);
  EXPECT_EQ(result.compiler, 314);
  EXPECT_TRUE(result.differences.empty()) << to_json(result).dump(1);
}

TEST(Comparison, TellsWhichFieldsDiffer) {
  const Mapping mapping = mobilenet();
  CompiledNetwork other = echo(mapping);
  ASSERT_EQ(other.stages[2].type, "MyriadXHwOp");
  other.stages[2].attributes["tiling.mode"] = "MODE_1_256";
  other.stages[2].output_place = Place::ddr;
  const Comparison result = compare(mapping, other);
  EXPECT_EQ(result.equal, 313);
  ASSERT_EQ(result.differences.size(), 1u);
  EXPECT_EQ(result.differences[0].kind, Kind::different);
  EXPECT_EQ(result.differences[0].stage, mapping.stages[2].name);
  EXPECT_EQ(result.differences[0].compiler, (StageFacts{{"mode", "1_256"}, {"to", "DDR"}}));
  EXPECT_EQ(result.differences[0].ours.size(), 2u);
}

TEST(Comparison, AStageMoreOrLessMovesNothingElse) {
  const Mapping mapping = mobilenet();
  CompiledNetwork other = echo(mapping);
  const std::string lost = other.stages[100].name;
  other.stages.erase(other.stages.begin() + 100);
  other.stages.insert(other.stages.begin() + 200, {"new", "Resample", {}, false});
  const Comparison result = compare(mapping, other);
  EXPECT_EQ(result.equal, 313);
  ASSERT_EQ(result.differences.size(), 2u);
  EXPECT_EQ(result.differences[0].kind, Kind::extra);
  EXPECT_EQ(result.differences[0].ours.at("op"), facts(mapping.stages[100]).at("op"));
  EXPECT_EQ(result.differences[1].kind, Kind::missing);
  EXPECT_EQ(result.differences[1].stage, "new");
  const Json json = to_json(result);
  EXPECT_EQ(json.at("stages"), 314);
  EXPECT_EQ(json.at("equal"), 313);
  EXPECT_EQ(json.at("differences")[1].at("kind"), "missing");
}

TEST(Comparison, NothingAgainstSomethingIsAllMissing) {
  const Mapping mapping = mobilenet();
  const Comparison result = compare({mapping.resources, mapping.graph, {}}, echo(mapping));
  EXPECT_EQ(result.differences.size(), 314u);
  EXPECT_EQ(result.equal, 0);
}

}  // namespace
}  // namespace vpunas::myriadx
