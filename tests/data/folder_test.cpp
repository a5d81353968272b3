#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "data/loader.h"
#include "tests/data/support.h"

namespace vpunas {
namespace {

class ImageFolder : public testing::Test {
 protected:
  TemporaryFolder folder_;
  fs::path root_ = folder_.path();
  std::vector<std::string> warnings_;

  // A PNG whose pixels all are `value`.
  void put(const std::string& name, uint8_t value = 100, int channels = 3) const {
    write_quickly(root_ / name, encode_png(constant(channels, 9, 12, value)));
  }
  void put_many(const std::string& folder, int count) const {
    for (int i = 0; i < count; ++i)
      put(folder + "/" + std::to_string(i) + ".png", static_cast<uint8_t>(i));
  }
  Dataset read(const ImageShape& shape = {3, 8, 8}, uint64_t seed = 1, double validation = 0) {
    const Work work{.report = [&](const Event& event) {
      if (event.kind == Event::Kind::warning) warnings_.push_back(event.what);
    }};
    return read_dataset({.path = root_.string(), .validation = validation}, shape, seed, work);
  }
  std::string error() {
    return error_of([&] { read(); });
  }
};

TEST_F(ImageFolder, IsReadInNaturalOrder) {
  for (const char* name : {"class10", "class2", "Class1", "class02"}) {
    put(std::string("train/") + name + "/img10.png", 10);
    put(std::string("train/") + name + "/img9.PNG", 9);
    put(std::string("test/") + name + "/a.png", 5);
  }
  const Dataset data = read();
  EXPECT_EQ(data.name, "folder " + root_.string());
  EXPECT_EQ(data.classes, (std::vector<std::string>{"Class1", "class02", "class2", "class10"}));
  EXPECT_EQ(data.train.labels, (std::vector<int>{0, 0, 1, 1, 2, 2, 3, 3}));
  EXPECT_EQ(load(data.train, 0).pixels, constant(3, 8, 8, 9).pixels);
  EXPECT_EQ(load(data.train, 7).pixels, constant(3, 8, 8, 10).pixels);
  EXPECT_EQ(data.test.labels, (std::vector<int>{0, 1, 2, 3}));
}

TEST_F(ImageFolder, ReadsJpegAndCropsTheMiddle) {
  const Image image = ramp(3, 64, 96);
  write_quickly(root_ / "train/a/1.jpg", encode_jpeg(image));
  write_quickly(root_ / "train/b/1.JPEG", encode_jpeg(image));
  put("test/a/1.png");
  const Dataset data = read({3, 32, 32});
  EXPECT_LT(mean_difference(load(data.train, 1), resize_and_crop(image, 32, 32, 32)), 2);
}

TEST_F(ImageFolder, TakesValWhereThereIsNoTest) {
  put("train/a/1.png"), put("train/b/1.png"), put("val/b/1.png", 77);
  EXPECT_EQ(load(read().test, 0).pixels, constant(3, 8, 8, 77).pixels);
  put("test/a/1.png", 78);
  EXPECT_EQ(load(read().test, 0).pixels, constant(3, 8, 8, 78).pixels);
}

TEST_F(ImageFolder, PartsHaveManyNamesInAnyCapitals) {
  for (const auto& [train, test] :
       {std::pair{"Train", "Test"}, {"TRAINING", "valid"}, {"train", "Validation"}}) {
    put(cat(train, "/a/1.png")), put(cat(train, "/b/1.png")), put(cat(test, "/b/1.png"), 77);
    EXPECT_EQ(read().train.size(), 2) << train;
    EXPECT_EQ(load(read().test, 0).pixels, constant(3, 8, 8, 77).pixels) << test;
    fs::remove_all(root_ / train), fs::remove_all(root_ / test);
  }
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(ImageFolder, ValBesideTestIsTheValidationPart) {
  put_many("train/a", 9), put_many("train/b", 9), put("valid/b/1.png", 70), put("test/b/1.png", 80);
  const Dataset data = read({3, 8, 8}, 1, 0.1);
  EXPECT_EQ(data.train.size(), 18);
  EXPECT_EQ(load(data.validation, 0).pixels, constant(3, 8, 8, 70).pixels);
  EXPECT_EQ(load(data.test, 0).pixels, constant(3, 8, 8, 80).pixels);
  EXPECT_TRUE(warnings_.empty());
  EXPECT_EQ(read().validation.size(), 0);
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_TRUE(contains(warnings_[0], "the 1 images of its validation part are not used"));
  put("val/a/1.png");
  EXPECT_TRUE(contains(error(), "val/ and valid/, which are the same part"));
}

TEST_F(ImageFolder, WhatLiesBesideThePartsIsNamed) {
  put_many("train/a", 20), put_many("train/b", 20);
  put("test/1.png"), put("test/2.png"), put("extra/a/1.png");
  write_quickly(root_ / "labels.csv", "x");
  EXPECT_EQ(read().train.size(), 36);
  ASSERT_EQ(warnings_.size(), 2U);
  EXPECT_TRUE(contains(warnings_[0], "test/: its 2 files are left out"));
  EXPECT_TRUE(contains(warnings_[1], "extra/, labels.csv"));
}

TEST_F(ImageFolder, WhatSystemsLeaveIsNoClass) {
  put_many("a", 20), put_many("b", 20), put("@eaDir/SYNO_THUMB.jpg"), put("a/@eaDir/x.png");
  EXPECT_EQ(read().classes, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_TRUE(contains(warnings_[0], "ignored 2 entries (2 of the system's)"));
}

TEST_F(ImageFolder, ImagesAreKnownByContentAndOthersCountedByEnding) {
  put("train/a/1.jfif"), put("train/a/scan"), put("train/b/1.png"), put("test/a/1.png");
  for (const char* file : {"1.webp", "2.WEBP", "3.heic"})
    write_quickly(root_ / "train/b" / file, "RIFFxxxxWEBP");
  EXPECT_EQ(read().train.size(), 3);
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_TRUE(contains(warnings_[0], "ignored 3 entries (1 .heic, 2 .webp), first"));
  EXPECT_TRUE(contains(warnings_[0], "convert"));
}

TEST_F(ImageFolder, NestedClassesSayWhatToDo) {
  put("train/bird/eagle/1.png"), put("train/bird/owl/1.png");
  EXPECT_TRUE(contains(error(), "train/bird: holds folders (eagle, owl) and no images"));
}

TEST_F(ImageFolder, WithoutATestPartHoldsOutATenthThatNoSeedChanges) {
  put_many("a", 30), put_many("b", 20);
  const Dataset one = read({3, 8, 8}, 1);
  const Dataset two = read({3, 8, 8}, 2);
  EXPECT_EQ(one.train.size(), 45);
  EXPECT_EQ(one.test.labels, (std::vector<int>{0, 0, 0, 1, 1}));
  for (int64_t i = 0; i < 5; ++i) EXPECT_EQ(load(one.test, i).pixels, load(two.test, i).pixels);
  fs::create_directory(root_ / "train");
  fs::rename(root_ / "a", root_ / "train/a");
  fs::rename(root_ / "b", root_ / "train/b");
  EXPECT_EQ(read().test.size(), 5);
}

TEST_F(ImageFolder, WithValAloneSaysWhatToDo) {
  put("val/a/1.png"), put("val/b/1.png");
  EXPECT_TRUE(contains(error(), "no train/"));
}

TEST_F(ImageFolder, SkipsHiddenFilesAndWarnsOnceOfOthers) {
  put("train/a/1.png"), put("train/b/1.png"), put("test/a/1.png");
  write_quickly(root_ / "train/a/.DS_Store", "x");
  write_quickly(root_ / "train/.hidden/x.png", "x");
  EXPECT_EQ(read().classes.size(), 2U);
  EXPECT_TRUE(warnings_.empty());
  write_quickly(root_ / "train/a/readme.txt", "x");
  write_quickly(root_ / "train/b/deeper/x.png", "x");
  EXPECT_EQ(read().train.size(), 2);
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_TRUE(contains(warnings_[0], "ignored 2 entries"));
  EXPECT_TRUE(contains(warnings_[0], "readme.txt"));
}

TEST_F(ImageFolder, EmptyClassIsAnError) {
  put("train/a/1.png"), put("train/b/1.png"), put("test/a/1.png");
  fs::create_directories(root_ / "train/c");
  EXPECT_TRUE(contains(error(), "train/c: holds no"));
  write_quickly(root_ / "train/c/notes.txt", "x");
  EXPECT_TRUE(contains(error(), "train/c: holds no"));
}

TEST_F(ImageFolder, TestClassThatTrainLacksIsAnError) {
  put("train/a/1.png"), put("train/b/1.png"), put("test/c/1.png");
  EXPECT_TRUE(contains(error(), "test/c: no such class"));
}

TEST_F(ImageFolder, SingleClassIsAnError) {
  put_many("a", 20);
  EXPECT_TRUE(contains(error(), "at least two"));
}

TEST_F(ImageFolder, ClassesOfOneImageCannotBeSplit) {
  for (int i = 0; i < 20; ++i) put("class" + std::to_string(i) + "/1.png");
  EXPECT_TRUE(contains(error(), "too few images of the class"));
}

TEST_F(ImageFolder, FirstCorruptImageIsNamed) {
  put_many("train/a", 30), put_many("train/b", 30), put("test/a/1.png");
  for (const char* bad : {"a/9.png", "b/20.png", "b/29.png"})
    write_quickly(root_ / "train" / bad, "rubbish");
  for (int i = 0; i < 20; ++i) {
    const std::string message = error();
    EXPECT_TRUE(contains(message, "train/a/9.png: neither a JPEG nor a PNG")) << message;
    EXPECT_TRUE(contains(message, "remove"));
  }
}

TEST_F(ImageFolder, TooLargeForMemoryIsDecodedAtEachLoad) {
  put_many("train/a", 21), put_many("train/b", 21), put("test/a/1.png");
  write_quickly(root_ / "train/b/2.png", "rubbish");
  const Dataset data = read({3, 4096, 4096});  // 43 images of 48 MiB
  EXPECT_EQ(load(data.train, 4).pixels.back(), 4);
  EXPECT_TRUE(contains(error_of([&] { load(data.train, 23); }), "train/b/2.png"));
}

// Images that cannot be decoded, with on_bad_image = "skip".
class BadImages : public ImageFolder {
 protected:
  BadImages() {
    put_many("train/a", 20), put_many("train/b", 20), put_many("test/a", 5), put_many("test/b", 5);
    for (const char* bad : {"train/a/3.png", "train/b/7.png", "test/b/0.png"})
      write_quickly(root_ / bad, "rubbish");
  }
  Dataset read(bool train_from_source, double validation = 0) {
    const Work work{.report = [&](const Event& event) {
      if (event.kind == Event::Kind::warning) warnings_.push_back(event.what);
    }};
    return read_dataset({.path = root_.string(), .validation = validation, .on_bad_image = "skip"},
                        {3, 8, 8}, 1, work, train_from_source);
  }
  bool warned(const std::string& file) const {
    return std::count_if(warnings_.begin(), warnings_.end(), [&](const std::string& warning) {
             return contains(warning, (root_ / file).string() + ": ");
           }) == 1;
  }
};

TEST_F(BadImages, AreLeftOutOfWhatIsHeld) {
  const Dataset data = read(false);
  EXPECT_EQ(data.train.size(), 38);
  EXPECT_EQ(data.test.size(), 9);
  EXPECT_EQ(data.test.labels, (std::vector<int>{0, 0, 0, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(load(data.train, 3).pixels, constant(3, 8, 8, 4).pixels);
  EXPECT_EQ(load(data.test, 5).pixels, constant(3, 8, 8, 1).pixels);
  EXPECT_EQ(warnings_.size(), 3U);
  for (const char* bad : {"train/a/3.png", "train/b/7.png", "test/b/0.png"})
    EXPECT_TRUE(warned(bad)) << bad;
}

TEST_F(BadImages, AreLeftOutOfTestSetsThatStandAlone) {
  const TestSet set =
      read_test_set({.path = root_.string(), .on_bad_image = "skip"}, {3, 8, 8}, 0, {});
  EXPECT_EQ(set.images.size(), 9);
  for (int64_t i = 0; i < set.images.size(); ++i) EXPECT_NO_THROW(load(set.images, i));
}

TEST_F(BadImages, OfTheTestPartAreLeftOutThoughTrainingImagesAreNotHeld) {
  const Dataset data = read(true, 0.25);
  EXPECT_EQ(data.test.size(), 9);
  EXPECT_EQ(data.train.size() + data.validation.size(),
            40 - std::count_if(warnings_.begin(), warnings_.end(),
                               [](const std::string& w) { return contains(w, "train"); }));
  for (int64_t i = 0; i < data.validation.size(); ++i) EXPECT_NO_THROW(load(data.validation, i));
}

TEST_F(BadImages, AreReplacedByTheNextOfTheSequence) {
  const Dataset data = read(true);
  EXPECT_EQ(data.train.size(), 40);
  warnings_.clear();
  Loader loader(data.train, {}, 40, 1, 0, 2);
  const Batch first = loader.next();
  EXPECT_EQ(first.skipped.size(), 2U);
  EXPECT_TRUE(warned("train/a/3.png") && warned("train/b/7.png"));
  loader.next();
  EXPECT_EQ(warnings_.size(), 2U);  // each once

  // The images of an epoch are all of the good ones, two of them twice.
  std::map<uint8_t, int> a, b;
  for (size_t i = 0; i < 40; ++i) ++(first.labels[i] == 0 ? a : b)[first.pixels[i * 3 * 8 * 8]];
  EXPECT_EQ(a.size(), 19U);
  EXPECT_EQ(b.size(), 19U);
  EXPECT_FALSE(a.contains(3) || b.contains(7));
  EXPECT_EQ(Loader(data.train, {}, 40, 1, 0, 0).next().pixels, first.pixels);
}

TEST_F(BadImages, OfAllFilesAreAnError) {
  for (const char* name : {"a", "b"})
    for (int i = 0; i < 20; ++i) write_quickly(root_ / "train" / name / cat(i, ".png"), "rubbish");
  EXPECT_TRUE(contains(error_of([&] { read(false); }), "none of the training images"));
  const Dataset data = read(true);
  EXPECT_TRUE(contains(error_of([&] { Loader(data.train, {}, 4, 1, 0, 0).next(); }),
                       "none of 40 images can be decoded"));
}

// A file that is gone is no bad image.
TEST_F(BadImages, ThatCannotBeOpenedAreErrors) {
  const Dataset data = read(true);
  fs::remove(root_ / "train/a/0.png");
  EXPECT_TRUE(contains(error_of([&] { Loader(data.train, {}, 40, 1, 0, 0).next(); }), "a/0.png"));
}

TEST_F(BadImages, DoNotHideTheNumberOfChannels) {
  write_quickly(root_ / "train/a/0.png", "rubbish");
  write_quickly(root_ / "train/b/0.png", "rubbish");
  EXPECT_EQ(dataset_channels({.path = root_.string(), .on_bad_image = "skip"}), 3);
  EXPECT_NE(error_of([&] { dataset_channels({.path = root_.string()}); }), "");
}

TEST_F(ImageFolder, TrainingFromTheSourceCropsTheWholeImage) {
  write_quickly(root_ / "train/a/1.png", encode_png(noise(3, 30, 40, 1)));
  put("train/b/1.png"), put("test/a/1.png");
  const Dataset data =
      read_dataset({.path = root_.string(), .validation = 0}, {3, 8, 8}, 1, {}, true);
  std::vector<uint8_t> pixels(3 * 8 * 8);
  const ImageWindow window{20, 30, 10, 10};
  data.train.load_window(
      0,
      [&](int height, int width) {
        EXPECT_EQ(height, 30);
        EXPECT_EQ(width, 40);
        return window;
      },
      pixels.data());
  EXPECT_EQ(pixels, resize(crop(noise(3, 30, 40, 1), window), 8, 8).pixels);
}

TEST_F(ImageFolder, StopsWhenAsked) {
  put_many("train/a", 5), put_many("train/b", 5), put("test/a/1.png");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(read_dataset({.path = root_.string()}, {3, 8, 8}, 1, {.stop = stop.get_token()}),
               Interrupted);
}

TEST_F(ImageFolder, HasTheChannelsOfItsImages) {
  put("train/a/1.png", 1, 1), put("train/b/1.png", 1, 1), put("test/a/1.png", 1, 3);
  EXPECT_EQ(dataset_channels({.path = root_.string()}), 1);
  put("train/c/1.png", 1, 3);
  EXPECT_EQ(dataset_channels({.path = root_.string()}), 3);
}

TEST_F(ImageFolder, PathsThatAreNoDataSetAreErrors) {
  EXPECT_TRUE(contains(error(), "no data set that is known; wanted train/CLASS/*.jpg"));
  EXPECT_TRUE(contains(error_of([&] { read_dataset({.path = "/nowhere"}, {3, 8, 8}, 1); }),
                       "/nowhere: no such"));
  EXPECT_TRUE(contains(
      error_of([&] { read_dataset({.format = "folder", .path = root_.string()}, {3, 8, 8}, 1); }),
      "holds no folders"));
}

TEST_F(ImageFolder, IsTheSameForEveryOrderOfTheDirectory) {
  put_many("train/a", 12), put_many("train/b", 12), put_many("test/a", 2);
  const Dataset data = read({3, 8, 8}, 1, 0.25);
  EXPECT_EQ(data.train.size(), 18);
  EXPECT_EQ(data.validation.labels, (std::vector<int>{0, 0, 0, 1, 1, 1}));
  for (int64_t i = 1; i < 9; ++i)
    EXPECT_LT(load(data.train, i - 1).pixels[0], load(data.train, i).pixels[0]);
}

}  // namespace
}  // namespace vpunas
