// Known values of the NCE's rules (docs/myriadx.md) and what must hold for any of them.
#include "myriadx/nce.h"

#include <gtest/gtest.h>

namespace vpunas::myriadx {
namespace {

constexpr int64_t kLimit = 589824;  // of two streams

NceConfig config(int c, int o, int k, int side = 28) {
  return best_nce_config(side, side, c, o, k, k, 1);
}

TEST(Nce, KnownPointwiseCosts) {
  const auto expect = [](int c, int o, int64_t cost, int block, int descriptors) {
    const NceConfig found = config(c, o, 1);
    EXPECT_EQ(found.cycles_per_pixel, cost) << c << " -> " << o;
    EXPECT_EQ(1 << found.mode, block) << c << " -> " << o;
    EXPECT_EQ(found.descriptors, descriptors) << c << " -> " << o;
  };
  expect(16, 16, 13, 2, 1);
  expect(32, 16, 19, 4, 1);
  expect(96, 64, 35, 4, 1);
  expect(256, 16, 47, 16, 1);
  expect(512, 256, 522, 2, 2);
  expect(512, 512, 1044, 2, 4);
}

TEST(Nce, KnownThreeByThreeCosts) {
  EXPECT_EQ(config(16, 16, 3).cycles_per_pixel, 37);
  EXPECT_EQ(config(32, 32, 3).cycles_per_pixel, 55);
  EXPECT_EQ(config(64, 64, 3).cycles_per_pixel, 155);
  EXPECT_EQ(config(128, 128, 3).cycles_per_pixel, 652);
  EXPECT_EQ(config(256, 512, 3).cycles_per_pixel, 5600);
}

TEST(Nce, InputChannelsAreLimitedByTheCoefficientStore) {
  EXPECT_TRUE(config(448, 64, 3, 14).legal());
  EXPECT_FALSE(config(449, 64, 3, 14).legal());
  EXPECT_TRUE(config(160, 64, 5, 14).legal());
  EXPECT_FALSE(config(161, 64, 5, 14).legal());
  EXPECT_TRUE(config(2048, 64, 1, 4).legal());
  EXPECT_FALSE(config(2049, 64, 1, 4).legal());
}

TEST(Nce, CostNeverFallsWithMoreChannels) {
  for (const int k : {1, 3, 5}) {
    for (int c = 1; c < 160; ++c) {
      const NceConfig here = config(c, 64, k), next = config(c + 1, 64, k);
      if (!here.legal() || !next.legal()) continue;
      EXPECT_LE(here.cycles_per_pixel, next.cycles_per_pixel) << c;
    }
    for (int o = 1; o < 300; ++o) {
      EXPECT_LE(config(64, o, k).cycles_per_pixel, config(64, o + 1, k).cycles_per_pixel) << o;
    }
  }
}

TEST(Nce, DepthwiseGroups) {
  EXPECT_EQ(depthwise_group(96, 28, 28, 3, 3, 1), 32);
  EXPECT_EQ(depthwise_group(96, 28, 28, 5, 5, 1), 16);
  EXPECT_EQ(depthwise_group(96, 28, 28, 7, 7, 1), 16);
  EXPECT_EQ(depthwise_group(144, 56, 56, 3, 3, 1), 29);
  EXPECT_EQ(depthwise_group(120, 28, 28, 3, 3, 1), 30);
  EXPECT_EQ(depthwise_group(72, 28, 28, 3, 3, 1), 24);
  EXPECT_EQ(depthwise_group(32, 112, 112, 3, 3, 1), 16);  // the whole is never one group
  EXPECT_EQ(depthwise_group(1, 8, 8, 3, 3, 1), 1);
}

// The largest group search must agree with trying every group.
TEST(Nce, DepthwiseGroupIsTheSmallestOfLeastCost) {
  for (const int channels : {8, 24, 40, 100, 240, 333, 960}) {
    for (const int k : {3, 5, 7}) {
      int best = channels;
      int64_t least = -1;
      for (int group = 1; group < channels; ++group) {
        const NceConfig found = best_nce_config(14, 14, group, group, k, k, 1);
        const int64_t cost = found.cycles_per_pixel * ((channels + group - 1) / group);
        if (found.legal() && (least < 0 || cost < least)) {
          best = group;
          least = cost;
        }
      }
      EXPECT_EQ(depthwise_group(channels, 14, 14, k, k, 1), best) << channels << " k" << k;
    }
  }
}

void expect_covers(const std::vector<Strip>& strips, int input, int output) {
  int next = 0;
  for (const Strip& strip : strips) {
    EXPECT_EQ(strip.output_begin, next);
    EXPECT_GT(strip.output_size, 0);
    EXPECT_GE(strip.begin, 0);
    EXPECT_LE(strip.begin + strip.size, input);
    next += strip.output_size;
  }
  EXPECT_EQ(next, output);
}

TEST(Nce, TilesCoverTheOutputAndFit) {
  for (const int side : {7, 14, 28, 56, 57, 112, 224}) {
    for (const int channels : {3, 16, 96, 512}) {
      for (const int k : {1, 3, 5, 7}) {
        for (const int stride : {1, 2}) {
          const int out = (side + k / 2 * 2 - k) / stride + 1;
          const Shape input{channels, side, side}, output{64, out, out};
          const Window window{k, k, stride, Padding::all(k / 2)};
          const auto tiling = tile_convolution(input, output, window, false, kLimit, 9);
          if (!tiling) continue;
          expect_covers(tiling->rows, side, out);
          expect_covers(tiling->columns, side, out);
          EXPECT_GE(tiling->parts * tiling->part_channels, channels);
        }
      }
    }
  }
}

TEST(Nce, AnExpansionThatExceedsTheLimitIsCutIntoStrips) {
  const auto tiling = tile_convolution({16, 112, 112}, {96, 112, 112}, {}, false, kLimit, 9);
  ASSERT_TRUE(tiling);
  EXPECT_EQ(tiling->rows.size(), 5u);
  EXPECT_EQ(tiling->columns.size(), 1u);
}

TEST(Nce, ManyInputChannelsAreSplit) {
  const auto tiling =
      tile_convolution({512, 7, 7}, {512, 7, 7}, {3, 3, 1, Padding::all(1)}, false, kLimit, 9);
  ASSERT_TRUE(tiling);
  EXPECT_EQ(tiling->parts, 2);
  EXPECT_EQ(tiling->part_channels, 256);
}

TEST(Nce, PaddedPoolingIsShredded) {
  const auto strips = [](int side, int k, int stride, int padding) {
    const int out = (side + 2 * padding - k) / stride + 1;
    const auto tiling = tile_pooling({32, side, side}, {32, out, out},
                                     {k, k, stride, Padding::all(padding)}, kLimit);
    return tiling ? tiling->tiles() : 0;
  };
  EXPECT_EQ(strips(112, 3, 2, 1), 8u);
  EXPECT_EQ(strips(112, 3, 1, 1), 19u);
  EXPECT_EQ(strips(112, 5, 1, 2), 25u);
  EXPECT_EQ(strips(28, 3, 2, 1), 1u);
  EXPECT_EQ(strips(56, 2, 2, 0), 1u);
}

TEST(Nce, WhatNoTilingFitsIsRefused) {
  EXPECT_FALSE(
      tile_convolution({4000, 1, 1}, {64, 1, 1}, {15, 15, 1, Padding::all(7)}, false, kLimit, 9));
}

}  // namespace
}  // namespace vpunas::myriadx
