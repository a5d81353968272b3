#include "arch/space.h"

#include <algorithm>

#include "tests/arch/expect_error.h"

namespace vpunas {
namespace {

using K = BlockKind;

// Widths 8 or 16 behind slot 0; slots 1 and 2 are alike and can be left out.
SearchSpace small_space() {
  const Slot wide = {{{.kind = K::skip},
                      {.expansion = 3, .out_channels = 8},
                      {.kernel = 5, .expansion = 3, .out_channels = 16}}};
  return {.name = "small",
          .input = {3, 32, 32},
          .classes = 10,
          .rules = {},
          .stem = {.channels = 8},
          .slots = {{{{.expansion = 1, .out_channels = 8, .stride = 2},
                      {.expansion = 1, .out_channels = 16, .stride = 2}}},
                    wide,
                    wide},
          .head = {.channels = 32}};
}

TEST(PlacedBlocks, FollowEveryReachableWidth) {
  const auto placed = placed_blocks(small_space());
  const Shape stem = {8, 16, 16}, narrow = {8, 8, 8}, wide = {16, 8, 8};
  const auto& slots = small_space().slots;
  const std::vector<PlacedBlock> expected = {
      {slots[0].candidates[0], stem},   {slots[0].candidates[1], stem},
      {slots[1].candidates[1], narrow}, {slots[1].candidates[2], narrow},
      {slots[1].candidates[1], wide},   {slots[1].candidates[2], wide}};
  EXPECT_EQ(placed, expected) << "slot 2 has no place that slot 1 has not";
}

// A stage of 16 or 24 channels: its first slot chooses, the second follows.
SearchSpace stage_of_widths() {
  Json json = to_json(small_space());
  json["slots"] = Json::parse(R"([
      {"widths": [16, 24], "candidates": ["mbconv k3 e2 s2 relu6", "residual k3 c32 s2 relu6"]},
      {"times": 2, "candidates": ["mbconv k3 e2 relu6", "skip"]}])");
  return space_from_json(json, "f");
}

TEST(Widths, MultiplyTheCandidatesThatHaveNone) {
  const SearchSpace space = stage_of_widths();
  std::vector<std::string> first;
  for (const BlockSpec& block : space.slots[0].candidates) first.push_back(describe(block));
  EXPECT_EQ(first,
            (std::vector<std::string>{"mbconv k3 e2 c16 s2 relu6", "mbconv k3 e2 c24 s2 relu6",
                                      "residual k3 c32 s2 relu6"}));
  EXPECT_EQ(describe(space.slots[1].candidates[0]), "mbconv k3 e2 s1 relu6");
  EXPECT_EQ(space_from_json(to_json(space), "f"), space);
}

TEST(Widths, FollowTheInputWhereACandidateHasNone) {
  const SearchSpace space = stage_of_widths();
  EXPECT_EQ(placed_blocks(space).size(), 3 + 3) << "one for each width of the stage";
  for (const auto& [candidate, width] : {std::pair{0, 16}, std::pair{1, 24}, std::pair{2, 32}}) {
    const Architecture chosen = choose(space, {candidate, 0, 1}, "x");
    EXPECT_EQ(chosen.blocks[1].out_channels, width);
    EXPECT_EQ(architecture_from_json(to_json(chosen), "f"), chosen);
    lower(chosen, {});
  }
  EXPECT_EQ(count_networks(space), 3 * 3);
}

TEST(Widths, SayWhatIsWrong) {
  const auto error = [](const char* widths, const char* candidate) {
    Json json = to_json(small_space());
    json["slots"] = {{{"widths", Json::parse(widths)}, {"candidates", {candidate}}}};
    return error_of([&] { space_from_json(json, "f"); });
  };
  EXPECT_EQ(error("[16]", "mbconv k3 e2 relu6"), "");
  EXPECT_MENTIONS(error("[16]", "mbconv k3 e2 c16 relu6"),
                  "f: slots[0]: widths: every candidate has a width of its own");
  EXPECT_MENTIONS(error("[0]", "mbconv k3 e2 relu6"),
                  "f: slots[0]: widths: must be a list of integers within 1..8192");
  EXPECT_MENTIONS(error("16", "mbconv k3 e2 relu6"), "widths: must be a list of integers");
  EXPECT_MENTIONS(error("[16, 16]", "mbconv k3 e2 relu6"), "is there twice");
}

TEST(Inputs, AreTheFirstChoiceAndNoBlock) {
  const SearchSpace plain = small_space(), space = with_inputs(plain, {16, 24, 32});
  EXPECT_TRUE(offers_inputs(space));
  EXPECT_FALSE(offers_inputs(plain));
  EXPECT_EQ(count_networks(space), 3 * count_networks(plain));
  const Architecture small = choose(space, {1, 1, 2, 0}, "small");
  EXPECT_EQ(small.input, (Shape{3, 24, 24}));
  EXPECT_EQ(small.blocks, choose(plain, {1, 2, 0}, "plain").blocks);
  EXPECT_EQ(lower(small, {}).input_shape(), small.input);
  EXPECT_EQ(placed_blocks(space).size(), 3 * placed_blocks(plain).size());
  EXPECT_EQ(space_from_json(to_json(space), "f"), space);
  EXPECT_NE(space_hash(space), space_hash(plain));
  EXPECT_EQ(with_inputs(space, {32, 28}), with_inputs(plain, {32, 28}));
}

TEST(Inputs, KeepTheirShareAtAnotherSize) {
  const SearchSpace space = with_input(with_inputs(small_space(), {17, 24, 32}), {3, 56, 56}, 10);
  EXPECT_EQ(input_of(space, {0}).h, 30) << "17 / 32 of 56 is 29.75";
  EXPECT_EQ(input_of(space, {1}).h, 42);
  EXPECT_EQ(input_of(space, {2}).h, 56);
  validate(space);
}

TEST(Inputs, AreReadInSearchSpacesAlone) {
  const auto read = [](const Json& candidate) {
    Json json = to_json(with_inputs(small_space(), {24, 32}));
    json["slots"][0]["candidates"][0] = candidate;
    return space_from_json(json, "f");
  };
  EXPECT_EQ(read("input 24"), with_inputs(small_space(), {24, 32}));
  EXPECT_EQ(describe(read("input 24").slots[0], 0), "input 24");
  const auto error = [&](const Json& candidate) { return error_of([&] { read(candidate); }); };
  EXPECT_MENTIONS(error("input"), "f: slots[0]: candidates[0] (input): must be a side alone");
  EXPECT_MENTIONS(error("input k3 192"), "must be a side alone, as input 192");
  EXPECT_MENTIONS(error("input 0"), "side: must be within 1..4096");
  EXPECT_MENTIONS(error("input 1.5"), "side: must be an integer");
  EXPECT_MENTIONS(error({{"kind", "input"}}), "side: missing");
  EXPECT_MENTIONS(error({{"kind", "input"}, {"side", 24}, {"kernel", 3}}), "unknown key kernel");
  Json network = to_json(choose(small_space(), {0, 1, 0}, "any"));
  network["blocks"][1] = "input 192";
  EXPECT_MENTIONS(error_of([&] { architecture_from_json(network, "f"); }),
                  "f: blocks[1]: an input size is a choice of search spaces alone");
}

TEST(Inputs, SayWhatIsWrong) {
  const auto error = [](auto change) {
    SearchSpace space = with_inputs(small_space(), {24, 32});
    change(space);
    return error_of([&] { validate(space); });
  };
  EXPECT_EQ(error([](SearchSpace&) {}), "");
  EXPECT_MENTIONS(error([](auto& s) { s.slots.insert(s.slots.begin() + 1, s.slots[0]); }),
                  "slot 1: sizes of the input stand in the first slot alone");
  EXPECT_MENTIONS(error([](auto& s) { s.slots[0].candidates.push_back({.kind = K::skip}); }),
                  "slot 0: offers blocks beside sizes of the input");
  EXPECT_MENTIONS(error([](auto& s) { s.slots[0].input_sizes[1] = 48; }),
                  "slot 0: the greatest size must be that of the space's input, which is 3x32x32");
  EXPECT_MENTIONS(error([](auto& s) { s.slots.resize(1); }), "slot 0: has no slot of blocks");
  EXPECT_MENTIONS(error([](auto& s) { s.slots[0].input_sizes[0] = 32; }), "there twice");
  EXPECT_MENTIONS(error_of([] { check_inputs_apart(with_inputs(small_space(), {32, 30})); }),
                  "the inputs 32 and 30 end in one size, 8x8");
  EXPECT_EQ(error_of([] { check_inputs_apart(with_inputs(small_space(), {32, 28})); }), "");
}

TEST(LowerArchitecture, BuildsEveryChoice) {
  const SearchSpace space = small_space();
  EXPECT_EQ(count_networks(space), 2 * (1 + 2 + 4));
  for (int a = 0; a < 2; ++a)
    for (int b = 0; b < 3; ++b)
      for (int c = 0; c < 3; ++c) {
        const Graph graph = lower(choose(space, {a, b, c}, "x"), {});
        EXPECT_EQ(graph.output_shape(), (Shape{10, 1, 1}));
      }
}

TEST(LowerArchitecture, KeepsTheNumberOfASkippedBlock) {
  const Graph graph = lower(choose(small_space(), {0, 0, 1}, "x"), {});
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) names.push_back(node.name);
  const auto has = [&](const char* name) {
    return std::count(names.begin(), names.end(), name) == 1;
  };
  EXPECT_EQ(names[0], "image");
  EXPECT_EQ(names[1], "preprocess");
  EXPECT_EQ(names[2], "features.0.0");
  EXPECT_TRUE(has("features.1.conv.0.0"));
  EXPECT_FALSE(has("features.2.conv.0.0"));
  EXPECT_TRUE(has("features.3.conv.0.0"));
  EXPECT_TRUE(has("features.4.0"));
  EXPECT_TRUE(has("avgpool"));
  EXPECT_EQ(names.back(), "classifier.1");
}

TEST(LowerArchitecture, ShiftsOnlyWhereThereIsAMean) {
  const Architecture network = choose(small_space(), {0, 0, 0}, "x");
  const auto scale = [&](const Preprocess& preprocess) {
    return std::get<ScaleShift>(lower(network, preprocess).nodes[1].layer);
  };
  EXPECT_FALSE(scale({}).shift);
  EXPECT_TRUE(scale({.mean = {1, 2, 3}}).shift);
  EXPECT_MENTIONS(error_of([&] { scale({.mean = {1, 2}}); }), "2 means for an image of 3 channels");
}

TEST(LowerArchitecture, GivesTheBatchNormItsEpsilon) {
  Architecture network = choose(small_space(), {0, 1, 1}, "x");
  network.rules.bn_eps = 1e-3;
  const Graph graph = lower(network, {});
  for (const Node& node : graph.nodes)
    if (const auto* norm = std::get_if<BatchNorm>(&node.layer)) {
      EXPECT_EQ(norm->eps, 1e-3);
    }
}

// Padding of the strided convolutions and poolings, in order.
std::vector<Padding> strided_paddings(const Graph& graph) {
  std::vector<Padding> paddings;
  for (const Node& node : graph.nodes) {
    if (const auto* conv = std::get_if<Conv>(&node.layer); conv && conv->sh > 1)
      paddings.push_back(conv->padding);
    if (const auto* pool = std::get_if<Pool>(&node.layer)) paddings.push_back(pool->padding);
  }
  return paddings;
}

TEST(LowerArchitecture, PadsByTheActualSizeWhereTheRuleIsSame) {
  Architecture network = choose(small_space(), {0, 1, 1}, "x");
  network.stem.pool = true;
  network.rules.padding = PaddingRule::same;
  const Padding even = {0, 0, 1, 1}, odd = Padding::all(1);
  const auto at = [&](int size) {
    const Graph graph = lower(with_input(network, {3, size, size}, 10), {});
    EXPECT_EQ(graph.output_shape(), (Shape{10, 1, 1}));
    return strided_paddings(graph);
  };
  EXPECT_EQ(at(32), (std::vector<Padding>{even, even, even})) << "32, 16 and 8";
  EXPECT_EQ(at(34), (std::vector<Padding>{even, odd, odd})) << "34, 17 and 9";
  network.rules.padding = PaddingRule::centred;
  EXPECT_EQ(at(32), (std::vector<Padding>{odd, odd, odd}));
}

TEST(LowerArchitecture, NamesTheBlockThatDoesNotFit) {
  Architecture network = choose(small_space(), {0, 1, 1}, "x");
  network.blocks[1].expansion = 1e-4;
  const std::string error = error_of([&] { lower(network, {}); });
  EXPECT_MENTIONS(error, "network x: features.2 (mbconv");
}

TEST(StemShape, AgreesWithTheGraph) {
  for (const bool pool : {false, true})
    for (const int size : {1, 2, 15, 32, 33}) {
      const Stem stem = {.channels = 8, .kernel = 7, .stride = 2, .pool = pool};
      const Shape input = {3, size, size + 1};
      EXPECT_EQ(lower_stem(stem, input, {}, {}).output_shape(), stem_shape(stem, input)) << size;
    }
}

TEST(Choose, RefusesChoicesOfAnotherSpace) {
  EXPECT_MENTIONS(error_of([] { choose(small_space(), {0, 0}, "x"); }),
                  "has 3 slots, the choice 2");
  EXPECT_MENTIONS(error_of([] { choose(small_space(), {0, 3, 0}, "x"); }),
                  "slot 1 has no candidate 3");
  EXPECT_MENTIONS(error_of([] { choose(small_space(), {-1, 0, 0}, "x"); }),
                  "slot 0 has no candidate");
}

TEST(Canonical, MovesSkipsBehindWhatTheSlotsShare) {
  EXPECT_EQ(canonical(small_space(), {1, 0, 2}), (Choice{1, 2, 0}));
  EXPECT_EQ(canonical(small_space(), {1, 2, 1}), (Choice{1, 2, 1}));
  EXPECT_EQ(canonical(small_space(), {0, 0, 0}), (Choice{0, 0, 0}));
}

TEST(Validate, SaysSlotCandidateAndReason) {
  const auto error = [](auto change) {
    SearchSpace space = small_space();
    change(space);
    return error_of([&] { validate(space); });
  };
  EXPECT_EQ(error([](SearchSpace&) {}), "");
  EXPECT_MENTIONS(error([](auto& s) { s.slots.clear(); }), "space small: has no slots");
  EXPECT_MENTIONS(error([](auto& s) { s.slots[1].candidates.clear(); }),
                  "slot 1: has no candidates");
  EXPECT_MENTIONS(error([](auto& s) { s.slots[1].candidates = {{.kind = K::skip}}; }),
                  "slot 1: has nothing but a skip");
  EXPECT_MENTIONS(error([](auto& s) { s.slots[0].candidates.push_back({.kind = K::skip}); }),
                  "slot 0: candidate 2: a skip cannot stand beside blocks of stride 2");
  EXPECT_MENTIONS(error([](auto& s) { s.slots[2].candidates[2].stride = 2; }),
                  "slot 2: candidate 2 (mbconv k5 e3 c16 s2 relu6) has another stride");
  EXPECT_MENTIONS(error([](auto& s) { s.slots[1].candidates[2] = s.slots[1].candidates[1]; }),
                  "there twice");
  EXPECT_MENTIONS(error([](auto& s) { s.slots[1].candidates[2].out_channels = 24; }),
                  "slot 1, candidate 0 on 16x8x8: a skip would hand on 16 channels");
  EXPECT_MENTIONS(error([](auto& s) { s.slots[2].candidates[1].kernel = 4; }),
                  "slot 2, candidate 1 on 8x8x8: block: kernel 4");
  EXPECT_MENTIONS(error([](auto& s) { s.stem.channels = 0; }), "features.0");
  EXPECT_MENTIONS(error([](auto& s) { s.classes = 0; }), "head on 8x8x8");
}

TEST(SpaceHash, IsOfTheChoicesAndNotOfTheName) {
  SearchSpace space = small_space();
  const std::string hash = space_hash(space);
  space.name = "other";
  EXPECT_EQ(space_hash(space), hash);
  space.slots[2].candidates[2].kernel = 7;
  EXPECT_NE(space_hash(space), hash);
  EXPECT_NE(space_hash(with_input(small_space(), {3, 64, 64}, 10)), hash);
}

TEST(SpaceJson, GivesTheSameSpaceAndNetwork) {
  const SearchSpace space = small_space();
  EXPECT_EQ(space_from_json(to_json(space), "x"), space);
  const Architecture network = choose(space, {1, 0, 2}, "found");
  EXPECT_EQ(architecture_from_json(to_json(network), "x"), network);
  const TemporaryFolder folder;
  write_architecture(folder.path() / "a.json", network);
  EXPECT_EQ(read_architecture(folder.path() / "a.json"), network);
}

TEST(SpaceJson, HasPaddingAndPreprocessingWhereTheyAreNotTheDefault) {
  SearchSpace space = small_space();
  EXPECT_FALSE(to_json(space).contains("padding"));
  const std::string hash = space_hash(space);
  space.rules.padding = PaddingRule::same;
  EXPECT_NE(space_hash(space), hash);
  EXPECT_EQ(space_from_json(to_json(space), "x"), space);

  Architecture network = choose(space, {1, 0, 2}, "found");
  EXPECT_EQ(network.rules, space.rules);
  EXPECT_FALSE(to_json(network).contains("preprocess"));
  network.preprocess = {.color = ColorOrder::bgr,
                        .scale = {1 / 58.4, 1 / 57.1, 1 / 57.4},
                        .mean = {123.7, 116.3, 103.5},
                        .resize = 48};
  EXPECT_EQ(architecture_from_json(to_json(network), "x"), network);
  EXPECT_EQ(with_input(network, {3, 64, 64}, 10).preprocess.resize, 96);
  EXPECT_EQ(with_input(network, {1, 32, 32}, 10).preprocess, Preprocess{});
}

TEST(SpaceJson, TakesDefaultsForWhatIsLeftOut) {
  const Json json = Json::parse(R"({"name": "n", "blocks": [{"out_channels": 16}]})");
  Architecture expected;
  expected.name = "n";
  expected.blocks = {{.out_channels = 16}};
  EXPECT_EQ(architecture_from_json(json, "x"), expected);
}

TEST(SpaceJson, NamesWhatIsWrong) {
  const auto error = [](const char* key, const char* value) {
    Json json = to_json(choose(small_space(), {0, 1, 1}, "found"));
    json[key] = Json::parse(value);
    return error_of([&] { architecture_from_json(json, "f"); });
  };
  EXPECT_MENTIONS(error("clases", "3"), "f: unknown key clases (did you mean classes?)");
  EXPECT_MENTIONS(error("classes", "0"), "f: classes: must be within 1..1000000");
  EXPECT_MENTIONS(error("input", "[3, 224]"), "f: input: must be [channels, height, width]");
  EXPECT_MENTIONS(error("input", "[3, 5000, 4]"), "f: input: must be");
  EXPECT_MENTIONS(error("input", "[3, 2.5, 4]"), "f: input: must be");
  EXPECT_MENTIONS(error("name", "\"../x\""), "f: name: must be");
  EXPECT_MENTIONS(error("name", "\".\""), "f: name: must be");
  EXPECT_MENTIONS(error("name", "3"), "f: name: must be a text");
  EXPECT_MENTIONS(error("bn_eps", "0"), "f: bn_eps");
  EXPECT_MENTIONS(error("padding", "\"valid\""), "f: padding: must be centred or same");
  EXPECT_MENTIONS(error("preprocess", R"({"mean": 127})"), "f: preprocess: mean: must be numbers");
  EXPECT_MENTIONS(error("blocks", "[]"), "f: blocks: must have 1 to 1024 blocks");
  EXPECT_MENTIONS(error("blocks", "{}"), "f: blocks: must be a list");
  EXPECT_MENTIONS(error("blocks", "[{}]"), "f: blocks[0]: out_channels: missing");
  EXPECT_MENTIONS(error("stem", R"({"kernel": 2})"), "f: stem: kernel: must be odd");
  EXPECT_MENTIONS(error("stem", R"({"pool": 1})"), "f: stem: pool: must be true or false");
  EXPECT_MENTIONS(error("stem", R"({"chanels": 1})"), "f: stem: unknown key chanels");
  EXPECT_MENTIONS(error("head", R"({"channels": 9000})"), "f: head: channels");
  EXPECT_MENTIONS(error("head", R"({"dropout": 1})"), "f: head: dropout");
}

TEST(SpaceJson, RepeatsASlot) {
  Json json = to_json(small_space());
  json["slots"].erase(2);
  json["slots"][1]["times"] = 2;
  EXPECT_EQ(space_from_json(json, "f"), small_space());
  const auto error = [&](int times) {
    json["slots"][1]["times"] = times;
    return error_of([&] { space_from_json(json, "f"); });
  };
  EXPECT_MENTIONS(error(0), "f: slots[1]: times: must be within 1..128");
  EXPECT_MENTIONS(error(128), "f: slots: must have 1 to 128 slots, has more");
}

TEST(SpaceJson, ValidatesASpaceThatItReads) {
  Json json = to_json(small_space());
  json["slots"][0]["candidates"].push_back({{"kind", "skip"}});
  EXPECT_MENTIONS(error_of([&] { space_from_json(json, "f"); }), "f: space small: slot 0");
  json = to_json(small_space());
  json["slots"][1]["candidate"] = 3;
  EXPECT_MENTIONS(error_of([&] { space_from_json(json, "f"); }),
                  "f: slots[1]: unknown key candidate");
}

TEST(FindSpace, KnowsPresetsAndFiles) {
  const TemporaryFolder data;
  const fs::path preset = data.path() / "spaces" / "small.json";
  write_json(preset, "vpunas.space/1", to_json(small_space()));
  EXPECT_EQ(find_space("small", data.path()), small_space());
  EXPECT_EQ(find_space(preset.string(), data.path()), small_space());
  {  // a file under its name in the working folder
    const fs::path before = fs::current_path();
    fs::current_path(data.path());
    write_file("small", "of something else");
    const SearchSpace found = find_space("small", data.path());
    fs::current_path(before);
    EXPECT_EQ(found, small_space());
  }
  EXPECT_MENTIONS(error_of([&] { find_space("smal", data.path()); }),
                  "search space smal is neither a file nor a preset (did you mean small?)");
}

}  // namespace
}  // namespace vpunas
