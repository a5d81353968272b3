#include "data/augment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "data/loader.h"
#include "tests/data/support.h"

namespace vpunas {
namespace {

constexpr ImageShape cifar{3, 32, 32};

// Images whose values are 60 to 180; image i has the label i.
ImageSet images_of(int count) {
  ImageSet images{cifar, {}, {}};
  for (int i = 0; i < count; ++i) images.labels.push_back(i);
  images.load = [](int64_t index, uint8_t* pixels) {
    const Image image = noise(3, 32, 32, static_cast<uint64_t>(index));
    for (const uint8_t value : image.pixels) *pixels++ = static_cast<uint8_t>(60 + value % 121);
  };
  return images;
}

std::vector<uint8_t> augmented(const Augmentation& augmentation, uint64_t seed) {
  std::vector<uint8_t> scratch, pixels(static_cast<size_t>(cifar.bytes()));
  load_augmented(images_of(1), 0, augmentation, Random{seed}, scratch, pixels.data());
  return pixels;
}

std::vector<double> all(const Augmentation& augmentation, int count) {
  std::vector<double> shares;  // of the pixels that changed
  const auto plain = augmented({}, 0);
  for (int i = 0; i < count; ++i) {
    const auto pixels = augmented(augmentation, static_cast<uint64_t>(i));
    double changed = 0;
    for (size_t p = 0; p < pixels.size(); ++p) changed += pixels[p] != plain[p];
    shares.push_back(changed / static_cast<double>(pixels.size()));
  }
  return shares;
}

// Committed figures rest on them: the bytes are those of the program before it knew more.
TEST(Augmentation, KeepsTheCropsAndFlipsOfEarlierRuns) {
  ImageSet images{{3, 8, 6}, {}, {}};
  for (int i = 0; i < 50; ++i) images.labels.push_back(i);
  images.load = [](int64_t index, uint8_t* pixels) {
    Random random{static_cast<uint64_t>(index)};
    for (int i = 0; i < 3 * 8 * 6; ++i) *pixels++ = static_cast<uint8_t>(random.next());
  };
  const auto hash = [&](const Augmentation& augmentation) {
    const Batch batch = Loader(images, augmentation, 120, 5, 1, 0).next();
    return content_hash({reinterpret_cast<const char*>(batch.pixels.data()), batch.pixels.size()});
  };
  EXPECT_EQ(hash({}), "93b87dc54ca4969a");
  EXPECT_EQ(hash({.flip = true}), "56464f5d5b486732");
  EXPECT_EQ(hash({.crop_padding = 2}), "3473577823a12dce");
  EXPECT_EQ(hash({.crop_padding = 2, .flip = true}), "3056d0b6db6470fc");
}

// Whatever is on, images come from the seed and the number in the sequence alone.
TEST(Augmentation, IsTheSameForEveryNumberOfThreadsAndWhenResumed) {
  const Augmentation everything{.flip = true,
                                .random_resized_crop = true,
                                .rand_augment = 2,
                                .rand_augment_magnitude = 15,
                                .color_jitter = 0.4,
                                .erase = 0.5};
  Loader alone(images_of(20), everything, 8, 3, 0, 0);
  Loader threaded(images_of(20), everything, 8, 3, 0, 3);
  Loader resumed(images_of(20), everything, 8, 3, 4, 1);
  for (int i = 0; i < 6; ++i) {
    const Batch batch = alone.next();
    EXPECT_EQ(batch.pixels, threaded.next().pixels);
    if (i >= 4) {
      EXPECT_EQ(batch.pixels, resumed.next().pixels);
    }
  }
}

TEST(Augmentation, EachOneChangesImagesInItsOwnWay) {
  const std::vector<Augmentation> kinds{{.crop_padding = 4},           {.flip = true},
                                        {.random_resized_crop = true}, {.rand_augment = 2},
                                        {.color_jitter = .3},          {.erase = 1}};
  for (const Augmentation& kind : kinds) {
    std::set<std::vector<uint8_t>> results;
    for (uint64_t seed = 0; seed < 40; ++seed) results.insert(augmented(kind, seed));
    EXPECT_GE(results.size(), kind.flip ? 2U : 20U);
  }
}

TEST(Augmentation, ErasesRectanglesOfTheAskedSizeInTheAskedShareOfImages) {
  const std::vector<double> shares = all({.erase = 0.25}, 2000);
  double erased = 0;
  for (const double share : shares) {
    erased += share > 0;
    EXPECT_LT(share, 0.34);
    EXPECT_TRUE(share == 0 || share > 0.015) << share;
  }
  EXPECT_NEAR(erased / 2000, 0.25, 0.03);
}

TEST(Augmentation, JitterKeepsWithinItsFactors) {
  const auto plain = augmented({}, 0);
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto pixels = augmented({.color_jitter = 0.1}, seed);
    EXPECT_NE(pixels, plain);
    // Brightness alone is 180 x 0.1; contrast and saturation add as much of a distance below 121.
    for (size_t i = 0; i < pixels.size(); ++i) EXPECT_NEAR(pixels[i], plain[i], 18 + 13 + 13);
  }
}

TEST(Augmentation, CropsWindowsOfTheAskedAreaAndRatio) {
  ImageSet images{cifar, {0}, {}};
  std::vector<ImageWindow> windows;
  images.load_window = [&](int64_t, const ChooseWindow& choose, uint8_t*) {
    windows.push_back(choose(300, 400));
  };
  std::vector<uint8_t> scratch, pixels(static_cast<size_t>(cifar.bytes()));
  const Augmentation augmentation{
      .random_resized_crop = true, .crop_scale = {0.2, 0.6}, .crop_ratio = {0.5, 1}};
  for (uint64_t seed = 0; seed < 1000; ++seed)
    load_augmented(images, 0, augmentation, Random{seed}, scratch, pixels.data());
  double mean_area = 0;
  for (const auto [top, left, height, width] : windows) {
    EXPECT_TRUE(top >= 0 && left >= 0 && top + height <= 300 && left + width <= 400);
    const double area = height * width / (300.0 * 400);
    const double ratio = static_cast<double>(width) / height;
    EXPECT_TRUE(area > 0.195 && area < 0.605) << area;
    EXPECT_TRUE(ratio > 0.49 && ratio < 1.01) << ratio;
    mean_area += area / 1000;
  }
  EXPECT_NEAR(mean_area, 0.37, 0.03);  // below 0.4, as large narrow ones do not fit
}

// As torchvision's: the whole image where no window fits.
TEST(Augmentation, CropsTheMiddleWhereNoWindowFits) {
  ImageSet images{cifar, {0}, {}};
  ImageWindow window;
  images.load_window = [&](int64_t, const ChooseWindow& choose, uint8_t*) {
    window = choose(10, 1000);
  };
  std::vector<uint8_t> scratch, pixels(static_cast<size_t>(cifar.bytes()));
  load_augmented(images, 0, {.random_resized_crop = true, .crop_scale = {0.9, 1}}, Random{1},
                 scratch, pixels.data());
  EXPECT_EQ(window.height, 10);
  EXPECT_EQ(window.width, 13);
  EXPECT_EQ(window.left, 493);
}

TEST(Augmentation, SettingsThatContradictAreErrors) {
  const auto error = [](const Augmentation& augmentation) {
    return error_of([&] { check(augmentation); });
  };
  EXPECT_EQ(error({}), "");
  EXPECT_TRUE(contains(error({.crop_scale = {0.5}}), "augment.crop_scale"));
  EXPECT_TRUE(contains(error({.crop_ratio = {2, 1}}), "augment.crop_ratio"));
  EXPECT_TRUE(contains(error({.crop_padding = 2, .random_resized_crop = true}), "set one"));
}

}  // namespace
}  // namespace vpunas
