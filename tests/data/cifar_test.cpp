#include <gtest/gtest.h>

#include "tests/data/support.h"

namespace vpunas {
namespace {

constexpr size_t record = 3073;

// Five batches of twenty images and a test batch of ten; record i has the label i % 10 and noise of
// its own.
class Cifar : public testing::Test {
 protected:
  TemporaryFolder folder_;

  Cifar() {
    for (int batch = 1; batch <= 5; ++batch)
      write(cat("data_batch_", batch, ".bin"), records(20, batch));
    write("test_batch.bin", records(10, 6));
  }
  void write(const std::string& name, const std::string& bytes) const {
    write_quickly(folder_.path() / name, bytes);
  }
  static std::string records(int count, int seed) {
    const Image pixels = noise(count, 48, 64, static_cast<uint64_t>(seed));
    std::string bytes;
    for (int i = 0; i < count; ++i) {
      bytes.push_back(static_cast<char>(i % 10));
      bytes.append(pixels.pixels.begin() + i * 3072, pixels.pixels.begin() + (i + 1) * 3072);
    }
    return bytes;
  }
  Dataset read(const ImageShape& shape = {3, 32, 32}) const {
    return read_dataset({.path = folder_.path().string(), .validation = 0}, shape, 1);
  }
  std::string error() const {
    return error_of([&] { read(); });
  }
};

TEST_F(Cifar, IsReadRecordByRecord) {
  const Dataset data = read();
  EXPECT_EQ(data.name, "cifar10 " + folder_.path().string());
  ASSERT_EQ(data.train.size(), 100);
  ASSERT_EQ(data.test.size(), 10);
  EXPECT_EQ(data.classes[6], "frog");
  EXPECT_EQ(data.train.labels[47], 7);
  const Image image = load(data.train, 47);  // the seventh of the third batch
  const Image third = noise(20, 48, 64, 3);
  EXPECT_TRUE(
      std::equal(image.pixels.begin(), image.pixels.end(), third.pixels.begin() + 7 * 3072));
}

TEST_F(Cifar, BecomesGreyByLumaAndIsScaled) {
  const Image color = load(read().test, 4);
  const Image grey = load(read({1, 32, 32}).test, 4);
  for (size_t i = 0; i < 1024; ++i)
    EXPECT_NEAR(
        grey.pixels[i],
        0.299 * color.pixels[i] + 0.587 * color.pixels[1024 + i] + 0.114 * color.pixels[2048 + i],
        0.51);
  EXPECT_EQ(load(read({3, 16, 16}).test, 4).pixels, resize(color, 16, 16).pixels);
}

TEST_F(Cifar, TakesClassNamesFromItsFile) {
  write("batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  EXPECT_EQ(read().classes[9], "j");
  write("batches.meta.txt", "a\nb\n");
  EXPECT_TRUE(contains(error(), "batches.meta.txt: names 2 classes"));
}

TEST_F(Cifar, MissingBatchIsNamed) {
  for (const std::string name : {"data_batch_1.bin", "data_batch_4.bin", "test_batch.bin"}) {
    const std::string bytes = read_file(folder_.path() / name);
    fs::remove(folder_.path() / name);
    EXPECT_TRUE(contains(error(), name + ": missing"));
    write(name, bytes);
  }
}

TEST_F(Cifar, OfAWrongLengthIsAnErrorWithTheFile) {
  const std::string bytes = records(20, 1);
  for (const size_t size : {size_t{0}, size_t{1}, record - 1, record + 1, 20 * record - 1}) {
    write("data_batch_2.bin", bytes.substr(0, size));
    EXPECT_TRUE(contains(error(), "data_batch_2.bin: " + std::to_string(size) + " bytes")) << size;
  }
}

TEST_F(Cifar, WithALabelOutOfRangeIsAnErrorWithTheRecord) {
  std::string bytes = records(20, 1);
  bytes[3 * record] = 10;
  write("data_batch_5.bin", bytes);
  EXPECT_TRUE(contains(error(), "data_batch_5.bin: record 3 has the label 10"));
}

}  // namespace
}  // namespace vpunas
