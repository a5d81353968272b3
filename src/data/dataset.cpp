#include "data/dataset.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <memory>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "data/readers.h"

namespace vpunas {

namespace {

constexpr int64_t most_held_bytes = int64_t{2} << 30;
constexpr uint64_t split_stream = 0x73706c6974;  // "split": apart from other uses of the seed

// All indices in an order whose every beginning has each class in proportion: an image of random
// rank r among the n of its class comes at (r + 1/2) / n.
std::vector<int64_t> stratified_order(const std::vector<int>& labels, uint64_t seed) {
  std::vector<int64_t> order(labels.size());
  std::iota(order.begin(), order.end(), 0);
  Random{seed, split_stream}.shuffle(order);
  std::vector<int> size(labels.empty() ? 0 : 1 + *std::max_element(labels.begin(), labels.end()));
  for (const int label : labels) ++size[static_cast<size_t>(label)];
  std::vector<int> rank(size.size());
  std::vector<double> key(labels.size());
  for (const int64_t index : order) {
    const auto label = static_cast<size_t>(labels[static_cast<size_t>(index)]);
    key[static_cast<size_t>(index)] = (rank[label]++ + 0.5) / size[label];
  }
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return key[static_cast<size_t>(a)] < key[static_cast<size_t>(b)];
  });
  return order;
}

// Takes `share` of the images out of `images`.
ImageSet hold_out(ImageSet& images, double share, uint64_t seed, const Dataset& data) {
  std::vector<int64_t> order = stratified_order(images.labels, seed);
  const auto count = std::max<int64_t>(1, std::llround(share * static_cast<double>(order.size())));
  const auto middle = order.begin() + std::min<int64_t>(count, images.size());
  std::sort(order.begin(), middle);
  std::sort(middle, order.end());
  ImageSet held_out = subset(images, {order.begin(), middle});
  ImageSet rest = subset(images, {middle, order.end()});
  std::vector<bool> remains(data.classes.size());
  for (const int label : rest.labels) remains[static_cast<size_t>(label)] = true;
  for (const int label : held_out.labels)
    if (!remains[static_cast<size_t>(label)])
      fail(data.name, ": too few images of the class ", data.classes[static_cast<size_t>(label)],
           " to hold some out of training; add images or remove the class");
  images = std::move(rest);
  return held_out;
}

// The test images are the same for every seed, so that accuracies of different runs compare.
constexpr uint64_t test_seed = 0;

ImageSet limited(const ImageSet& images, int64_t most) {
  return most > 0 ? sample_images(images, most) : images;
}

std::string name_of(const std::string& format, const DataConfig& config) {
  return format == "synthetic" ? format : format + " " + config.path;
}

void check_shape(const ImageShape& shape) {
  if ((shape.channels != 1 && shape.channels != 3) || shape.height < 1 || shape.width < 1)
    fail("images cannot have ", shape.channels, " channels and ", shape.height, "x", shape.width,
         " pixels");
}

void check_folder(const DataConfig& config) {
  std::error_code none;
  if (config.format == "synthetic" || fs::is_directory(config.path, none)) return;
  fail(config.path, ": no such folder of images; give another by --data or data.path",
       config.path == DataConfig{}.path ? ", or install the package dataset-fashion-mnist" : "");
}

// Warns of each image once, with a count.
std::function<void(const BadImage&)> skip_with_warning(const Work& work) {
  const auto named = std::make_shared<std::set<std::string>>();
  return [named, work](const BadImage& bad) {
    if (named->insert(bad.what()).second)
      work.warn("data", cat("image ", named->size(), " left out: ", bad.what()));
  };
}

}  // namespace

ImageSet sample_images(const ImageSet& images, int64_t most) {
  if (most >= images.size()) return images;
  std::vector<int64_t> order = stratified_order(images.labels, test_seed);
  order.resize(static_cast<size_t>(most));
  std::sort(order.begin(), order.end());
  return subset(images, std::move(order));
}

std::string find_format(const DataConfig& config) {
  check_folder(config);
  if (config.format != "auto") return config.format;
  const fs::path path = config.path;
  if (is_idx(path)) return "idx";
  if (is_cifar10(path)) return "cifar10";
  if (is_cifar100(path)) return "cifar100";
  if (is_image_folder(path)) return "folder";
  fail(config.path,
       ": no data set that is known; wanted train/CLASS/*.jpg and test/CLASS/*.jpg, CLASS/*.jpg, "
       "train-images-idx3-ubyte[.gz] or CIFAR's data_batch_1.bin or train.bin (docs/data.md)");
}

Parts read_parts(const std::string& format, const DataConfig& config, const ImageShape& shape,
                 uint64_t seed, const Work& work) {
  if (format == "idx") return read_idx(config.path, shape);
  if (format == "cifar10") return read_cifar10(config.path, shape, work);
  if (format == "cifar100") return read_cifar100(config.path, shape, work);
  if (format == "folder") return read_image_folder(config.path, shape, work);
  if (format == "synthetic") return make_synthetic(shape, seed);
  fail("data.format: ", format, " is none of auto, idx, cifar10, cifar100, folder and synthetic");
}

TestSet read_test_set(const DataConfig& config, const ImageShape& shape, int resize,
                      const Work& work) {
  check_shape(shape);
  const std::string format = find_format(config);
  Parts parts = format == "folder" ? read_test_folder(config.path, shape, resize, work)
                                   : read_parts(format, config, shape, test_seed, work);
  TestSet set{.name = name_of(format, config),
              .classes = std::move(parts.classes),
              .images = limited(parts.test, config.test_limit)};
  if (parts.slow && config.on_bad_image == "skip") {
    set.images.skip = skip_with_warning(work);
    set.images = readable(set.images, "test images", work);
  }
  return set;
}

Dataset read_dataset(const DataConfig& config, const ImageShape& shape, uint64_t seed,
                     const Work& work, bool train_from_source) {
  check_shape(shape);
  const std::string format = find_format(config);
  Parts parts = read_parts(format, config, shape, seed, work);

  Dataset data;
  data.name = name_of(format, config);
  data.classes = std::move(parts.classes);
  data.train = std::move(parts.train);
  data.test = std::move(parts.test);
  if (data.classes.size() < 2)
    fail(data.name, ": has the class ", data.classes.front(), " alone; give at least two");

  constexpr double test_share = 0.1;
  if (data.test.size() == 0) data.test = hold_out(data.train, test_share, test_seed, data);
  data.test = limited(data.test, config.test_limit);
  const bool hold_all = data.train.size() + data.test.size() <= most_held_bytes / shape.bytes();
  if (config.validation > 0 && parts.validation.size() > 0)
    data.validation = std::move(parts.validation);
  else if (config.validation > 0)
    data.validation = hold_out(data.train, config.validation, seed, data);
  else if (parts.validation.size() > 0)
    work.warn("data", cat(data.name, ": the ", parts.validation.size(),
                          " images of its validation part are not used, for data.validation is 0"));
  if (!parts.slow) return data;

  std::function<void(const BadImage&)> skip;
  if (config.on_bad_image == "skip") skip = skip_with_warning(work);
  for (auto [part, what] :
       {std::pair{&data.train, "training images"}, std::pair{&data.validation, "validation images"},
        std::pair{&data.test, "test images"}}) {
    if (part->size() == 0) continue;
    part->skip = skip;
    const bool training = part == &data.train;
    if (hold_all && !(training && train_from_source))
      *part = hold(*part, what, work);
    else if (skip && !training)
      *part = readable(*part, what, work);
  }
  return data;
}

int dataset_channels(const DataConfig& config) {
  const std::string format = find_format(config);
  if (format == "idx") return 1;
  return format == "folder" ? image_folder_channels(config.path, config.on_bad_image == "skip") : 3;
}

}  // namespace vpunas
