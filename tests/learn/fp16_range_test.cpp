#include "learn/fp16_range.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/learn/support.h"

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
  const Graph graph = lower(choose(test::small_space(), {0, 0, 2}, "small"), {});
  Weights weights = random_weights(graph, 1);
  const ImageSet images = white_images(graph.input_shape());
  const LargestActivation normal = largest_activation(graph, weights, images);
  EXPECT_FALSE(normal.node.empty());
  EXPECT_GT(normal.value, 0);
  EXPECT_LT(normal.value, 1000);

  for (float& weight : weights.at("features.2.conv.1.1.weight").data) weight *= 1e6F;
  const LargestActivation large = largest_activation(graph, weights, images);
  EXPECT_GE(large.node, "features.2") << "no layer before sees it";
  EXPECT_GT(large.value, largest_fp16);

  for (float& weight : weights.at("features.2.conv.1.1.weight").data) weight *= 1e32F;
  EXPECT_TRUE(std::isinf(largest_activation(graph, weights, images).value));
}

}  // namespace
}  // namespace vpunas
