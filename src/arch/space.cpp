#include "arch/space.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <system_error>

#include "arch/preprocess.h"
#include "arch/strict_json.h"
#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

constexpr const char* space_schema = "vpunas.space/1";
constexpr int max_channels = 8192;
constexpr int max_blocks = 1024;
constexpr int max_slots = 128;
constexpr int max_candidates = 128;
constexpr int max_side = 4096;

int ceil_div(int a, int b) { return (a - 1) / b + 1; }

// Calls visit(slot, candidate, input shape) for everything that can occur, slot by slot, and
// returns the shapes that can stand behind the last slot.
template <class Visit>
std::vector<Shape> walk(const SearchSpace& space, const Visit& visit) {
  std::vector<Shape> shapes = {stem_shape(space.stem, space.input)};
  for (size_t s = 0; s < space.slots.size(); ++s) {
    std::vector<Shape> behind;
    for (const Shape& shape : shapes) {
      for (int c = 0; c < static_cast<int>(space.slots[s].size()); ++c) {
        visit(s, c, shape);
        const Shape out = shape_behind(space, s, c, shape);
        if (std::find(behind.begin(), behind.end(), out) == behind.end()) behind.push_back(out);
      }
    }
    shapes = std::move(behind);
  }
  return shapes;
}

// Sizes of the input are in the first slot, are all that it offers, and none is greater than the
// space's own.
void validate_inputs(const SearchSpace& space, size_t slot) {
  const auto& [blocks, sizes] = space.slots[slot];
  if (sizes.empty()) return;
  if (slot > 0) fail("sizes of the input stand in the first slot alone");
  if (space.slots.size() == 1) fail("has no slot of blocks behind the sizes of the input");
  if (!blocks.empty()) fail("offers blocks beside sizes of the input");
  const int greatest = *std::max_element(sizes.begin(), sizes.end());
  if (space.input.h != greatest || space.input.w != greatest)
    fail("the greatest size must be that of the space's input, which is ", space.input);
}

// Rules that a slot keeps whatever its input.
void validate_slot(const Slot& slot) {
  if (slot.size() == 0) fail("has no candidates");
  std::set<std::string> seen;
  for (int i = 0; i < static_cast<int>(slot.size()); ++i) {
    if (!seen.insert(describe(slot, i)).second)
      fail("candidate ", i, " (", describe(slot, i), ") is there twice");
  }
  if (!slot.input_sizes.empty()) return;
  const auto& candidates = slot.candidates;
  const auto skips = [](const BlockSpec& block) { return block.kind == BlockKind::skip; };
  if (std::all_of(candidates.begin(), candidates.end(), skips)) fail("has nothing but a skip");
  const int stride = std::find_if_not(candidates.begin(), candidates.end(), skips)->stride;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const BlockSpec& block = candidates[i];
    if (skips(block) && stride != 1)
      fail("candidate ", i, ": a skip cannot stand beside blocks of stride ", stride);
    if (!skips(block) && block.stride != stride)
      fail("candidate ", i, " (", describe(block), ") has another stride than the others, ",
           stride);
  }
}

// A skip hands on its input's width, which must be one that the slot could also give otherwise:
// else what follows would be trained on a width of its own.
void validate_skip(const Slot& slot, const Shape& input) {
  const bool same_width =
      std::any_of(slot.candidates.begin(), slot.candidates.end(), [&](const BlockSpec& block) {
        return block.kind != BlockKind::skip && placed(block, input).out_channels == input.c;
      });
  if (!same_width)
    fail("a skip would hand on ", input.c, " channels, which no other candidate of the slot gives");
}

Graph input_graph(const Shape& shape) {
  Graph graph;
  graph.add("image", Input{shape}, {});
  return graph;
}

// --- JSON: what architectures and spaces have in common ---

Json shape_json(const Shape& shape) { return Json::array({shape.c, shape.h, shape.w}); }

Json to_json(const Stem& stem) {
  return {{"channels", stem.channels},
          {"kernel", stem.kernel},
          {"stride", stem.stride},
          {"act", act_name(stem.act)},
          {"pool", stem.pool}};
}

Stem stem_from_json(const Json& json, const std::string& where) {
  StrictObject object(json, where);
  Stem stem;
  stem.channels = object.integer("channels", stem.channels, 1, max_channels);
  stem.kernel = object.integer("kernel", stem.kernel, 1, 15);
  if (stem.kernel % 2 == 0) fail(object.path("kernel"), ": must be odd, is ", stem.kernel);
  stem.stride = object.integer("stride", stem.stride, 1, 4);
  stem.act = object.activation("act", stem.act);
  stem.pool = object.boolean("pool", stem.pool);
  object.finish();
  return stem;
}

Json to_json(const Head& head) {
  Json json = {{"channels", head.channels}};
  if (head.hidden > 0) json.update({{"hidden", head.hidden}, {"hidden_bias", head.hidden_bias}});
  json.update({{"act", act_name(head.act)}, {"dropout", json_number(head.dropout)}});
  return json;
}

Head head_from_json(const Json& json, const std::string& where) {
  StrictObject object(json, where);
  Head head;
  head.channels = object.integer("channels", head.channels, 0, max_channels);
  head.hidden = object.integer("hidden", head.hidden, 0, max_channels);
  head.hidden_bias = object.boolean("hidden_bias", head.hidden_bias);
  head.act = object.activation("act", head.act);
  head.dropout = object.number("dropout", head.dropout, 0, 0.99);
  object.finish();
  return head;
}

// Everything but the blocks or slots, which come between stem and head.
template <class Network>
Json network_json(const Network& network, const char* key, Json members) {
  Json json = {
      {"name", network.name}, {"input", shape_json(network.input)}, {"classes", network.classes}};
  write_layer_rules(network.rules, json);
  json["stem"] = to_json(network.stem);
  json[key] = std::move(members);
  json["head"] = to_json(network.head);
  return json;
}

template <class Network>
Network read_network(StrictObject& object) {
  Network network;
  network.name = object.name();
  network.input = object.shape("input", network.input);
  network.classes = object.integer("classes", network.classes, 1, 1'000'000);
  network.rules = layer_rules_from_json(object);
  if (const Json* stem = object.find("stem"))
    network.stem = stem_from_json(*stem, object.path("stem"));
  if (const Json* head = object.find("head"))
    network.head = head_from_json(*head, object.path("head"));
  return network;
}

// A size of the input, "input 192" or an object with its `side`; nullopt: `json` is something else.
std::optional<int> input_size_from_json(const Json& json, const std::string& where) {
  constexpr const char* kind = "input";
  if (json.is_object() && json.value("kind", Json()) == kind) {
    StrictObject object(json, where);
    object.text("kind", kind);
    object.require("side");
    const int side = object.integer("side", 0, 1, max_side);
    object.finish();
    return side;
  }
  if (!json.is_string()) return std::nullopt;
  const auto& text = json.get_ref<const std::string&>();
  try {
    const Words words(text);
    if (words.kind() != kind) return std::nullopt;
    const auto side = words.rest().size() == 1 ? parse_number(words.rest().front()) : std::nullopt;
    if (!side) fail("must be a side alone, as input 192");
    return input_size_from_json({{"kind", kind}, {"side", json_number(*side)}}, kind);
  } catch (const Error& error) {
    fail(where, " (", excerpt(text), "): ", error.what());
  }
}

Slot read_slot(StrictObject& object, const char* key, size_t most, Width width) {
  const Json& list = object.array(key);
  if (list.empty() || list.size() > most)
    fail(object.path(key), ": must have 1 to ", most, " blocks, has ", list.size());
  Slot slot;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string where = object.path(cat(key, "[", i, "]"));
    if (const auto size = input_size_from_json(list[i], where)) {
      if (width == Width::named) fail(where, ": an input size is a choice of search spaces alone");
      slot.input_sizes.push_back(*size);
      continue;
    }
    const auto [block, times] = repeated_block_from_json(list[i], where, width);
    if (slot.candidates.size() + times > most) fail(where, ": more than ", most, " blocks");
    slot.candidates.insert(slot.candidates.end(), times, block);
  }
  return slot;
}

// A slot's candidates; those without a width once for each of `widths`, where there are any.
Slot read_candidates(StrictObject& slot) {
  Slot read = read_slot(slot, "candidates", max_candidates, Width::may_follow);
  const auto& blocks = read.candidates;
  const std::vector<int> widths = slot.integers("widths", 1, max_channels);
  if (widths.empty()) return read;
  const auto open = [](const BlockSpec& block) {
    return has_layers(block) && block.out_channels == 0;
  };
  if (std::none_of(blocks.begin(), blocks.end(), open))
    fail(slot.path("widths"), ": every candidate has a width of its own (c); leave it out there");
  std::vector<BlockSpec> candidates;
  for (const BlockSpec& block : blocks) {
    if (!open(block)) {
      candidates.push_back(block);
      continue;
    }
    for (const int width : widths) {
      candidates.push_back(block);
      candidates.back().out_channels = width;
    }
  }
  if (candidates.size() > max_candidates)
    fail(slot.path("widths"), ": ", candidates.size(), " candidates, more than ", max_candidates);
  read.candidates = std::move(candidates);
  return read;
}

}  // namespace

bool offers_inputs(const SearchSpace& space) {
  return !space.slots.empty() && !space.slots.front().input_sizes.empty();
}

SearchSpace with_inputs(SearchSpace space, const std::vector<int>& sides) {
  if (offers_inputs(space)) space.slots.erase(space.slots.begin());
  const int greatest = *std::max_element(sides.begin(), sides.end());
  space.input = {space.input.c, greatest, greatest};
  space.slots.insert(space.slots.begin(), Slot{.candidates = {}, .input_sizes = sides});
  return space;
}

Shape input_of(const SearchSpace& space, const Choice& choice) {
  if (!offers_inputs(space)) return space.input;
  const int side = space.slots.front().input_sizes.at(static_cast<size_t>(choice.front()));
  return {space.input.c, side, side};
}

const BlockSpec* block_of(const Slot& slot, int candidate) {
  return slot.input_sizes.empty() ? &slot.candidates[static_cast<size_t>(candidate)] : nullptr;
}

bool is_skip(const Slot& slot, int candidate) {
  const BlockSpec* block = block_of(slot, candidate);
  return block && block->kind == BlockKind::skip;
}

std::string describe(const Slot& slot, int candidate) {
  const BlockSpec* block = block_of(slot, candidate);
  return block ? describe(*block) : cat("input ", slot.input_sizes[static_cast<size_t>(candidate)]);
}

Shape shape_behind(const SearchSpace& space, size_t slot, int candidate, const Shape& input) {
  if (const BlockSpec* block = block_of(space.slots[slot], candidate))
    return output_shape(*block, input);
  return stem_shape(space.stem, input_of(space, {candidate}));
}

Architecture choose(const SearchSpace& space, const Choice& choice, std::string name) {
  if (choice.size() != space.slots.size())
    fail("space ", space.name, " has ", space.slots.size(), " slots, the choice ", choice.size());
  for (size_t i = 0; i < choice.size(); ++i) {
    if (choice[i] < 0 || choice[i] >= static_cast<int>(space.slots[i].size()))
      fail("space ", space.name, ": slot ", i, " has no candidate ", choice[i]);
  }
  Architecture chosen = {.name = std::move(name),
                         .input = input_of(space, choice),
                         .classes = space.classes,
                         .rules = space.rules,
                         .stem = space.stem,
                         .blocks = {},
                         .head = space.head,
                         .preprocess = {}};
  Shape shape = stem_shape(space.stem, chosen.input);
  for (size_t i = offers_inputs(space) ? 1 : 0; i < choice.size(); ++i) {
    chosen.blocks.push_back(placed(space.slots[i].candidates[choice[i]], shape));
    shape = output_shape(chosen.blocks.back(), shape);
  }
  return chosen;
}

Architecture with_input(Architecture architecture, const Shape& input, int classes) {
  Preprocess& preprocess = architecture.preprocess;
  if (architecture.input.c != input.c) preprocess = {};
  preprocess.resize = preprocess.resize * input.h / architecture.input.h;
  architecture.input = input;
  architecture.classes = classes;
  return architecture;
}

SearchSpace with_input(SearchSpace space, const Shape& input, int classes) {
  if (offers_inputs(space)) {
    const int whole = space.input.h;
    for (int& side : space.slots.front().input_sizes) {
      const double share = static_cast<double>(side) / whole;
      side = side == whole ? input.h
                           : std::max(2, 2 * static_cast<int>(std::lround(share * input.h / 2)));
    }
  }
  space.input = input;
  space.classes = classes;
  return space;
}

Graph lower(const Architecture& architecture, const Preprocess& preprocess) {
  const LayerRules& rules = architecture.rules;
  try {
    Graph graph = lower_stem(architecture.stem, architecture.input, rules, preprocess);
    graph.name = architecture.name;
    int at = static_cast<int>(graph.nodes.size()) - 1;
    int number = 1;
    for (const BlockSpec& block : architecture.blocks)
      at = lower(block, cat("features.", number++), at, rules, graph);
    lower_head(architecture.head, cat("features.", number), architecture.classes, at, rules, graph);
    return graph;
  } catch (const Error& error) {
    fail("network ", architecture.name, ": ", error.what());
  }
}

Graph image_graph(const Shape& input, const Preprocess& preprocess) {
  if (!preprocess.mean.empty() && preprocess.mean.size() != static_cast<size_t>(input.c))
    fail(preprocess.mean.size(), " means for an image of ", input.c, " channels");
  Graph graph{.name = {}, .preprocess = preprocess, .nodes = {}};
  graph.add("image", Input{input}, {});
  graph.add("preprocess", ScaleShift{.shift = !preprocess.mean.empty()}, {0});
  return graph;
}

Graph lower_stem(const Stem& stem, const Shape& input, const LayerRules& rules,
                 const Preprocess& preprocess) {
  Graph graph = image_graph(input, preprocess);
  const BlockSpec conv = {.kind = BlockKind::conv,
                          .kernel = stem.kernel,
                          .out_channels = stem.channels,
                          .stride = stem.stride,
                          .act = stem.act};
  const int at = lower(conv, "features.0", 1, rules, graph);
  if (!stem.pool) return graph;
  const Padding padding =
      padding_of(rules.padding, {.kh = 3, .kw = 3, .stride = 2}, graph.output_shape());
  graph.add("features.0.3", Pool{.kh = 3, .kw = 3, .sh = 2, .sw = 2, .padding = padding}, {at});
  return graph;
}

int lower_head(const Head& head, const std::string& prefix, int classes, int input,
               const LayerRules& rules, Graph& graph) {
  int at = input;
  if (head.channels > 0) {
    const BlockSpec conv = {
        .kind = BlockKind::conv, .kernel = 1, .out_channels = head.channels, .act = head.act};
    at = lower(conv, prefix, at, rules, graph);
  }
  at = graph.add("avgpool", GlobalPool{}, {at});
  if (head.hidden > 0) {
    at = graph.add("classifier.hidden", Conv{.out_channels = head.hidden, .bias = head.hidden_bias},
                   {at});
    if (head.act != Act::none)
      at = graph.add("classifier.hidden_act", Activation{.act = head.act}, {at});
  }
  return graph.add("classifier.1", Linear{.out_features = classes}, {at});
}

Shape stem_shape(const Stem& stem, const Shape& input) {
  const int stride = stem.pool ? 2 : 1;
  return {stem.channels, ceil_div(ceil_div(input.h, stem.stride), stride),
          ceil_div(ceil_div(input.w, stem.stride), stride)};
}

std::vector<PlacedBlock> placed_blocks(const SearchSpace& space) {
  std::vector<PlacedBlock> places;
  std::set<PlacedBlock> seen;
  walk(space, [&](size_t slot, int candidate, const Shape& input) {
    const BlockSpec* block = block_of(space.slots[slot], candidate);
    if (!block) return;
    const PlacedBlock here = {placed(*block, input), input};
    if (has_layers(here.block) && seen.insert(here).second) places.push_back(here);
  });
  return places;
}

Choice canonical(const SearchSpace& space, Choice choice) {
  const auto& slots = space.slots;
  assert(choice.size() == slots.size());
  for (size_t begin = 0, end = 0; begin < slots.size(); begin = end) {
    for (end = begin + 1; end < slots.size() && slots[end] == slots[begin];) ++end;
    std::stable_partition(choice.begin() + static_cast<ptrdiff_t>(begin),
                          choice.begin() + static_cast<ptrdiff_t>(end),
                          [&](int candidate) { return !is_skip(slots[begin], candidate); });
  }
  return choice;
}

double count_networks(const SearchSpace& space) {
  const auto& slots = space.slots;
  double count = 1;
  for (size_t begin = 0, end = 0; begin < slots.size(); begin = end) {
    const auto& candidates = slots[begin].candidates;
    const auto skips = std::count_if(candidates.begin(), candidates.end(),
                                     [](const BlockSpec& b) { return b.kind == BlockKind::skip; });
    const auto blocks = static_cast<double>(static_cast<ptrdiff_t>(slots[begin].size()) - skips);
    // Of a run of equal slots: the choices of its first i slots with skips behind them, for every
    // i.
    double longest = 1, of_run = skips > 0 ? 1 : 0;
    for (end = begin; end < slots.size() && slots[end] == slots[begin]; ++end) {
      longest *= blocks;
      if (skips > 0) of_run += longest;
    }
    count *= skips > 0 ? of_run : longest;
  }
  return count;
}

std::string space_hash(const SearchSpace& space) {
  Json json = to_json(space);
  json.erase("name");
  return content_hash(json.dump());
}

void validate(const SearchSpace& space) {
  std::string where = "space " + space.name;
  try {
    if (space.slots.empty()) fail("has no slots");
    lower_stem(space.stem, space.input, space.rules, {});

    const auto at_slot = [&](size_t slot) { return cat("space ", space.name, ": slot ", slot); };
    for (size_t i = 0; i < space.slots.size(); ++i) {
      where = at_slot(i);
      validate_inputs(space, i);
      validate_slot(space.slots[i]);
    }
    const std::vector<Shape> ends = walk(space, [&](size_t slot, int candidate, const Shape& in) {
      where = cat(at_slot(slot), ", candidate ", candidate, " on ", in);
      const BlockSpec* block = block_of(space.slots[slot], candidate);
      if (!block) return;
      if (block->kind == BlockKind::skip) validate_skip(space.slots[slot], in);
      Graph graph = input_graph(in);
      lower(placed(*block, in), "block", 0, space.rules, graph);
    });
    for (const Shape& end : ends) {
      where = cat("space ", space.name, ": head on ", end);
      Graph graph = input_graph(end);
      lower_head(space.head, "head", space.classes, 0, space.rules, graph);
    }
  } catch (const Error& error) {
    fail(where, ": ", error.what());
  }
}

void check_inputs_apart(const SearchSpace& space) {
  if (!offers_inputs(space)) return;
  std::map<std::pair<int, int>, int> sides;  // by height and width at the end
  for (size_t i = 0; i < space.slots.front().size(); ++i) {
    // All candidates of a slot have one stride, so any choice tells.
    Choice choice(space.slots.size());
    choice.front() = static_cast<int>(i);
    const Architecture network = choose(space, choice, "any");
    Shape shape = stem_shape(network.stem, network.input);
    for (const BlockSpec& block : network.blocks) shape = output_shape(block, shape);
    const auto [other, added] = sides.try_emplace({shape.h, shape.w}, network.input.h);
    if (!added)
      fail("space ", space.name, ": the inputs ", other->second, " and ", network.input.h,
           " end in one size, ", shape.h, "x", shape.w,
           "; choose multiples of the product of all strides (space.sizes, or the space's first "
           "slot)");
  }
}

Json to_json(const Architecture& architecture) {
  Json blocks = Json::array();
  for (const BlockSpec& block : architecture.blocks) blocks.push_back(to_json(block));
  Json json = network_json(architecture, "blocks", std::move(blocks));
  if (architecture.preprocess != Preprocess{})
    json["preprocess"] = to_json(architecture.preprocess);
  return json;
}

Architecture architecture_from_json(const Json& json, const std::string& where) {
  StrictObject object(json, where);
  auto architecture = read_network<Architecture>(object);
  architecture.blocks = read_slot(object, "blocks", max_blocks, Width::named).candidates;
  if (const Json* preprocess = object.find("preprocess"))
    architecture.preprocess = preprocess_from_json(*preprocess, object.path("preprocess"));
  object.finish();
  return architecture;
}

Architecture read_architecture(const std::filesystem::path& path) {
  return architecture_from_json(read_json(path, architecture_schema), path.string());
}

void write_architecture(const std::filesystem::path& path, const Architecture& architecture) {
  write_json(path, architecture_schema, to_json(architecture));
}

Json to_json(const SearchSpace& space) {
  Json slots = Json::array();
  for (const Slot& slot : space.slots) {
    Json candidates = Json::array();
    for (const BlockSpec& block : slot.candidates) candidates.push_back(to_json(block));
    for (const int side : slot.input_sizes)
      candidates.push_back({{"kind", "input"}, {"side", side}});
    slots.push_back({{"candidates", std::move(candidates)}});
  }
  return network_json(space, "slots", std::move(slots));
}

SearchSpace space_from_json(const Json& json, const std::string& where) {
  StrictObject object(json, where);
  auto space = read_network<SearchSpace>(object);
  const Json& slots = object.array("slots");
  if (slots.empty() || slots.size() > max_slots)
    fail(object.path("slots"), ": must have 1 to ", max_slots, " slots, has ", slots.size());
  for (size_t i = 0; i < slots.size(); ++i) {
    StrictObject slot(slots[i], object.path(cat("slots[", i, "]")));
    const int times = slot.integer("times", 1, 1, max_slots);
    if (space.slots.size() + times > max_slots)
      fail(object.path("slots"), ": must have 1 to ", max_slots, " slots, has more");
    space.slots.insert(space.slots.end(), times, read_candidates(slot));
    slot.finish();
  }
  object.finish();
  try {
    validate(space);
  } catch (const Error& error) {
    fail(where, ": ", error.what());
  }
  return space;
}

SearchSpace read_space(const std::filesystem::path& path) {
  return space_from_json(read_json(path, space_schema), path.string());
}

SearchSpace find_space(const std::string& name_or_path, const fs::path& data) {
  return read_space(find_preset("search space", name_or_path, data / "spaces", ".json"));
}

}  // namespace vpunas
