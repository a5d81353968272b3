#include <algorithm>
#include <cassert>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "data/decode.h"
#include "data/parallel.h"
#include "data/readers.h"

namespace vpunas {

namespace {

// A plane of height x width in the middle of a black one of the shape `to`.
void place(const uint8_t* plane, int height, int width, const ImageShape& to, uint8_t* out) {
  const int top = (to.height - height) / 2;
  const int left = (to.width - width) / 2;
  std::memset(out, 0, static_cast<size_t>(to.height) * static_cast<size_t>(to.width));
  for (int y = 0; y < height; ++y)
    std::memcpy(out + (top + y) * to.width + left, plane + y * width, static_cast<size_t>(width));
}

void place(const uint8_t* pixels, const ImageShape& from, const ImageShape& to, uint8_t* out) {
  assert(from.channels == to.channels || from.channels == 1);
  for (int c = 0; c < to.channels; ++c) {
    const int source = from.channels == 1 ? 0 : c;
    place(pixels + source * from.height * from.width, from.height, from.width, to,
          out + c * to.height * to.width);
  }
}

// Calls load(index) for all images; which were good, where some were bad and are to be skipped.
std::optional<std::vector<int64_t>> good_images(const ImageSet& images, const std::string& what,
                                                const Work& work,
                                                const std::function<void(int64_t)>& load) {
  std::mutex mutex;
  std::map<int64_t, BadImage> bad;
  parallel_for(images.size(), what, work, [&](int64_t index) {
    try {
      load(index);
    } catch (const BadImage& error) {
      if (!images.skip) throw;
      const std::scoped_lock lock(mutex);
      bad.emplace(index, error);
    }
  });
  if (bad.empty()) return std::nullopt;
  for (const auto& [index, error] : bad) images.skip(error);
  std::vector<int64_t> good;
  for (int64_t index = 0; index < images.size(); ++index)
    if (!bad.contains(index)) good.push_back(index);
  if (good.empty())
    fail("none of the ", what, " can be decoded; first: ", bad.begin()->second.what());
  return good;
}

ImageSet fit(const std::shared_ptr<const RawImages>& raw, const ImageShape& shape) {
  ImageSet result{shape, raw->labels, {}};
  result.load = [raw, shape](int64_t index, uint8_t* out) {
    const ImageShape& from = raw->shape;
    const uint8_t* pixels = raw->pixels.data() + index * from.bytes();
    if (from == shape) {
      std::memcpy(out, pixels, static_cast<size_t>(shape.bytes()));
    } else if (fits_with_border(from, shape) && from.channels <= shape.channels) {
      place(pixels, from, shape, out);
    } else {
      Image image = to_channels(raw->image(index), shape.channels);
      if (!fits_with_border(from, shape)) image = resize(image, shape.height, shape.width);
      place(image.pixels.data(), image.shape, shape, out);
    }
  };
  result.load_window = [raw, shape](int64_t index, const ChooseWindow& choose, uint8_t* out) {
    const ImageShape& from = raw->shape;
    Image image = crop(raw->image(index), choose(from.height, from.width));
    image = resize(to_channels(std::move(image), shape.channels), shape.height, shape.width);
    std::copy(image.pixels.begin(), image.pixels.end(), out);
  };
  return result;
}

}  // namespace

ImageSet subset(const ImageSet& images, std::vector<int64_t> indices) {
  ImageSet result = images;
  result.labels.clear();
  for (const int64_t index : indices) {
    assert(index >= 0 && index < images.size());
    result.labels.push_back(images.labels[static_cast<size_t>(index)]);
  }
  const auto shared = std::make_shared<const std::vector<int64_t>>(std::move(indices));
  result.load = [load = images.load, shared](int64_t index, uint8_t* pixels) {
    load((*shared)[static_cast<size_t>(index)], pixels);
  };
  if (images.load_window)
    result.load_window = [load = images.load_window, shared](
                             int64_t index, const ChooseWindow& choose, uint8_t* pixels) {
      load((*shared)[static_cast<size_t>(index)], choose, pixels);
    };
  return result;
}

ImageSet with_channels_reversed(ImageSet images) {
  images.load = [load = images.load, shape = images.shape](int64_t index, uint8_t* pixels) {
    load(index, pixels);
    const int64_t plane = shape.bytes() / shape.channels;
    for (int c = 0; c < shape.channels / 2; ++c)
      std::swap_ranges(pixels + c * plane, pixels + (c + 1) * plane,
                       pixels + (shape.channels - 1 - c) * plane);
  };
  return images;
}

bool fits_with_border(const ImageShape& from, const ImageShape& to) {
  const auto side_fits = [](int small, int large) {
    return small <= large && 4 * small >= 3 * large;
  };
  return side_fits(from.height, to.height) && side_fits(from.width, to.width);
}

Image RawImages::image(int64_t index) const {
  const auto first = pixels.begin() + index * shape.bytes();
  return {shape, {first, first + shape.bytes()}};
}

Parts fit(std::vector<std::string> classes, RawImages train, RawImages test,
          const ImageShape& shape, const std::string& format) {
  Parts parts;
  parts.classes = std::move(classes);
  parts.slow = !fits_with_border(train.shape, shape) || !fits_with_border(test.shape, shape);
  const auto add = [&](RawImages images, const char* name, ImageSet& set, Originals& originals) {
    const auto raw = std::make_shared<const RawImages>(std::move(images));
    set = fit(raw, shape);
    originals.name = [name](int64_t index) { return cat(name, " image ", index); };
    originals.read = [raw, format](int64_t index) {
      Image image = raw->image(index);
      const std::string bytes(image.pixels.begin(), image.pixels.end());
      return Original{format, std::move(image), std::hash<std::string>()(bytes)};
    };
  };
  add(std::move(train), "training", parts.train, parts.train_originals);
  add(std::move(test), "test", parts.test, parts.test_originals);
  return parts;
}

void load_window(const ImageSet& images, int64_t index, const ChooseWindow& choose,
                 uint8_t* pixels) {
  if (images.load_window) return images.load_window(index, choose, pixels);
  const auto [channels, height, width] = images.shape;
  Image image{images.shape, std::vector<uint8_t>(static_cast<size_t>(images.shape.bytes()))};
  images.load(index, image.pixels.data());
  image = resize(crop(image, choose(height, width)), height, width);
  std::copy(image.pixels.begin(), image.pixels.end(), pixels);
}

ImageSet hold(const ImageSet& images, const std::string& what, const Work& work) {
  const ImageShape shape = images.shape;
  const auto pixels =
      std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(images.size() * shape.bytes()));
  const auto good = good_images(images, what, work, [&](int64_t index) {
    images.load(index, pixels->data() + index * shape.bytes());
  });
  ImageSet held = images;
  held.load = [pixels, shape](int64_t index, uint8_t* out) {
    std::memcpy(out, pixels->data() + index * shape.bytes(), static_cast<size_t>(shape.bytes()));
  };
  return good ? subset(held, *good) : held;
}

ImageSet readable(const ImageSet& images, const std::string& what, const Work& work) {
  const auto good = good_images(images, what, work, [&](int64_t index) {
    std::vector<uint8_t> pixels(static_cast<size_t>(images.shape.bytes()));
    images.load(index, pixels.data());
  });
  return good ? subset(images, *good) : images;
}

}  // namespace vpunas
