#include "pipeline/samples.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vpunas {
namespace {

// Three classes, label i % 3; the network is right but for image 4, surely, and image 7, less so.
struct Case {
  ImageSet images;
  std::vector<float> logits;
  std::vector<std::string> classes = {"a", "b", "c"};
  explicit Case(int side = 4) {
    images.shape = {.channels = 1, .height = side, .width = side};
    for (int i = 0; i < 90; ++i) {
      images.labels.push_back(i % 3);
      for (int c = 0; c < 3; ++c) logits.push_back(c == i % 3 ? 2.0f : 0.0f);
    }
    images.load = [side](int64_t, uint8_t* pixels) { std::fill_n(pixels, side * side, 200); };
    logits[4 * 3] = 9;
    logits[7 * 3 + 2] = 3;
  }
};

TEST(Samples, AreSpreadEvenlyOverTheClasses) {
  const Case c;
  const Json json = samples(c.logits, c.images, c.classes);
  EXPECT_EQ(json["images"], 90);
  ASSERT_EQ(json["spread"].size(), 24u);
  std::vector<int> of_class(3);
  for (const Json& sample : json["spread"]) ++of_class[sample["label"].get<size_t>()];
  EXPECT_EQ(of_class, (std::vector<int>{8, 8, 8}));
}

TEST(Samples, MistakesComeTheSurestFirst) {
  const Case c;
  const Json json = samples(c.logits, c.images, c.classes);
  EXPECT_EQ(json["mistakes"], 2);
  ASSERT_EQ(json["surest_mistakes"].size(), 2u);
  const Json& first = json["surest_mistakes"][0];
  EXPECT_EQ(first["label"], 1);
  EXPECT_EQ(first["top"][0]["class"], 0);
  const double sum = std::exp(9) + std::exp(2) + 1;
  EXPECT_NEAR(first["top"][0]["probability"].get<double>(), std::exp(9) / sum, 1e-6);
  EXPECT_NEAR(first["top"][1]["probability"].get<double>(), std::exp(2) / sum, 1e-6);
  EXPECT_EQ(json["surest_mistakes"][1]["top"][0]["class"], 2);
  EXPECT_EQ(json["confusions"].size(), 2u);
}

TEST(Samples, PicturesArePngOfAtMost96Pixels) {
  const Case small(4), large(300);
  const auto picture = [](const Case& c) {
    return samples(c.logits, c.images, c.classes)["spread"][0]["png"].get<std::string>();
  };
  EXPECT_TRUE(picture(small).starts_with("iVBORw0KGgo"));
  // The first 24 bytes end with width and height.
  EXPECT_TRUE(picture(large).starts_with("iVBORw0KGgoAAAANSUhEUgAAAGAAAABg"));
}

}  // namespace
}  // namespace vpunas
