#include "data/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/data/support.h"

namespace vpunas {
namespace {

const DataConfig synthetic{.format = "synthetic", .validation = 0.1};

std::map<int, int> counts(const std::vector<int>& labels) {
  std::map<int, int> result;
  for (const int label : labels) ++result[label];
  return result;
}

TEST(Subset, SharesThePixels) {
  const ImageSet images{{1, 1, 1}, {4, 5, 6}, [](int64_t i, uint8_t* pixel) {
                          *pixel = static_cast<uint8_t>(10 + i);
                        }};
  const ImageSet part = subset(subset(images, {2, 0, 1}), {1, 0});
  EXPECT_EQ(part.labels, (std::vector<int>{4, 6}));
  EXPECT_EQ(load(part, 0).pixels[0], 10);
  EXPECT_EQ(load(part, 1).pixels[0], 12);
}

TEST(Synthetic, HasBalancedClassesAndTheSizesPromised) {
  const Dataset data = read_dataset(synthetic, {3, 32, 32}, 1);
  EXPECT_EQ(data.name, "synthetic");
  EXPECT_EQ(data.classes.size(), 10U);
  EXPECT_EQ(data.train.size(), 1800);
  EXPECT_EQ(data.validation.size(), 200);
  EXPECT_EQ(data.test.size(), 500);
  for (const auto& [label, count] : counts(data.validation.labels)) EXPECT_EQ(count, 20) << label;
  for (const auto& [label, count] : counts(data.test.labels)) EXPECT_EQ(count, 50) << label;
  EXPECT_EQ(dataset_channels(synthetic), 3);
}

TEST(Synthetic, DependsOnTheSeedAlone) {
  const Dataset one = read_dataset(synthetic, {3, 24, 24}, 1);
  const Dataset again = read_dataset(synthetic, {3, 24, 24}, 1);
  const Dataset other = read_dataset(synthetic, {3, 24, 24}, 2);
  EXPECT_EQ(load(one.train, 17).pixels, load(again.train, 17).pixels);
  EXPECT_NE(load(one.test, 17).pixels, load(other.test, 17).pixels);
  EXPECT_NE(load(one.train, 0).pixels, load(one.test, 0).pixels);
}

TEST(Synthetic, IsToldApartByMeanColorAndInGreyToo) {
  for (const int channels : {1, 3}) {
    const ImageSet test = read_dataset(synthetic, {channels, 32, 32}, 1).test;
    for (int64_t i = 0; i < 50; ++i) {
      const Image image = load(test, i);
      const bool orange = test.labels[static_cast<size_t>(i)] < 5;
      // Noise lies in 64..127.
      const auto beyond = [&](auto is_beyond) {
        return std::count_if(image.pixels.begin(), image.pixels.begin() + 1024, is_beyond);
      };
      const auto brighter = beyond([](uint8_t v) { return v > 127; });
      const auto darker = beyond([](uint8_t v) { return v < 64; });
      EXPECT_GT(orange ? brighter : darker, 20) << "image " << i;
      EXPECT_EQ(orange ? darker : brighter, 0) << "image " << i;
    }
  }
}

TEST(Synthetic, WorksAtSmallAndOddSizes) {
  for (const auto& [height, width] : {std::pair{1, 1}, {4, 4}, {7, 19}, {96, 64}})
    EXPECT_EQ(load(read_dataset(synthetic, {3, height, width}, 1).train, 8).pixels.size(),
              static_cast<size_t>(3 * height * width));
}

TEST(Split, DependsOnTheSeedAndLosesNoImage) {
  const auto pixels_of = [](const ImageSet& images) {
    std::multiset<std::string> result;
    for (int64_t i = 0; i < images.size(); ++i) {
      const Image image = load(images, i);
      result.emplace(image.pixels.begin(), image.pixels.end());
    }
    return result;
  };
  DataConfig none = synthetic;
  none.validation = 0;
  const Dataset whole = read_dataset(none, {1, 8, 8}, 1);
  const Dataset parts = read_dataset(synthetic, {1, 8, 8}, 1);
  std::multiset<std::string> joined = pixels_of(parts.train);
  joined.merge(pixels_of(parts.validation));
  EXPECT_EQ(joined, pixels_of(whole.train));
}

TEST(SampleImages, HasEachClassInProportionAlsoOfSortedImages) {
  ImageSet sorted = read_dataset(synthetic, {3, 8, 8}, 1).train;
  std::sort(sorted.labels.begin(), sorted.labels.end());
  const ImageSet sample = sample_images(sorted, 100);
  ASSERT_EQ(sample.size(), 100);
  EXPECT_EQ(counts(sample.labels).size(), 10U);
  for (const auto& [label, images] : counts(sample.labels)) EXPECT_NEAR(images, 10, 1) << label;
  EXPECT_EQ(sample.labels, sample_images(sorted, 100).labels);
  EXPECT_EQ(sample_images(sorted, sorted.size() + 1).size(), sorted.size());
}

TEST(TestLimit, KeepsTheSharesOfTheClasses) {
  for (const int64_t limit : {1, 7, 100, 499, 500, 1000}) {
    DataConfig config = synthetic;
    config.test_limit = limit;
    const ImageSet test = read_dataset(config, {1, 8, 8}, 1).test;
    EXPECT_EQ(test.size(), std::min<int64_t>(limit, 500));
    for (const auto& [label, count] : counts(test.labels))
      EXPECT_NEAR(count, test.size() / 10.0, 1) << label;
  }
}

TEST(Dataset, OfAnImpossibleShapeOrFormatIsAnError) {
  EXPECT_NE(error_of([] { read_dataset(synthetic, {2, 8, 8}, 1); }), "");
  EXPECT_NE(error_of([] { read_dataset(synthetic, {3, 0, 8}, 1); }), "");
  EXPECT_TRUE(contains(error_of([] { read_dataset({.format = "tar", .path = "/"}, {3, 8, 8}, 1); }),
                       "tar is none of"));
}

}  // namespace
}  // namespace vpunas
