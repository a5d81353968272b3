#include "data/inspect.h"

#include <gtest/gtest.h>

#include "tests/data/support.h"

namespace vpunas {
namespace {

TEST(Inspect, CountsWhatAFolderHolds) {
  const TemporaryFolder folder;
  const auto put = [&](const char* name, const std::string& bytes) {
    write_quickly(folder.path() / name, bytes);
  };
  put("train/a/1.png", encode_png(noise(3, 10, 12, 1)));
  put("train/a/2.jpg", encode_jpeg(noise(3, 10, 12, 2)));
  put("train/b/1.png", encode_png(noise(1, 20, 9, 3)));
  put("train/b/2.png", encode_png(noise(3, 10, 12, 4)).substr(0, 200));
  put("test/a/1.png", encode_png(noise(3, 10, 12, 5)));
  put("test/b/5.png", encode_png(noise(3, 10, 12, 1)));  // train/a/1.png
  put("test/b/6.jpg", "rubbish");
  const Inspection found = inspect({.path = folder.path().string()});
  EXPECT_EQ(found.name, "folder " + folder.path().string());
  EXPECT_EQ(found.classes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(found.train, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(found.test, (std::vector<int64_t>{1, 1}));
  EXPECT_EQ(found.formats, (std::map<std::string, int64_t>{{"JPEG", 1}, {"PNG", 4}}));
  EXPECT_EQ(found.channels, (std::map<int, int64_t>{{1, 1}, {3, 4}}));
  EXPECT_EQ(found.sizes, (std::map<std::pair<int, int>, int64_t>{{{10, 12}, 4}, {{20, 9}, 1}}));
  ASSERT_EQ(found.bad.size(), 2U);
  EXPECT_TRUE(contains(found.bad[0], "train/b/2.png: "));
  EXPECT_TRUE(contains(found.bad[1], "test/b/6.jpg: neither"));
  ASSERT_EQ(found.shared.size(), 1U);
  EXPECT_TRUE(found.shared[0].first.ends_with("train/a/1.png"));
  EXPECT_TRUE(found.shared[0].second.ends_with("test/b/5.png"));
}

TEST(Inspect, CountsWhatIdxFilesHold) {
  const TemporaryFolder folder;
  const auto put = [&](const std::string& part, int first) {
    std::string pixels, labels;
    for (int i = first; i < first + 4; ++i) {
      const Image image = noise(1, 5, 6, static_cast<uint64_t>(i));
      pixels.append(image.pixels.begin(), image.pixels.end());
      labels.push_back(static_cast<char>(i % 2));
    }
    write_quickly(folder.path() / (part + "-images-idx3-ubyte"), idx_bytes({4, 5, 6}, pixels));
    write_quickly(folder.path() / (part + "-labels-idx1-ubyte"), idx_bytes({4}, labels));
  };
  put("train", 0), put("t10k", 3);
  const Inspection found = inspect({.path = folder.path().string()});
  EXPECT_EQ(found.train, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(found.formats, (std::map<std::string, int64_t>{{"IDX", 8}}));
  EXPECT_EQ(found.sizes, (std::map<std::pair<int, int>, int64_t>{{{5, 6}, 8}}));
  ASSERT_EQ(found.shared.size(), 1U);
  EXPECT_EQ(found.shared[0],
            (std::pair<std::string, std::string>{"training image 3", "test image 0"}));
  EXPECT_TRUE(found.bad.empty());
}

TEST(Inspect, NeedsFiles) {
  EXPECT_TRUE(contains(error_of([] { inspect({.format = "synthetic"}); }), "no files"));
  EXPECT_NE(error_of([] { inspect({.path = "/nowhere"}); }), "");
}

}  // namespace
}  // namespace vpunas
