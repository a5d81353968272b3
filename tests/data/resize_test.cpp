#include <gtest/gtest.h>

#include <cmath>

#include "tests/data/support.h"

namespace vpunas {
namespace {

TEST(Resize, KeepsConstantsExactlyAtEverySize) {
  for (const uint8_t value : {0, 1, 127, 254, 255})
    for (const int side : {1, 2, 7, 31, 32, 33, 100, 301})
      EXPECT_EQ(resize(constant(3, 32, 45, value), side, side + 3).pixels,
                constant(3, side, side + 3, value).pixels)
          << int{value} << " at " << side;
}

TEST(Resize, OfTheSameSizeIsTheImage) {
  const Image image = noise(3, 13, 17, 1);
  EXPECT_EQ(resize(image, 13, 17).pixels, image.pixels);
}

TEST(Resize, ShrinksByAWholeFactorWithTheTriangle) {
  // Halving: weights 1/8, 3/8, 3/8, 1/8 over pixels 1 to 4 of 0 to 5.
  const Image image{{1, 1, 6}, {10, 20, 60, 100, 140, 200}};
  EXPECT_EQ(resize(image, 1, 3).pixels[1], std::lround((20 + 3 * 60 + 3 * 100 + 140) / 8.0));
}

TEST(Resize, EnlargesByInterpolation) {
  const Image image{{1, 1, 2}, {0, 100}};
  EXPECT_EQ(resize(image, 1, 4).pixels, (std::vector<uint8_t>{0, 25, 75, 100}));
}

TEST(Resize, KeepsARampInsideTheBorders) {
  Image image{{1, 1, 240}, {}};
  for (int x = 0; x < 240; ++x) image.pixels.push_back(static_cast<uint8_t>(x));
  const Image third = resize(image, 1, 80);
  for (size_t x = 1; x + 1 < 80; ++x) EXPECT_EQ(third.pixels[x], 3 * x + 1);
}

TEST(Resize, TreatsBothDirectionsAndChannelsAlike) {
  const Image image = noise(3, 20, 20, 2);
  const auto transposed = [](const Image& from) {
    Image to{{from.shape.channels, from.shape.width, from.shape.height}, from.pixels};
    const auto [channels, height, width] = to.shape;
    for (int c = 0; c < channels; ++c)
      for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
          to.pixels[static_cast<size_t>((c * height + y) * width + x)] =
              from.pixels[static_cast<size_t>((c * width + x) * height + y)];
    return to;
  };
  // Rounded after each direction, so within one.
  const Image a = resize(image, 9, 33);
  const Image b = transposed(resize(transposed(image), 33, 9));
  ASSERT_EQ(a.shape, b.shape);
  for (size_t i = 0; i < a.pixels.size(); ++i) EXPECT_LE(std::abs(a.pixels[i] - b.pixels[i]), 1);
}

TEST(ResizeAndCrop, TakesTheMiddleOfTheScaledImage) {
  const Image image = ramp(3, 40, 80);
  const Image result = resize_and_crop(image, 20, 16, 16);
  const Image whole = resize(image, 20, 40);
  ASSERT_EQ(result.shape, (ImageShape{3, 16, 16}));
  for (size_t c = 0; c < 3; ++c)
    for (size_t y = 0; y < 16; ++y)
      for (size_t x = 0; x < 16; ++x)
        EXPECT_EQ(result.pixels[(c * 16 + y) * 16 + x],
                  whole.pixels[(c * 20 + y + 2) * 40 + x + 12]);
}

TEST(ResizeAndCrop, ScalesTheWholeImageWithoutAShortSide) {
  const Image image = ramp(1, 40, 80);
  EXPECT_EQ(resize_and_crop(image, 0, 16, 16).pixels, resize(image, 16, 16).pixels);
}

TEST(ResizeAndCrop, RefusesACropLargerThanTheScaledImage) {
  EXPECT_TRUE(
      contains(error_of([] { resize_and_crop(ramp(1, 40, 80), 20, 16, 21); }), "at least 21"));
}

}  // namespace
}  // namespace vpunas
