#include "learn/fp16_range.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace vpunas {
namespace {

ImageSet white_images(const Shape& shape) {
  ImageSet images{{shape.c, shape.h, shape.w}, {0, 0, 0}, {}};
  images.load = [bytes = images.shape.bytes()](int64_t, uint8_t* pixels) {
    std::fill_n(pixels, bytes, uint8_t{255});
  };
  return images;
}

TEST(Fp16Range, NamesTheLayerThatLeavesIt) {
  Graph graph;
  graph.add("image", Input{{1, 4, 4}}, {});
  graph.add("conv", Conv{.out_channels = 2}, {0});
  graph.add("relu6", Activation{.act = Act::relu6}, {1});
  const auto largest = [&](float weight) {
    return largest_activation(graph, {{"conv.weight", {{2, 1, 1, 1}, {weight, -1}}}},
                              white_images(graph.input_shape()));
  };
  EXPECT_EQ(largest(200).node, "conv") << "relu6 comes too late";
  EXPECT_EQ(largest(200).value, 200 * 255);
  EXPECT_GT(largest(-300).value, largest_fp16);
  EXPECT_TRUE(std::isinf(largest(3e38F).value));
}

}  // namespace
}  // namespace vpunas
