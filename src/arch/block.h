// Blocks, the units of search, and their lowering to layers: the only place that says what an
// MBConv is.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <utility>

#include "arch/graph.h"
#include "arch/layer_rules.h"
#include "arch/words.h"
#include "base/files.h"

namespace vpunas {

enum class BlockKind {
  mbconv,        // 1x1 expand, depthwise kxk, 1x1 project; linear bottleneck (MobileNetV2,
                 // arXiv:1801.04381, section 3.3)
  fused_mbconv,  // kxk expand, 1x1 project; at expansion 1 a single kxk (EfficientNetV2,
                 // arXiv:2104.00298, figure 2)
  residual,      // two kxk, activation after the addition (ResNet's basic block, arXiv:1512.03385,
                 // figure 5 left)
  bottleneck,    // 1x1 reduce, kxk (carries the stride), 1x1 expand (the same, right; "v1.5")
  conv,          // kxk, batch norm, activation
  skip           // nothing: the slot is left out
};

// What the squeeze-excite's reduced width is a share of.
enum class SeBase { expanded, input };

// Squeeze-excite after the depthwise convolution (MobileNetV3, arXiv:1905.02244, section 5.3;
// EfficientNet: base input).
struct Se {
  SeBase base = SeBase::expanded;
  double ratio = 0.25;
  Act gate = Act::sigmoid;  // or hsigmoid
  Act act = Act::relu;
  auto operator<=>(const Se&) const = default;
};

struct BlockSpec {
  BlockKind kind = BlockKind::mbconv;
  int kernel = 3;
  double expansion = 6;  // inner width = round(expansion * in); bottleneck: round(expansion * out);
                         // others: ignored
  int out_channels = 0;  // of skip: ignored; 0, in a search space: as many as the input has
  int stride = 1;
  std::optional<Se> se = {};
  Act act = Act::relu6;
  auto operator<=>(const BlockSpec&) const = default;
};

// Whether it adds anything to a network: not a skip.
bool has_layers(const BlockSpec& block);

// Adds the block's nodes behind node `input`, named PREFIX.conv.0.0 and so on (torchvision's names
// for MobileNetV2's blocks; PREFIX.conv1, .bn1, .downsample.0 for residual and bottleneck, as its
// ResNet), and returns the last node's index. mbconv and fused_mbconv add the input where stride is
// 1 and the width stays; residual and bottleneck always, through a strided 1x1 convolution where
// shapes differ. skip returns `input`. Throws Error where the block does not fit.
int lower(const BlockSpec& block, const std::string& prefix, int input, const LayerRules& rules,
          Graph& graph);

// The block on `input`, its width filled in where it follows the input's.
BlockSpec placed(BlockSpec block, const Shape& input);

// The shape behind the block.
Shape output_shape(const BlockSpec& block, const Shape& input);

// "mbconv k3 e6 c32 s2 se relu6", "skip": for people, and unique. Without c the width follows the
// input's.
std::string describe(const BlockSpec& block);

// Whether a block that is read must name its width, or may leave it out to follow its input's, as
// in a search space.
enum class Width { named, may_follow };

// What describe() wrote; the order of the options is free, and what is left out takes its default
// but for the width and the activation. Throws Error.
BlockSpec parse_block(Words words, Width width = Width::named);

const char* kind_name(BlockKind kind);

Json to_json(const BlockSpec& block);
BlockSpec block_from_json(const Json& json, const std::string& where, Width width = Width::named);
// An object, or a text for parse_block() with "x3" for three in a row: the block and how many.
std::pair<BlockSpec, int> repeated_block_from_json(const Json& json, const std::string& where,
                                                   Width width = Width::named);

// `value` rounded to a multiple of 8, not under 90 % of itself (MobileNet's rule, Slim's
// make_divisible).
int round_to_8(double value);

}  // namespace vpunas
