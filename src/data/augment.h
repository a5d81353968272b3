// Random changes of training images, so that a network never sees the same image twice.
#pragma once

#include <cstdint>
#include <vector>

#include "base/config.h"
#include "base/random.h"
#include "data/dataset.h"

namespace vpunas {

// In the order in which they are applied: crop, flip, RandAugment, colour jitter, erasing. Each is
// off in a default one.
struct Augmentation {
  int crop_padding = 0;
  bool flip = false;
  bool random_resized_crop = false;
  std::vector<double> crop_scale = {0.08, 1};
  std::vector<double> crop_ratio = {0.75, 1.3333};
  int rand_augment = 0;
  int rand_augment_magnitude = 9;
  double color_jitter = 0;
  double erase = 0;
  bool operator==(const Augmentation&) const = default;
};
template <class Fields>
void fields(Fields& f, Augmentation& c) {
  f("crop_padding", c.crop_padding,
    "crop at a random place of the image with a black border of so many pixels", between(0, 64));
  f("flip", c.flip, "mirror every other image");
  f("random_resized_crop", c.random_resized_crop,
    "train on random windows of the original image, scaled to the training size");
  f("crop_scale", c.crop_scale, "least and most area of such a window, as a share of the image's",
    between(0.001, 1));
  f("crop_ratio", c.crop_ratio, "least and most width of such a window divided by its height",
    between(0.01, 100));
  f("rand_augment", c.rand_augment, "operations of RandAugment on each image (0: none)",
    between(0, 14));
  f("rand_augment_magnitude", c.rand_augment_magnitude, "their strength", between(0, 30));
  f("color_jitter", c.color_jitter,
    "brightness, contrast and saturation change by a factor of up to 1 +- this", between(0, 1));
  f("erase", c.erase, "share of the images in which a random rectangle is erased", between(0, 1));
}

// Throws Error, naming the keys, where ranges are not a least and a most, or both kinds of crop are
// asked for.
void check(const Augmentation& augmentation);

// Image `index`, augmented, to `out`; what is done depends on `random` and the image alone.
// `scratch` is the caller's, reused from image to image.
//
// Sources: random resized crop and colour jitter (in a random order): torchvision's
// RandomResizedCrop and ColorJitter without hue. RandAugment: Cubuk et al., arXiv:1909.13719, with
// torchvision's operations and magnitudes (rand_augment.h). Random erasing: Zhong et al.,
// arXiv:1708.04896: a rectangle of 2 to 33 % of the area, 0.3 to 3.3 times as wide as high, of
// random values.
void load_augmented(const ImageSet& images, int64_t index, const Augmentation& augmentation,
                    Random random, std::vector<uint8_t>& scratch, uint8_t* out);

}  // namespace vpunas
