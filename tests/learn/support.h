// Images for tests of learning, beside the small spaces of tests of searching.
#pragma once

#include <numeric>

#include "data/dataset.h"
#include "tests/search/known_answers.h"

namespace vpunas::test {

// Synthetic images, few enough for tests.
inline Dataset small_data(int64_t train_images = 512) {
  DataConfig config;
  config.format = "synthetic";
  config.validation = 0.25;
  config.test_limit = 200;
  Dataset data = read_dataset(config, {.channels = 3, .height = 16, .width = 16}, 3);
  std::vector<int64_t> first(
      static_cast<size_t>(std::min<int64_t>(train_images, data.train.size())));
  std::iota(first.begin(), first.end(), int64_t{0});
  data.train = subset(data.train, first);
  return data;
}

}  // namespace vpunas::test
