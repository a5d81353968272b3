#include "learn/mixing.h"

#include <algorithm>
#include <cmath>

namespace vpunas {
namespace {

namespace F = torch::nn::functional;

// Gamma(alpha, 1): Marsaglia and Tsang, A Simple Method for Generating Gamma Variables, ACM TOMS
// 26(3), 2000, section 6 for alpha < 1.
double gamma(double alpha, Random& random) {
  if (alpha < 1) return gamma(alpha + 1, random) * std::pow(1 - random.uniform(), 1 / alpha);
  const double d = alpha - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = random.normal();
    const double v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v))
      return d * v;
  }
}

double beta(double alpha, Random& random) {
  const double a = gamma(alpha, random), b = gamma(alpha, random);
  return a + b > 0 ? a / (a + b) : 0.5;
}

// Pastes a box of `share` of the area into `images`, as far as it lies inside, and returns the
// share that is left.
double paste(torch::Tensor& images, const torch::Tensor& others, double share, Random& random) {
  const int64_t height = images.size(2), width = images.size(3);
  const double side = std::sqrt(share);
  const auto span = [&](int64_t length) {
    const auto centre = random.below(length);
    const auto half = static_cast<int64_t>(side * static_cast<double>(length)) / 2;
    return std::pair(std::max<int64_t>(0, centre - half), std::min(length, centre + half));
  };
  const auto [top, bottom] = span(height);
  const auto [left, right] = span(width);
  images.slice(2, top, bottom)
      .slice(3, left, right)
      .copy_(others.slice(2, top, bottom).slice(3, left, right));
  return 1 -
         static_cast<double>((bottom - top) * (right - left)) / static_cast<double>(height * width);
}

}  // namespace

MixedBatch mix(const torch::Tensor& images, const torch::Tensor& labels, const Mixing& mixing,
               Random random) {
  if (mixing.mixup == 0 && mixing.cutmix == 0) return {images, labels, labels, 1};
  const bool cut = mixing.mixup == 0 || (mixing.cutmix > 0 && random.below(2) == 1);
  const double share = beta(cut ? mixing.cutmix : mixing.mixup, random);
  const auto others = images.flip(0);
  MixedBatch mixed{images, labels, labels.flip(0), share};
  if (cut) {
    mixed.images = images.clone();
    mixed.share = paste(mixed.images, others, 1 - share, random);
  } else {
    mixed.images = torch::lerp(others, images, share);
  }
  return mixed;
}

torch::Tensor soft_targets(const MixedBatch& batch, int64_t classes) {
  const auto probabilities = [&](const torch::Tensor& labels) {
    return torch::one_hot(labels, classes).to(torch::kFloat32);
  };
  const auto own = probabilities(batch.labels);
  return batch.share == 1 ? own : torch::lerp(probabilities(batch.other_labels), own, batch.share);
}

torch::Tensor cross_entropy(const torch::Tensor& logits, const MixedBatch& batch,
                            double smoothing) {
  const auto options = F::CrossEntropyFuncOptions().label_smoothing(smoothing);
  const auto loss = F::cross_entropy(logits, batch.labels, options);
  if (batch.share == 1) return loss;
  return batch.share * loss +
         (1 - batch.share) * F::cross_entropy(logits, batch.other_labels, options);
}

}  // namespace vpunas
