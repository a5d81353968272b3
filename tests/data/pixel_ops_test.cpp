#include "data/pixel_ops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "data/rand_augment.h"
#include "tests/data/support.h"

namespace vpunas {
namespace {

// `image` after action(planes).
template <class Action>
Image after(Image image, const Action& action) {
  action(Planes{image.shape, image.pixels.data()});
  return image;
}
Image transformed(const Image& image, const std::array<double, 6>& affine) {
  std::vector<uint8_t> scratch;
  return after(image, [&](const Planes& planes) { transform(planes, affine, scratch); });
}
uint8_t at(const Image& image, int c, int y, int x) {
  return image.pixels[static_cast<size_t>((c * image.shape.height + y) * image.shape.width + x)];
}
int luma_of(const Image& image, int y, int x) {
  return static_cast<int>(std::lround(0.299 * at(image, 0, y, x) + 0.587 * at(image, 1, y, x) +
                                      0.114 * at(image, 2, y, x)));
}

using Change = void (*)(const Planes&, double);
constexpr Change changes[] = {change_brightness, change_contrast, change_saturation,
                              [](const Planes& image, double factor) {
                                std::vector<uint8_t> scratch;
                                change_sharpness(image, factor, scratch);
                              }};

TEST(PixelOps, AFactorOfOneChangesNothing) {
  for (const int channels : {1, 3})
    for (const Change change : changes) {
      const Image image = noise(channels, 9, 7, 1);
      EXPECT_EQ(after(image, [&](const Planes& planes) { change(planes, 1); }).pixels,
                image.pixels);
    }
}

TEST(PixelOps, AFactorOfZeroLeavesTheOtherImage) {
  const Image image = noise(3, 9, 7, 1);
  const auto changed = [&](Change change) {
    return after(image, [&](const Planes& planes) { change(planes, 0); });
  };
  EXPECT_EQ(changed(change_brightness).pixels, constant(3, 9, 7, 0).pixels);
  double mean = 0;
  const Image grey = changed(change_saturation);
  const Image flat = changed(change_contrast);
  const Image smooth = changed(changes[3]);
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 7; ++x) {
      mean += luma_of(image, y, x) / 63.0;
      for (int c = 0; c < 3; ++c) EXPECT_NEAR(at(grey, c, y, x), luma_of(image, y, x), 1);
    }
  EXPECT_NEAR(flat.pixels.front(), mean, 1);
  EXPECT_EQ(std::set<uint8_t>(flat.pixels.begin(), flat.pixels.end()).size(), 1U);
  EXPECT_EQ(at(smooth, 0, 0, 3), at(image, 0, 0, 3));  // the edge
  int sum = 4 * at(image, 2, 4, 3);
  for (int y = 3; y <= 5; ++y)
    for (int x = 2; x <= 4; ++x) sum += at(image, 2, y, x);
  EXPECT_NEAR(at(smooth, 2, 4, 3), sum / 13.0, 1);
}

TEST(PixelOps, AFactorAboveOneMovesAwayAndIsLimited) {
  const Image image = constant(1, 2, 2, 200);
  const auto brighter = [&](double factor) {
    return after(image, [&](const Planes& planes) { change_brightness(planes, factor); }).pixels[0];
  };
  EXPECT_EQ(brighter(1.2), 240);
  EXPECT_EQ(brighter(1.9), 255);
}

TEST(PixelOps, SaturationOfGreyIsNothing) {
  const Image image = noise(1, 5, 5, 2);
  EXPECT_EQ(after(image, [](const Planes& p) { change_saturation(p, 0.2); }).pixels, image.pixels);
}

TEST(PixelOps, ValuesAreMapped) {
  Image values{{1, 1, 4}, {0, 100, 170, 255}};
  EXPECT_EQ(after(values, [](const Planes& p) { posterize(p, 4); }).pixels,
            (std::vector<uint8_t>{0, 96, 160, 240}));
  EXPECT_EQ(after(values, [](const Planes& p) { posterize(p, 8); }).pixels, values.pixels);
  EXPECT_EQ(after(values, [](const Planes& p) { solarize(p, 128); }).pixels,
            (std::vector<uint8_t>{0, 100, 85, 0}));
  EXPECT_EQ(after(values, [](const Planes& p) { solarize(p, 256); }).pixels, values.pixels);
}

TEST(PixelOps, AutoContrastUsesTheWholeRangeOfEachChannel) {
  Image image{{3, 1, 3}, {10, 20, 30, 0, 128, 255, 7, 7, 7}};
  EXPECT_EQ(after(image, auto_contrast).pixels,
            (std::vector<uint8_t>{0, 128, 255, 0, 128, 255, 7, 7, 7}));
}

TEST(PixelOps, EqualizeSpreadsTheValues) {
  Image image{{1, 8, 255}, std::vector<uint8_t>(2040)};
  for (size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<uint8_t>(100 + i / 255);
  const Image even = after(image, equalize);
  EXPECT_TRUE(std::is_sorted(even.pixels.begin(), even.pixels.end()));
  for (size_t i = 0; i < 8; ++i)
    EXPECT_NEAR(even.pixels[255 * i], 255.0 * static_cast<double>(i) / 7, 1);
  const Image flat = constant(1, 32, 32, 9);
  EXPECT_EQ(after(flat, equalize).pixels, flat.pixels);
}

TEST(PixelOps, TransformMovesPixelsAndFillsWithBlack) {
  const Image image = noise(3, 6, 6, 4);
  EXPECT_EQ(transformed(image, {1, 0, 0, 0, 1, 0}).pixels, image.pixels);
  const Image moved = transformed(image, {1, 0, 2, 0, 1, -1});
  const Image turned = transformed(image, {0, 1, 0, -1, 0, 5});  // by a quarter
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < 6; ++y)
      for (int x = 0; x < 6; ++x) {
        EXPECT_EQ(at(moved, c, y, x), x + 2 < 6 && y > 0 ? at(image, c, y - 1, x + 2) : 0);
        EXPECT_EQ(at(turned, c, y, x), at(image, c, 5 - x, y));
      }
}

TEST(PixelOps, MirrorReversesTheRows) {
  const Image image = noise(3, 3, 5, 4);
  const Image mirrored = after(image, mirror);
  EXPECT_EQ(at(mirrored, 1, 2, 0), at(image, 1, 2, 4));
  EXPECT_EQ(after(mirrored, mirror).pixels, image.pixels);
}

TEST(RandAugment, HasAsManyKindsOfResultsAsOperations) {
  const Image image = noise(3, 32, 32, 1);
  std::set<std::vector<uint8_t>> kinds;
  for (uint64_t i = 0; i < 600; ++i)
    kinds.insert(after(image, [&](const Planes& planes) {
                   std::vector<uint8_t> scratch;
                   Random random{i};
                   rand_augment(planes, 1, 20, random, scratch);
                 }).pixels);
  // Nine of the fourteen have two directions; autocontrast leaves noise of the full range alone.
  EXPECT_EQ(kinds.size(), 9U * 2 + 4);
}

TEST(RandAugment, OfNoMagnitudeOnlySetsTheRange) {
  Image image = ramp(3, 16, 16);
  for (uint64_t i = 0; i < 200; ++i) {
    const Image changed = after(image, [&](const Planes& planes) {
      std::vector<uint8_t> scratch;
      Random random{i};
      rand_augment(planes, 1, 0, random, scratch);
    });
    // Of magnitude 0 all are the identity but autocontrast and equalize, which have none, and
    // solarize, which inverts white.
    EXPECT_TRUE(changed.pixels == image.pixels || changed.pixels == after(image, equalize).pixels ||
                changed.pixels == after(image, auto_contrast).pixels ||
                changed.pixels ==
                    after(image, [](const Planes& planes) { solarize(planes, 255); }).pixels);
  }
}

}  // namespace
}  // namespace vpunas
