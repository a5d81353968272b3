// RandAugment: Cubuk et al., arXiv:1909.13719.
#pragma once

#include <vector>

#include "base/random.h"
#include "data/pixel_ops.h"

namespace vpunas {

// Applies `operations` operations, each drawn from the same fourteen: identity, shear and translate
// (each in x and y), rotate, brightness, color, contrast, sharpness, posterize, solarize,
// autocontrast, equalize. `magnitude` is 0 to 30 and means what it means in torchvision's
// RandAugment: at 30, shear by 0.3, translate by 150/331 of the side, rotate by 30 degrees,
// enhance by a factor of 1 +- 0.9, keep 4 bits, invert everything. Directions are random. Pixels
// are the nearest ones, and black from outside.
void rand_augment(const Planes& image, int operations, int magnitude, Random& random,
                  std::vector<uint8_t>& scratch);

}  // namespace vpunas
