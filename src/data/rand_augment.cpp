#include "data/rand_augment.h"

#include <cmath>
#include <numbers>

namespace vpunas {

namespace {

constexpr int strongest = 30;

enum class Operation {
  identity,
  shear_x,
  shear_y,
  translate_x,
  translate_y,
  rotate,
  brightness,
  color,
  contrast,
  sharpness,
  posterize,
  solarize,
  auto_contrast,
  equalize,
  count
};

// About the middle of the image.
std::array<double, 6> rotation(const ImageShape& shape, double degrees) {
  const double cosine = std::cos(degrees * std::numbers::pi / 180);
  const double sine = std::sin(degrees * std::numbers::pi / 180);
  const double x = (shape.width - 1) / 2.0;
  const double y = (shape.height - 1) / 2.0;
  return {cosine, sine, x - cosine * x - sine * y, -sine, cosine, y + sine * x - cosine * y};
}

// `strength` is 0 to 1, `sign` -1 or 1.
void apply(const Planes& image, Operation operation, double strength, int sign,
           std::vector<uint8_t>& scratch) {
  const double shear = sign * 0.3 * strength;
  const double factor = 1 + sign * 0.9 * strength;
  const auto shift = [&](int side) { return sign * std::trunc(150.0 / 331 * side * strength); };
  switch (operation) {
    case Operation::shear_x:
      return transform(image, {1, shear, 0, 0, 1, 0}, scratch);
    case Operation::shear_y:
      return transform(image, {1, 0, 0, shear, 1, 0}, scratch);
    case Operation::translate_x:
      return transform(image, {1, 0, shift(image.shape.width), 0, 1, 0}, scratch);
    case Operation::translate_y:
      return transform(image, {1, 0, 0, 0, 1, shift(image.shape.height)}, scratch);
    case Operation::rotate:
      return transform(image, rotation(image.shape, sign * 30 * strength), scratch);
    case Operation::brightness:
      return change_brightness(image, factor);
    case Operation::color:
      return change_saturation(image, factor);
    case Operation::contrast:
      return change_contrast(image, factor);
    case Operation::sharpness:
      return change_sharpness(image, factor, scratch);
    case Operation::posterize:
      return posterize(image, 8 - static_cast<int>(std::nearbyint(4 * strength)));
    case Operation::solarize:
      return solarize(image, static_cast<int>(std::ceil(255 * (1 - strength))));
    case Operation::auto_contrast:
      return auto_contrast(image);
    case Operation::equalize:
      return equalize(image);
    case Operation::identity:
    case Operation::count:
      return;
  }
}

}  // namespace

void rand_augment(const Planes& image, int operations, int magnitude, Random& random,
                  std::vector<uint8_t>& scratch) {
  const double strength = static_cast<double>(magnitude) / strongest;
  for (int i = 0; i < operations; ++i) {
    const auto operation =
        static_cast<Operation>(random.below(static_cast<int64_t>(Operation::count)));
    const int sign = random.below(2) == 0 ? 1 : -1;
    apply(image, operation, strength, sign, scratch);
  }
}

}  // namespace vpunas
