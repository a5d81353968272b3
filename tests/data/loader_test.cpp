#include "data/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "tests/data/support.h"

namespace vpunas {
namespace {

constexpr ImageShape shape{3, 8, 6};

// Image i is noise of its own and has the label i.
ImageSet numbered(int count) {
  ImageSet images{shape, {}, {}};
  for (int i = 0; i < count; ++i) images.labels.push_back(i);
  images.load = [](int64_t index, uint8_t* pixels) {
    const Image image = noise(3, 8, 6, static_cast<uint64_t>(index));
    std::copy(image.pixels.begin(), image.pixels.end(), pixels);
  };
  return images;
}

std::vector<Batch> take(Loader& loader, int batches) {
  std::vector<Batch> result;
  for (int i = 0; i < batches; ++i) result.push_back(loader.next());
  return result;
}

std::vector<int64_t> labels_of(const std::vector<Batch>& batches) {
  std::vector<int64_t> labels;
  for (const Batch& batch : batches)
    labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
  return labels;
}

void expect_equal(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].count, b[i].count);
    EXPECT_EQ(a[i].labels, b[i].labels);
    EXPECT_EQ(a[i].pixels, b[i].pixels);
  }
}

TEST(LoaderSequence, IsTheSameForAnyNumberOfThreads) {
  Loader none(numbered(50), {2, true}, 8, 1, 0, 0);
  const std::vector<Batch> expected = take(none, 30);
  for (const int threads : {1, 3}) {
    Loader loader(numbered(50), {2, true}, 8, 1, 0, threads);
    expect_equal(take(loader, 30), expected);
    EXPECT_EQ(loader.position(), 30);
  }
}

TEST(LoaderSequence, IsTheSameFromTheMiddle) {
  Loader whole(numbered(50), {2, true}, 8, 1, 0, 1);
  const std::vector<Batch> all = take(whole, 30);
  for (const int threads : {0, 3}) {
    Loader rest(numbered(50), {2, true}, 8, 1, 17, threads);
    EXPECT_EQ(rest.position(), 17);
    expect_equal(take(rest, 13), {all.begin() + 17, all.end()});
  }
}

TEST(LoaderSequence, DependsOnTheSeed) {
  Loader one(numbered(50), {}, 50, 1, 0, 0);
  Loader two(numbered(50), {}, 50, 2, 0, 0);
  EXPECT_NE(one.next().labels, two.next().labels);
}

TEST(LoaderSequence, HoldsEveryImageOnceAnEpochInANewOrder) {
  Loader loader(numbered(50), {}, 8, 1, 0, 2);
  std::vector<int64_t> labels = labels_of(take(loader, 25));  // four epochs
  EXPECT_FALSE(std::equal(labels.begin(), labels.begin() + 50, labels.begin() + 50));
  for (int epoch = 0; epoch < 4; ++epoch) {
    const auto begin = labels.begin() + 50 * epoch;
    EXPECT_EQ(std::set<int64_t>(begin, begin + 50).size(), 50U);
  }
}

TEST(LoaderSequence, OfFewerImagesThanABatchRepeatsThem) {
  Loader loader(numbered(3), {1, true}, 8, 1, 0, 2);
  const Batch batch = loader.next();
  EXPECT_EQ(batch.count, 8);
  EXPECT_EQ(std::set<int64_t>(batch.labels.begin(), batch.labels.begin() + 3).size(), 3U);
}

TEST(Augmentation, WithoutAnyTheImagesAreAsLoaded) {
  Loader loader(numbered(20), {}, 20, 1, 0, 1);
  const Batch batch = loader.next();
  for (size_t i = 0; i < 20; ++i) {
    const Image expected = noise(3, 8, 6, static_cast<uint64_t>(batch.labels[i]));
    EXPECT_TRUE(
        std::equal(expected.pixels.begin(), expected.pixels.end(),
                   batch.pixels.begin() + static_cast<std::ptrdiff_t>(i * expected.pixels.size())));
  }
}

// Pixel (y, x) of channel c of the image after padding with black, cropping at (down, right) and
// mirroring.
int expected_pixel(const Image& image, int c, int y, int x, int down, int right, bool mirror) {
  const int from_y = y + down;
  const int from_x = (mirror ? shape.width - 1 - x : x) + right;
  if (from_y < 0 || from_y >= shape.height || from_x < 0 || from_x >= shape.width) return 0;
  return image.pixels[static_cast<size_t>((c * shape.height + from_y) * shape.width + from_x)];
}

TEST(Augmentation, GivesEachOfTheCropsAndMirrorsOnBlack) {
  constexpr int padding = 2;
  Loader loader(numbered(5), {padding, true}, 1000, 1, 0, 0);
  const Batch batch = loader.next();
  std::set<std::tuple<int, int, bool>> seen;
  for (int i = 0; i < batch.count; ++i) {
    const Image image = noise(3, 8, 6, static_cast<uint64_t>(batch.labels[static_cast<size_t>(i)]));
    const uint8_t* pixels = batch.pixels.data() + i * shape.bytes();
    const auto is_made_by = [&](int down, int right, bool mirror) {
      for (int c = 0, at = 0; c < shape.channels; ++c)
        for (int y = 0; y < shape.height; ++y)
          for (int x = 0; x < shape.width; ++x)
            if (pixels[at++] != expected_pixel(image, c, y, x, down, right, mirror)) return false;
      return true;
    };
    int matches = 0;
    for (int down = -padding; down <= padding; ++down)
      for (int right = -padding; right <= padding; ++right)
        for (const bool mirror : {false, true})
          if (is_made_by(down, right, mirror)) {
            seen.insert({down, right, mirror});
            ++matches;
          }
    ASSERT_EQ(matches, 1) << "image " << i;
  }
  EXPECT_EQ(seen.size(), 5U * 5 * 2);
}

TEST(Augmentation, SurvivesAPaddingWiderThanTheImage) {
  Loader loader(numbered(5), {64, true}, 200, 1, 0, 2);
  EXPECT_EQ(loader.next().count, 200);
}

// Two runs of an image differ, so an epoch does not repeat the last one's crops.
TEST(Augmentation, IsNewInEachEpoch) {
  Loader loader(numbered(1), {3, true}, 1, 1, 0, 0);
  std::set<std::string> kinds;
  for (int i = 0; i < 50; ++i) {
    const Batch batch = loader.next();
    kinds.emplace(batch.pixels.begin(), batch.pixels.end());
  }
  EXPECT_GT(kinds.size(), 20U);
}

ImageSet failing_at(int64_t bad) {
  ImageSet images = numbered(64);
  images.load = [bad](int64_t index, uint8_t*) {
    if (index == bad) fail("image ", index, " is corrupt");
  };
  return images;
}

TEST(LoaderErrors, AreRethrownWhereTheBatchIsDue) {
  for (const int threads : {0, 1, 3}) {
    Loader loader(failing_at(11), {}, 8, 1, 0, threads);
    int batches = 0;
    std::string error;
    while (error.empty() && batches < 9) {
      error = error_of([&] { loader.next(); });
      batches += error.empty();
    }
    EXPECT_EQ(error, "image 11 is corrupt");
    EXPECT_LT(batches, 8);
    EXPECT_EQ(loader.position(), batches);
    EXPECT_EQ(error_of([&] { loader.next(); }), "image 11 is corrupt");
  }
}

TEST(LoaderErrors, OfArgumentsAreErrors) {
  EXPECT_NE(error_of([] { Loader(ImageSet{}, {}, 8, 1, 0, 0); }), "");
  EXPECT_NE(error_of([] { Loader(numbered(5), {}, 0, 1, 0, 0); }), "");
  EXPECT_NE(error_of([] { Loader(numbered(5), {}, 8, 1, 0, -1); }), "");
  EXPECT_NE(error_of([] { SequentialLoader(numbered(5), 0, 0); }), "");
}

TEST(LoaderThreads, RunAheadButNotWithoutBound) {
  std::atomic<int> loads = 0;
  ImageSet images = numbered(64);
  images.load = [&](int64_t, uint8_t*) { ++loads; };
  Loader loader(images, {}, 8, 1, 0, 2);
  loader.next();
  for (int i = 0; i < 200 && loads < 5 * 8; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(loads, 5 * 8);
}

TEST(LoaderThreads, EndPromptlyInTheMiddleOfABatch) {
  ImageSet images = numbered(64);
  images.load = [](int64_t, uint8_t*) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  const auto start = std::chrono::steady_clock::now();
  {
    Loader loader(images, {}, 10000, 1, 0, 3);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(LoaderThreads, AreKeptByAMove) {
  Loader first(numbered(50), {}, 8, 1, 0, 2);
  first.next();
  Loader second = std::move(first);
  EXPECT_EQ(second.next().count, 8);
  second = Loader(numbered(5), {}, 4, 1, 0, 1);
  EXPECT_EQ(second.next().count, 4);
}

TEST(LoaderThreads, WaitingIsMeasured) {
  ImageSet images = numbered(4);
  images.load = [](int64_t, uint8_t*) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
  for (const int threads : {0, 1}) {
    Loader loader(images, {}, 4, 1, 0, threads);
    loader.next();
    EXPECT_GT(loader.waited_seconds(), 0.015);
    EXPECT_LT(loader.waited_seconds(), 1);
  }
}

TEST(SequentialLoader, GivesEveryImageOnceInOrder) {
  for (const int threads : {0, 1, 3}) {
    SequentialLoader loader(numbered(50), 8, threads);
    std::vector<int64_t> labels;
    int batches = 0;
    while (const std::optional<Batch> batch = loader.next()) {
      EXPECT_EQ(batch->count, batches++ < 6 ? 8 : 2);
      EXPECT_EQ(batch->pixels.size(), static_cast<size_t>(batch->count * shape.bytes()));
      for (size_t i = 0; i < batch->labels.size(); ++i)
        EXPECT_EQ(batch->pixels[i * static_cast<size_t>(shape.bytes())],
                  noise(3, 8, 6, static_cast<uint64_t>(batch->labels[i])).pixels[0]);
      labels.insert(labels.end(), batch->labels.begin(), batch->labels.end());
    }
    EXPECT_EQ(labels.size(), 50U);
    EXPECT_TRUE(std::is_sorted(labels.begin(), labels.end()));
    EXPECT_FALSE(loader.next());
  }
}

TEST(SequentialLoader, OfNoImagesGivesNone) {
  SequentialLoader loader(ImageSet{shape, {}, {}}, 8, 2);
  EXPECT_FALSE(loader.next());
}

TEST(SequentialLoader, RethrowsErrors) {
  for (const int threads : {0, 2}) {
    SequentialLoader loader(failing_at(11), 8, threads);
    loader.next();
    EXPECT_EQ(error_of([&] { loader.next(); }), "image 11 is corrupt");
  }
}

}  // namespace
}  // namespace vpunas
