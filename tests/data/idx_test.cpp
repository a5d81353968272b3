#include <gtest/gtest.h>

#include <set>

#include "tests/data/support.h"

namespace vpunas {
namespace {

const char* const files[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                             "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

// Forty training and ten test images of 6 x 8 pixels and five classes.
class Idx : public testing::Test {
 protected:
  TemporaryFolder folder_;
  Image train_ = noise(40, 6, 8, 1);  // a channel an image
  Image test_ = noise(10, 6, 8, 2);

  Idx() {
    for (const char* file : files) write_quickly(folder_.path() / file, good(file));
  }
  static std::string labels(int count) {
    std::string result;
    for (int i = 0; i < count; ++i) result.push_back(static_cast<char>(i % 5));
    return result;
  }
  std::string good(const std::string& file) const {
    const bool train = file.starts_with("train");
    const Image& images = train ? train_ : test_;
    const auto count = static_cast<uint32_t>(images.shape.channels);
    if (file.find("labels") != std::string::npos)
      return idx_bytes({count}, labels(static_cast<int>(count)));
    return idx_bytes({count, 6, 8}, {images.pixels.begin(), images.pixels.end()});
  }
  Dataset read(const ImageShape& shape = {1, 6, 8}, double validation = 0) const {
    return read_dataset(
        {.format = "idx", .path = folder_.path().string(), .validation = validation}, shape, 1);
  }
  // The error of reading with `bytes` in the place of `file`.
  std::string error_with(const std::string& file, const std::string& bytes) const {
    write_quickly(folder_.path() / file, bytes);
    const std::string error = error_of([&] { read(); });
    write_quickly(folder_.path() / file, good(file));
    return error;
  }
};

TEST_F(Idx, IsReadImageByImage) {
  const Dataset data = read();
  ASSERT_EQ(data.train.size(), 40);
  ASSERT_EQ(data.test.size(), 10);
  EXPECT_EQ(data.validation.size(), 0);
  EXPECT_EQ(data.classes, (std::vector<std::string>{"0", "1", "2", "3", "4"}));
  EXPECT_EQ(data.train.labels[7], 2);
  const Image seventh = load(data.train, 7);
  EXPECT_TRUE(
      std::equal(seventh.pixels.begin(), seventh.pixels.end(), train_.pixels.begin() + 7 * 48));
}

TEST_F(Idx, IsReadCompressedToo) {
  for (const char* file : files) {
    fs::remove(folder_.path() / file);
    write_quickly(folder_.path() / (std::string(file) + ".gz"), gzip(good(file)));
  }
  const Dataset data = read();
  const Image last = load(data.test, 9);
  EXPECT_TRUE(std::equal(last.pixels.begin(), last.pixels.end(), test_.pixels.end() - 48));
}

TEST_F(Idx, IsCentredOnBlackInAShapeALittleLarger) {
  const Image image = load(read({3, 8, 10}).train, 3);
  for (size_t c = 0; c < 3; ++c)
    for (size_t y = 0; y < 8; ++y)
      for (size_t x = 0; x < 10; ++x) {
        const bool border = y == 0 || y == 7 || x == 0 || x == 9;
        EXPECT_EQ(image.pixels[(c * 8 + y) * 10 + x],
                  border ? 0 : train_.pixels[3 * 48 + (y - 1) * 8 + x - 1]);
      }
}

TEST_F(Idx, IsScaledToOtherShapes) {
  const Image third{{1, 6, 8}, {train_.pixels.begin() + 3 * 48, train_.pixels.begin() + 4 * 48}};
  for (const auto& [height, width] : {std::pair{12, 16}, {3, 4}, {8, 30}}) {
    const Image image = load(read({1, height, width}).train, 3);
    EXPECT_EQ(image.pixels, resize(third, height, width).pixels) << height << "x" << width;
  }
}

TEST_F(Idx, ClassNamesAreThoseOfFashionWhereThePathSaysSo) {
  const fs::path folder = folder_.path() / "Fashion";
  for (const char* file : files) {
    const bool train = std::string(file).starts_with("train");
    const uint32_t count = train ? 20 : 10;
    std::string labels;
    for (uint32_t i = 0; i < count; ++i) labels.push_back(static_cast<char>(i % 10));
    write_quickly(folder / file, std::string(file).find("labels") != std::string::npos
                                     ? idx_bytes({count}, labels)
                                     : idx_bytes({count, 2, 2}, std::string(4 * count, 'x')));
  }
  const Dataset data = read_dataset({.path = folder.string(), .validation = 0}, {1, 2, 2}, 1);
  EXPECT_EQ(data.name, "idx " + folder.string());
  EXPECT_EQ(data.classes.front(), "T-shirt/top");
  EXPECT_EQ(data.classes.back(), "Ankle boot");
}

TEST_F(Idx, CutOffAnywhereIsAnErrorWithTheFile) {
  for (const std::string file : files)
    for (const bool compressed : {false, true}) {
      const std::string bytes = compressed ? gzip(good(file)) : good(file);
      for (size_t size = 0; size < bytes.size(); size += bytes.size() < 200 || size < 40 ? 1 : 37)
        EXPECT_TRUE(contains(error_with(file, bytes.substr(0, size)), file))
            << file << " cut at " << size;
    }
}

TEST_F(Idx, WithAWrongHeaderIsAnErrorWithTheFile) {
  const std::string images = files[0];
  const std::string pixels(40 * 48, 'x');
  EXPECT_TRUE(
      contains(error_with(images, "\x89PNG and so on, longer than a header"), "not an IDX file"));
  EXPECT_TRUE(contains(error_with(images, good(files[1])), "not an IDX file"));
  EXPECT_TRUE(contains(error_with(images, idx_bytes({40, 6, 9}, pixels)), "shorter"));
  EXPECT_TRUE(contains(error_with(images, idx_bytes({40, 6, 7}, pixels)), "longer"));
  EXPECT_TRUE(contains(error_with(images, idx_bytes({0, 6, 8}, "")), "no data"));
  EXPECT_TRUE(contains(error_with(images, idx_bytes({0xffffffff, 0xffffffff, 0xffffffff}, pixels)),
                       "shorter"));
  EXPECT_TRUE(contains(error_with(images, gzip(idx_bytes({0xffffffff, 6, 8}, pixels))), "shorter"));
  EXPECT_TRUE(contains(error_with(images, idx_bytes({39, 6, 8}, pixels.substr(48))),
                       "40 labels for 39 images"));
  EXPECT_TRUE(
      contains(error_with(images, idx_bytes({1, 1, 5000}, std::string(5000, 'x'))), "larger than"));
}

TEST_F(Idx, WithACorruptChecksumIsAnError) {
  std::string bytes = gzip(good(files[0]));
  bytes[bytes.size() - 6] ^= 1;
  EXPECT_TRUE(contains(error_with(files[0], bytes), "truncated or corrupt"));
}

TEST_F(Idx, WithALabelOutOfRangeIsAnError) {
  std::string bytes = good(files[1]);
  bytes[20] = static_cast<char>(200);
  EXPECT_TRUE(contains(error_with(files[1], bytes), "go up to 200 but none is 5"));
  bytes = good(files[3]);
  bytes[10] = 5;
  EXPECT_TRUE(contains(error_with(files[3], bytes), "test label 5 is out of range"));
}

TEST_F(Idx, MissingFileIsNamed) {
  for (const std::string file : files) {
    fs::remove(folder_.path() / file);
    EXPECT_TRUE(contains(error_of([&] { read(); }), file + "[.gz]: missing")) << file;
    write_quickly(folder_.path() / file, good(file));
  }
}

TEST_F(Idx, SurvivesMutations) {
  Random random{11};
  for (int i = 0; i < 600; ++i) {
    const std::string file = files[random.below(4)];
    const bool compressed = random.below(2) == 1;
    error_with(file, mutated(compressed ? gzip(good(file)) : good(file), random));
  }
}

TEST(FashionMnist, HasItsImagesAndClasses) {
  const DataConfig config;
  if (!fs::exists(config.path))
    GTEST_SKIP() << "the package dataset-fashion-mnist is not installed";
  const Dataset data = read_dataset(config, {3, 32, 32}, 1);
  EXPECT_EQ(data.train.size(), 54000);
  EXPECT_EQ(data.validation.size(), 6000);
  EXPECT_EQ(data.test.size(), 10000);
  EXPECT_EQ(dataset_channels(config), 1);
  ASSERT_EQ(data.classes.size(), 10U);
  EXPECT_EQ(data.classes[9], "Ankle boot");
  const auto count = [](const ImageSet& images, int label) {
    return std::count(images.labels.begin(), images.labels.end(), label);
  };
  for (int label = 0; label < 10; ++label) {
    EXPECT_EQ(count(data.train, label), 5400);
    EXPECT_EQ(count(data.validation, label), 600);
    EXPECT_EQ(count(data.test, label), 1000);
  }
  // The first test image is an ankle boot: dark above, bright below.
  EXPECT_EQ(data.test.labels.front(), 9);
  const Image boot = load(data.test, 0);
  const auto sum = [&](size_t first_row, size_t rows) {
    int64_t total = 0;
    for (size_t i = first_row * 32; i < (first_row + rows) * 32; ++i) total += boot.pixels[i];
    return total;
  };
  EXPECT_EQ(sum(0, 2), 0);
  EXPECT_GT(sum(16, 8), 2 * sum(2, 8));
}

}  // namespace
}  // namespace vpunas
