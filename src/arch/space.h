// Architectures (one network of blocks) and search spaces (the choices), as data and as JSON.
#pragma once

#include <compare>
#include <filesystem>
#include <string>
#include <vector>

#include "arch/block.h"
#include "arch/graph.h"
#include "arch/layer_rules.h"

namespace vpunas {

inline constexpr const char* architecture_schema = "vpunas.architecture/1";

// kxk convolution, batch norm, activation; then a max pooling 3x3 stride 2 where `pool`.
struct Stem {
  int channels = 32;
  int kernel = 3;
  int stride = 2;
  Act act = Act::relu6;
  bool pool = false;
  bool operator==(const Stem&) const = default;
};

// 1x1 convolution to `channels` (0: none), batch norm, activation, global pooling; 1x1 convolution
// to `hidden` (0: none), activation (MobileNetV3, arXiv:1905.02244, figure 5); dropout in training,
// linear.
struct Head {
  int channels = 1280;
  int hidden = 0;
  bool hidden_bias = true;
  Act act = Act::relu6;
  double dropout = 0.0;
  bool operator==(const Head&) const = default;
};

// A network: a chain of blocks. Every zoo network of this family is one, too.
struct Architecture {
  std::string name;
  Shape input = {3, 224, 224};
  int classes = 1000;
  LayerRules rules = {};
  Stem stem;
  std::vector<BlockSpec> blocks;
  Head head;
  Preprocess preprocess =
      {};  // what its published weights expect, without labels; a run has its own
  bool operator==(const Architecture&) const = default;
};

// One place in the chain. Its input width follows from the slot before, and where a candidate has
// none of its own its output width does, too: so the slot that begins a stage chooses for all of
// it. The first slot may offer sizes of the input instead of blocks, the greatest of them the
// space's own: then they are its candidates, in the numbering of choices.
struct Slot {
  std::vector<BlockSpec> candidates;
  std::vector<int> input_sizes = {};  // sides of square images in pixels; never beside blocks
  size_t size() const { return input_sizes.empty() ? candidates.size() : input_sizes.size(); }
  bool operator==(const Slot&) const = default;
};

struct SearchSpace {
  std::string name;
  Shape input = {3, 224, 224};
  int classes = 1000;
  LayerRules rules = {};
  Stem stem;
  std::vector<Slot> slots;
  Head head;
  bool operator==(const SearchSpace&) const = default;
};

// The chosen candidate of every slot.
using Choice = std::vector<int>;

// Whether the first slot offers sizes of the input. A network has no block of that slot.
bool offers_inputs(const SearchSpace& space);

// The same space with these sides as its first slot, in the place of those that it offers.
SearchSpace with_inputs(SearchSpace space, const std::vector<int>& sides);

// The input of a network of the space.
Shape input_of(const SearchSpace& space, const Choice& choice);

// A slot's candidate as a block; null where it is a size of the input.
const BlockSpec* block_of(const Slot& slot, int candidate);
bool is_skip(const Slot& slot, int candidate);

// As describe() of its block, or "input 192".
std::string describe(const Slot& slot, int candidate);

// The shape behind a candidate on `input`; behind a size of the space's input, that behind the
// stem.
Shape shape_behind(const SearchSpace& space, size_t slot, int candidate, const Shape& input);

Architecture choose(const SearchSpace& space, const Choice& choice, std::string name);

// The same network or space for another input size, channels or number of classes (deployment and
// training size apart). The central crop keeps its share of the image; preprocessing for other
// channels is left out. The sizes that a space offers keep their share of its own, to an even
// number.
Architecture with_input(Architecture architecture, const Shape& input, int classes);
SearchSpace with_input(SearchSpace space, const Shape& input, int classes);

// The network's graph: Input, preprocessing ("preprocess", a ScaleShift without shift where there
// is no mean), stem
// ("features.0"), blocks ("features.1" on; a skip gets no nodes but keeps its number), head
// convolution, pooling, linear
// ("classifier.1"). Throws Error naming the block that does not fit.
Graph lower(const Architecture& architecture, const Preprocess& preprocess);

// What every graph starts with: Input and preprocessing, nodes 0 and 1.
Graph image_graph(const Shape& input, const Preprocess& preprocess);

// The ends of a network, for consumers that build it piece by piece (the supernet). lower_stem
// starts a graph (Input, preprocessing, "features.0"); lower_head adds PREFIX.0, PREFIX.1 (the head
// convolution), pooling and "classifier.1" behind node `input` and returns the last node's index.
Graph lower_stem(const Stem& stem, const Shape& input, const LayerRules& rules,
                 const Preprocess& preprocess);
int lower_head(const Head& head, const std::string& prefix, int classes, int input,
               const LayerRules& rules, Graph& graph);

// Shape behind the stem: the input of the first block.
Shape stem_shape(const Stem& stem, const Shape& input);

// Every distinct (block, input shape) that can occur, in order of first occurrence; only what has
// layers.
struct PlacedBlock {
  BlockSpec block;
  Shape input;
  auto operator<=>(const PlacedBlock&) const = default;
};
std::vector<PlacedBlock> placed_blocks(const SearchSpace& space);

// The same network with skips moved last within every run of consecutive slots that offer the same
// candidates; without this one network has many names in a space with optional depth.
Choice canonical(const SearchSpace& space, Choice choice);

// Number of networks: choices that are canonical(). A double because it overflows integers.
double count_networks(const SearchSpace& space);

// Identifies the choices, input and ends of a space: equal for equal spaces, kept in latency
// tables.
std::string space_hash(const SearchSpace& space);

// Throws Error (slot, candidate, reason) where no chain of candidates fits or a skip or an input
// stands where it cannot.
void validate(const SearchSpace& space);

// Throws Error where two of the inputs that the space offers end in one shape, by which latency
// tables tell networks of different inputs apart.
void check_inputs_apart(const SearchSpace& space);

Json to_json(const Architecture& architecture);
Architecture architecture_from_json(const Json& json, const std::string& where);
Architecture read_architecture(const std::filesystem::path& path);  // schema vpunas.architecture/1
void write_architecture(const std::filesystem::path& path, const Architecture& architecture);

Json to_json(const SearchSpace& space);
SearchSpace space_from_json(const Json& json, const std::string& where);
SearchSpace read_space(const std::filesystem::path& path);  // schema vpunas.space/1

// A preset of data/spaces by name, or a file by path. `data` is the project's data folder.
SearchSpace find_space(const std::string& name_or_path, const std::filesystem::path& data);

}  // namespace vpunas
