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

// Fourteen training images and ten test images of CIFAR-100; record i has the label 7 i.
class Cifar100 : public testing::Test {
 protected:
  TemporaryFolder folder_;

  Cifar100() { write("train.bin", records(14, 1)), write("test.bin", records(10, 2)); }
  void write(const std::string& name, const std::string& bytes) const {
    write_quickly(folder_.path() / name, bytes);
  }
  static std::string records(int count, int seed) {
    std::string bytes;
    for (int i = 0; i < count; ++i) {
      const Image image = noise(3, 32, 32, static_cast<uint64_t>(100 * seed + i));
      bytes.push_back(static_cast<char>(19));  // the superclass
      bytes.push_back(static_cast<char>(7 * i));
      bytes.append(image.pixels.begin(), image.pixels.end());
    }
    return bytes;
  }
  Dataset read() const {
    return read_dataset({.path = folder_.path().string(), .validation = 0}, {3, 32, 32}, 1);
  }
};

TEST_F(Cifar100, IsReadByItsFineLabels) {
  const Dataset data = read();
  EXPECT_EQ(data.name, "cifar100 " + folder_.path().string());
  ASSERT_EQ(data.train.size(), 14);
  EXPECT_EQ(data.train.labels[13], 91);
  EXPECT_EQ(load(data.train, 13).pixels, noise(3, 32, 32, 113).pixels);
  EXPECT_EQ(load(data.test, 9).pixels, noise(3, 32, 32, 209).pixels);
  ASSERT_EQ(data.classes.size(), 100U);
  EXPECT_EQ(data.classes[91], "91");
}

TEST_F(Cifar100, TakesClassNamesFromItsFile) {
  std::string names;
  for (int i = 0; i < 100; ++i) names += cat("fish ", i, "\n");
  write("fine_label_names.txt", names);
  EXPECT_EQ(read().classes[42], "fish 42");
  write("fine_label_names.txt", "fish\n");
  EXPECT_TRUE(contains(error_of([&] { read(); }), "names 1 classes, not 100"));
}

TEST_F(Cifar100, WithFaultsIsAnErrorWithTheFile) {
  write("train.bin", records(3, 1) + "x");
  EXPECT_TRUE(contains(error_of([&] { read(); }), "train.bin: 9223 bytes"));
  std::string bad = records(3, 1);
  bad[3074 + 1] = 100;
  write("train.bin", bad);
  EXPECT_TRUE(contains(error_of([&] { read(); }), "record 1 has the label 100"));
  fs::remove(folder_.path() / "train.bin");
  EXPECT_TRUE(contains(error_of([&] { read(); }), "fetch CIFAR-100's binary version"));
}

// Windows are cut out of the record, not out of the scaled image.
TEST_F(Cifar100, WindowsComeFromTheRecords) {
  const Dataset data =
      read_dataset({.path = folder_.path().string(), .validation = 0}, {3, 16, 16}, 1);
  std::vector<uint8_t> pixels(3 * 16 * 16);
  const ImageWindow window{16, 0, 16, 16};
  data.train.load_window(2, [&](int, int) { return window; }, pixels.data());
  EXPECT_EQ(pixels, crop(noise(3, 32, 32, 102), window).pixels);
}

}  // namespace
}  // namespace vpunas
