#include "data/image_file.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/data/support.h"

namespace vpunas {
namespace {

class ImageFile : public testing::Test {
 protected:
  TemporaryFolder folder_;
  fs::path file_ = folder_.path() / "a.img";

  Image read(const std::string& bytes, int channels = 3, int shortest_side = 0) {
    write_quickly(file_, bytes);
    return read_image(file_, channels, shortest_side);
  }
  std::string error_reading(const std::string& bytes) {
    const std::string error = error_of([&] { read(bytes); });
    EXPECT_TRUE(error.empty() || error.starts_with(file_.string() + ": ")) << error;
    return error;
  }
  // Every mutation of `bytes` must decode or be an Error; anything else fails the test or a
  // sanitizer.
  void survive_mutations(const std::string& bytes, int count) {
    Random random{7};
    int errors = 0;
    for (int i = 0; i < count; ++i) {
      const std::string bad = mutated(bytes, random);
      errors += !error_reading(bad).empty();
    }
    EXPECT_GT(errors, count / 4);
  }
};

using Jpeg = ImageFile;
using Png = ImageFile;

TEST_F(Jpeg, OfEveryKindDecodesToWhatWasEncoded) {
  for (const int channels : {1, 3})
    for (const JpegKind kind : {JpegKind::baseline, JpegKind::progressive}) {
      const Image image = ramp(channels, 37, 51);
      EXPECT_LT(mean_difference(read(encode_jpeg(image, {.kind = kind}), channels), image), 1.5);
    }
  for (const JpegKind kind : {JpegKind::cmyk_adobe, JpegKind::cmyk_plain, JpegKind::ycck}) {
    const Image image = ramp(3, 37, 51);
    EXPECT_LT(mean_difference(read(encode_jpeg(image, {.kind = kind}), 3), image), 2)
        << static_cast<int>(kind);
  }
}

TEST_F(Jpeg, ConvertsToTheChannelsAskedFor) {
  const std::string grey = encode_jpeg(ramp(1, 16, 24));
  const std::string color = encode_jpeg(ramp(3, 16, 24));
  EXPECT_EQ(read(grey, 0).shape, (ImageShape{1, 16, 24}));
  EXPECT_EQ(read(color, 0).shape, (ImageShape{3, 16, 24}));
  const Image repeated = read(grey, 3);
  const Image single = read(grey, 1);
  for (size_t i = 0; i < repeated.pixels.size(); ++i)
    EXPECT_EQ(repeated.pixels[i], single.pixels[i % single.pixels.size()]);
  const Image luma = read(color, 1);
  const Image rgb = ramp(3, 16, 24);
  for (size_t i = 0; i < luma.pixels.size(); ++i) {
    const size_t plane = luma.pixels.size();
    EXPECT_NEAR(
        luma.pixels[i],
        0.299 * rgb.pixels[i] + 0.587 * rgb.pixels[plane + i] + 0.114 * rgb.pixels[2 * plane + i],
        4);
  }
}

TEST_F(Jpeg, IsDecodedSmallerButNotTooSmall) {
  const std::string bytes = encode_jpeg(ramp(3, 400, 640));
  EXPECT_EQ(read(bytes, 3, 0).shape.height, 400);
  EXPECT_EQ(read(bytes, 3, 400).shape.height, 400);
  EXPECT_EQ(read(bytes, 3, 201).shape.height, 400);
  EXPECT_EQ(read(bytes, 3, 200).shape, (ImageShape{3, 200, 320}));
  EXPECT_EQ(read(bytes, 3, 100).shape.height, 100);
  EXPECT_EQ(read(bytes, 3, 1).shape.height, 50);
  EXPECT_LT(mean_difference(read(bytes, 3, 100), resize(ramp(3, 400, 640), 100, 160)), 1.5);
}

TEST_F(Jpeg, IsTurnedUprightByItsExifOrientation) {
  // Where row 0 and column 0 of the stored image are seen (Exif 2.32, 4.6.4, tag Orientation).
  struct Case {
    const char *row, *column;
  };
  const Case cases[] = {{"top", "left"}, {"top", "right"}, {"bottom", "right"}, {"bottom", "left"},
                        {"left", "top"}, {"right", "top"}, {"right", "bottom"}, {"left", "bottom"}};
  Image stored = constant(1, 16, 32, 0);
  for (size_t y = 0; y < 8; ++y)
    for (size_t x = 0; x < 32; ++x) stored.pixels[y * 32 + x] = x < 16 ? 240 : 120;
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (const bool little_endian : {false, true}) {
      const Image seen = read(
          encode_jpeg(stored, {.orientation = orientation, .little_endian = little_endian}), 1);
      const auto [row, column] = cases[orientation - 1];
      const bool turned = orientation >= 5;
      ASSERT_EQ(seen.shape, turned ? (ImageShape{1, 32, 16}) : (ImageShape{1, 16, 32}));
      // The middle of the quarter at the given sides.
      const auto at = [&](const std::string& one, const std::string& other) {
        const bool bottom = one == "bottom" || other == "bottom";
        const bool right = one == "right" || other == "right";
        return seen.pixels[static_cast<size_t>((bottom ? 3 : 1) * seen.shape.height / 4 *
                                                   seen.shape.width +
                                               (right ? 3 : 1) * seen.shape.width / 4)];
      };
      const auto opposite = [](const std::string& side) {
        return side == "top"      ? "bottom"
               : side == "bottom" ? "top"
               : side == "left"   ? "right"
                                  : "left";
      };
      EXPECT_NEAR(at(row, column), 240, 8) << orientation;
      EXPECT_NEAR(at(row, opposite(column)), 120, 8) << orientation;
      EXPECT_NEAR(at(opposite(row), column), 0, 8) << orientation;
    }
}

TEST_F(Jpeg, WithABrokenExifSegmentIsTakenAsItIs) {
  const Image image = ramp(1, 16, 32);
  const std::string good = encode_jpeg(image, {.orientation = 6});
  const size_t start = good.find("Exif");
  const size_t length = exif_segment(6, true).size();
  ASSERT_NE(start, std::string::npos);
  EXPECT_EQ(read(good, 1).shape.height, 32);
  Random random{3};
  for (int i = 0; i < 300; ++i) {
    std::string bad = good;
    for (int changes = 0; changes < 3; ++changes)
      bad[start + static_cast<size_t>(random.below(static_cast<int64_t>(length)))] =
          static_cast<char>(random.below(2) ? 255 : random.below(256));
    EXPECT_EQ(read(bad, 1).pixels.size(), image.pixels.size());
  }
  std::string unknown = good;
  unknown[start + 6 + 8 + 2 + 12 + 8] = 9;
  EXPECT_EQ(read(unknown, 1).shape.height, 16);
}

TEST_F(Jpeg, CutOffAnywhereIsAnError) {
  for (const JpegKind kind : {JpegKind::baseline, JpegKind::progressive, JpegKind::ycck}) {
    const std::string bytes = encode_jpeg(noise(3, 40, 40, 5), {.kind = kind});
    for (size_t size = 0; size < bytes.size(); size += size + 40 < bytes.size() ? 13 : 1)
      EXPECT_NE(error_reading(bytes.substr(0, size)), "") << size << " of " << bytes.size();
  }
}

TEST_F(Jpeg, WithRubbishBehindItsEndIsRead) {
  const Image image = ramp(3, 16, 16);
  EXPECT_LT(mean_difference(read(encode_jpeg(image) + "rubbish"), image), 2);
}

TEST_F(Jpeg, SurvivesMutations) {
  survive_mutations(encode_jpeg(noise(3, 24, 24, 5), {.orientation = 6}), 400);
  survive_mutations(encode_jpeg(noise(3, 24, 24, 5), {.kind = JpegKind::progressive}), 400);
  survive_mutations(encode_jpeg(noise(3, 24, 24, 5), {.kind = JpegKind::ycck}), 200);
}

TEST_F(Jpeg, OfAHugeSizeIsRefusedBeforeItIsAllocated) {
  std::string bytes = encode_jpeg(ramp(1, 16, 16));
  const size_t frame = bytes.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  const auto sized = [&](int height, int width) {
    std::string copy = bytes;
    copy[frame + 5] = static_cast<char>(height >> 8), copy[frame + 6] = static_cast<char>(height);
    copy[frame + 7] = static_cast<char>(width >> 8), copy[frame + 8] = static_cast<char>(width);
    return copy;
  };
  EXPECT_TRUE(contains(error_reading(sized(65000, 65000)), "100 megapixels"));
  EXPECT_TRUE(contains(error_reading(sized(9999, 9999)), "too few for 9999x9999"));
  EXPECT_TRUE(contains(error_reading(sized(200, 200)), "truncated"));
}

// A window decoded alone is what cropping and scaling the whole image gives, but for what decoding
// at a reduced scale costs.
TEST_F(Jpeg, WindowsAreThoseOfTheWholeImage) {
  const Image image = ramp(3, 120, 200);
  const ImageWindow windows[] = {
      {0, 0, 120, 200}, {13, 57, 50, 70}, {90, 140, 30, 60}, {5, 3, 101, 190}};
  std::vector<JpegOptions> kinds;
  for (const JpegKind kind :
       {JpegKind::baseline, JpegKind::progressive, JpegKind::cmyk_adobe, JpegKind::ycck})
    kinds.push_back({.kind = kind});
  for (int orientation = 2; orientation <= 8; ++orientation)
    kinds.push_back({.orientation = orientation});
  for (const JpegOptions& kind : kinds)
    for (const int channels : {1, 3})
      for (const ImageWindow& upright : windows)
        for (const int side : {16, 40}) {
          const Image whole = read(encode_jpeg(image, kind), channels);
          const auto [top, left, height, width] = upright;
          const ImageWindow window =
              kind.orientation >= 5 ? ImageWindow{left, top, width, height} : upright;
          const ChooseWindow choose = [&](int of_height, int of_width) {
            EXPECT_EQ(of_height, whole.shape.height);
            EXPECT_EQ(of_width, whole.shape.width);
            return window;
          };
          const Image part = read_window(file_, channels, choose, side, side + 4);
          const Image expected = resize(crop(whole, window), side, side + 4);
          ASSERT_EQ(part.shape, expected.shape);
          EXPECT_LT(mean_difference(part, expected), 2)
              << "kind " << static_cast<int>(kind.kind) << ", orientation " << kind.orientation
              << ", window at " << window.top << ' ' << window.left << ", side " << side;
        }
}

TEST_F(Jpeg, WindowsOfGreyImagesAreGrey) {
  write_quickly(file_, encode_jpeg(ramp(1, 60, 60)));
  const ChooseWindow choose = [](int, int) { return ImageWindow{10, 10, 40, 40}; };
  EXPECT_EQ(read_window(file_, 1, choose, 20, 20).shape, (ImageShape{1, 20, 20}));
  const Image colour = read_window(file_, 3, choose, 20, 20);
  EXPECT_TRUE(
      std::equal(colour.pixels.begin(), colour.pixels.begin() + 400, colour.pixels.begin() + 800));
}

TEST_F(Jpeg, WindowsOfMutationsAreReadOrRefused) {
  Random random{11};
  for (int i = 0; i < 300; ++i) {
    write_quickly(file_, mutated(encode_jpeg(noise(3, 40, 40, 5), {.orientation = 6}), random));
    error_of([&] {
      read_window(
          file_, 3, [](int height, int width) { return ImageWindow{height / 2, 0, 1, width}; }, 8,
          8);
    });
  }
}

TEST_F(Jpeg, WindowsBeforeAFaultAreRead) {
  const std::string whole = encode_jpeg(noise(3, 200, 200, 5));
  write_quickly(file_, whole.substr(0, whole.size() / 2));
  const auto read_at = [&](int top) {
    return error_of([&] {
      read_window(file_, 3, [&](int, int) { return ImageWindow{top, 10, 30, 30}; }, 30, 30);
    });
  };
  EXPECT_EQ(read_at(10), "");
  EXPECT_TRUE(contains(read_at(160), "truncated JPEG"));
}

TEST_F(Png, IsTurnedUprightByItsExifOrientation) {
  const Image stored = ramp(3, 16, 32);
  const std::string tiff = exif_segment(6, false).substr(6);
  std::string chunk = "eXIf" + tiff;
  const auto put = [](std::string& out, uint64_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
  };
  std::string whole;
  put(whole, tiff.size());
  whole += chunk;
  put(whole, crc32(0, reinterpret_cast<const Bytef*>(chunk.data()), uInt(chunk.size())));
  std::string bytes = encode_png(stored);
  constexpr size_t behind_header = 8 + 25, before_end = 12;
  for (const size_t at : {behind_header, bytes.size() - before_end}) {
    const Image seen = read(std::string(bytes).insert(at, whole), 3);
    ASSERT_EQ(seen.shape, (ImageShape{3, 32, 16}));
    EXPECT_EQ(seen.pixels[15], stored.pixels[0]);  // top right
    EXPECT_EQ(seen.pixels[0], stored.pixels[15 * 32]);
  }
}

TEST_F(Png, WindowsAreThoseOfTheWholeImage) {
  const Image image = noise(3, 30, 50, 1);
  write_quickly(file_, encode_png(image));
  const ImageWindow window{7, 9, 20, 31};
  EXPECT_EQ(read_window(
                file_, 3, [&](int, int) { return window; }, 12, 12)
                .pixels,
            resize(crop(image, window), 12, 12).pixels);
}

TEST_F(Png, OfEveryKindDecodesExactly) {
  for (const int channels : {1, 3})
    for (const int depth : {8, 16})
      for (const bool interlaced : {false, true})
        for (const int alpha : {-1, 255, 128, 0}) {
          const Image image = noise(channels, 11, 13, 9);
          Image expected = image;
          if (alpha >= 0)
            for (uint8_t& pixel : expected.pixels)
              pixel = static_cast<uint8_t>((pixel * alpha + 127) / 255);
          const PngOptions options{.depth = depth, .interlaced = interlaced, .alpha = alpha};
          const Image decoded = read(encode_png(image, options), channels);
          EXPECT_EQ(decoded.shape, image.shape);
          EXPECT_EQ(decoded.pixels, expected.pixels)
              << channels << " channels, depth " << depth << ", alpha " << alpha
              << (interlaced ? ", interlaced" : "");
        }
}

TEST_F(Png, WithAPaletteDecodesToItsColors) {
  const Image indices = noise(1, 5, 7, 3);
  const Image image = read(encode_png(indices, {.palette = true}), 3);
  ASSERT_EQ(image.shape, (ImageShape{3, 5, 7}));
  for (size_t i = 0; i < 35; ++i) {
    EXPECT_EQ(image.pixels[i], indices.pixels[i]);
    EXPECT_EQ(image.pixels[35 + i], 255 - indices.pixels[i]);
    EXPECT_EQ(image.pixels[70 + i], 7);
  }
}

TEST_F(Png, OfOneBitPixelsIsBlackAndWhite) {
  Image bits{{1, 1, 1}, {0b10000000}};
  EXPECT_EQ(read(encode_png(bits, {.depth = 1}), 1).pixels, (std::vector<uint8_t>{255}));
}

TEST_F(Png, IsConvertedToGreyByLuma) {
  Image image{{3, 1, 4}, {255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255}};
  EXPECT_EQ(read(encode_png(image), 1).pixels, (std::vector<uint8_t>{76, 150, 29, 255}));
}

TEST_F(Png, IsWrittenAndReadBack) {
  for (const int channels : {1, 3}) {
    const Image image = noise(channels, 9, 14, 1);
    write_png(file_, image);
    const Image back = read_image(file_, 0);
    EXPECT_EQ(back.shape, image.shape);
    EXPECT_EQ(back.pixels, image.pixels);
  }
}

TEST_F(Png, CutOffAnywhereIsAnError) {
  for (const bool interlaced : {false, true}) {
    const std::string bytes = encode_png(noise(3, 20, 20, 5), {.interlaced = interlaced});
    for (size_t size = 0; size < bytes.size(); size += size + 40 < bytes.size() ? 7 : 1)
      EXPECT_NE(error_reading(bytes.substr(0, size)), "") << size << " of " << bytes.size();
  }
}

TEST_F(Png, SurvivesMutations) {
  survive_mutations(encode_png(noise(3, 24, 24, 5)), 300);
  survive_mutations(encode_png(noise(1, 24, 24, 5), {.palette = true, .interlaced = true}), 300);
  survive_mutations(encode_png(noise(3, 24, 24, 5), {.depth = 16, .alpha = 9}), 300);
}

TEST_F(Png, OfAHugeSizeIsRefusedBeforeItIsAllocated) {
  // IHDR with its checksum right: 20000 x 20000 and 9999 x 9999, grey.
  const std::string bytes = encode_png(constant(1, 1, 1, 0));
  const auto sized = [&](uint32_t side) {
    std::string header = "IHDR";
    for (int repeat = 0; repeat < 2; ++repeat)
      for (int shift = 24; shift >= 0; shift -= 8)
        header.push_back(static_cast<char>(side >> shift));
    header += std::string("\x08\0\0\0\0", 5);
    uint32_t crc = 0xffffffff;
    for (const unsigned char byte : header) {
      crc ^= byte;
      for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    for (int shift = 24; shift >= 0; shift -= 8) header.push_back(static_cast<char>(~crc >> shift));
    std::string copy = bytes;
    return copy.replace(12, header.size(), header);
  };
  EXPECT_EQ(error_reading(sized(1)), "");
  EXPECT_TRUE(contains(error_reading(sized(20000)), "100 megapixels"));
  EXPECT_TRUE(contains(error_reading(sized(9999)), "too few for 9999x9999"));
}

// 1 kB that would be 50 GB at 224 pixels.
TEST_F(Png, OfALineIsRefused) {
  write_png(file_, {{1, 1, 100'000}, std::vector<uint8_t>(100'000)});
  EXPECT_TRUE(contains(error_of([&] { read_image(file_, 1); }), "100000x1 pixels are a line"));
  write_png(file_, {{1, 1, 1000}, std::vector<uint8_t>(1000)});
  EXPECT_EQ(read_image(file_, 1).shape.width, 1000);
}

TEST_F(ImageFile, ThatIsForeignEmptyOrMissingIsAnErrorWithItsName) {
  EXPECT_TRUE(contains(error_reading("GIF89a and more of it"), "neither a JPEG nor a PNG"));
  EXPECT_TRUE(contains(error_reading(""), "empty"));
  fs::remove(file_);
  EXPECT_TRUE(contains(error_of([&] { read_image(file_, 3); }), file_.string()));
}

}  // namespace
}  // namespace vpunas
