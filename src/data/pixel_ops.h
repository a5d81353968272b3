// Inside data/: operations of augmentation on the pixels of one image, in place.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "data/dataset.h"

namespace vpunas {

// One image, CHW.
struct Planes {
  ImageShape shape;
  uint8_t* pixels;
  int64_t plane() const { return int64_t{1} * shape.height * shape.width; }
};

void mirror(const Planes& image);

// factor x image + (1 - factor) x other, rounded to 0..255. The other is: black; the mean luma of
// the image; its luma (nothing changes in an image of one channel); the image smoothed by
// [1 1 1; 1 5 1; 1 1 1] / 13, but for its edge. As Pillow's ImageEnhance and torchvision.
void change_brightness(const Planes& image, double factor);
void change_contrast(const Planes& image, double factor);
void change_saturation(const Planes& image, double factor);
void change_sharpness(const Planes& image, double factor, std::vector<uint8_t>& scratch);

// Keeps the upper bits of each value.
void posterize(const Planes& image, int bits);
// Inverts values of `threshold` and above.
void solarize(const Planes& image, int threshold);
// Stretches each channel to 0..255; one of a single value stays.
void auto_contrast(const Planes& image);
// Spreads the values of each channel evenly, as Pillow's ImageOps.equalize.
void equalize(const Planes& image);

// out(x, y) = in(a x + b y + c, d x + e y + f), the nearest pixel, black outside; {a, ..., f} in
// pixels with (0, 0) in the middle of the first.
void transform(const Planes& image, const std::array<double, 6>& affine,
               std::vector<uint8_t>& scratch);

}  // namespace vpunas
