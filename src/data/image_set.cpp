#include <cassert>
#include <cstring>
#include <memory>

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

}  // namespace

ImageSet subset(const ImageSet& images, std::vector<int64_t> indices) {
  ImageSet result{images.shape, {}, {}};
  for (const int64_t index : indices) {
    assert(index >= 0 && index < images.size());
    result.labels.push_back(images.labels[static_cast<size_t>(index)]);
  }
  result.load = [load = images.load, shared = std::make_shared<const std::vector<int64_t>>(
                                         std::move(indices))](int64_t index, uint8_t* pixels) {
    load((*shared)[static_cast<size_t>(index)], pixels);
  };
  return result;
}

bool fits_with_border(const ImageShape& from, const ImageShape& to) {
  const auto side_fits = [](int small, int large) {
    return small <= large && 4 * small >= 3 * large;
  };
  return side_fits(from.height, to.height) && side_fits(from.width, to.width);
}

ImageSet fit(RawImages raw, const ImageShape& shape) {
  ImageSet result{shape, raw.labels, {}};
  const auto shared = std::make_shared<const RawImages>(std::move(raw));
  result.load = [shared, shape](int64_t index, uint8_t* out) {
    const ImageShape& from = shared->shape;
    const uint8_t* pixels = shared->pixels.data() + index * from.bytes();
    if (from == shape) {
      std::memcpy(out, pixels, static_cast<size_t>(shape.bytes()));
    } else if (fits_with_border(from, shape) && from.channels <= shape.channels) {
      place(pixels, from, shape, out);
    } else {
      Image image = to_channels({from, {pixels, pixels + from.bytes()}}, shape.channels);
      if (!fits_with_border(from, shape)) image = resize(image, shape.height, shape.width);
      place(image.pixels.data(), image.shape, shape, out);
    }
  };
  return result;
}

ImageSet hold(const ImageSet& images, const std::string& what, const Work& work) {
  const ImageShape shape = images.shape;
  const auto pixels =
      std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(images.size() * shape.bytes()));
  parallel_for(images.size(), what, work,
               [&](int64_t index) { images.load(index, pixels->data() + index * shape.bytes()); });
  return {shape, images.labels, [pixels, shape](int64_t index, uint8_t* out) {
            std::memcpy(out, pixels->data() + index * shape.bytes(),
                        static_cast<size_t>(shape.bytes()));
          }};
}

}  // namespace vpunas
