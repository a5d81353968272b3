// Batches of which every image is a mixture of two.
#pragma once

#include "base/random.h"
#include "learn/torch.h"

namespace vpunas {

struct Mixing {
  double mixup = 0;   // alpha of the share's Beta(alpha, alpha) distribution; 0: off
  double cutmix = 0;  // likewise
};

struct MixedBatch {
  torch::Tensor images, labels, other_labels;
  double share = 1;  // of `labels`
};

// Mixes image i with image n - 1 - i: by weights (mixup, arXiv:1710.09412, equation 1) or by
// pasting a box of it (cutmix, arXiv:1905.04899, equation 2); where both are on, either with
// probability a half. One share a batch. Images [n, c, h, w].
MixedBatch mix(const torch::Tensor& images, const torch::Tensor& labels, const Mixing& mixing,
               Random random);

// Probabilities [n, classes] of the labels' shares, whose cross-entropy is the same.
torch::Tensor soft_targets(const MixedBatch& batch, int64_t classes);

// Cross-entropy of logits [n, classes] with labels smoothed by `smoothing`, by the labels' shares.
torch::Tensor cross_entropy(const torch::Tensor& logits, const MixedBatch& batch, double smoothing);

}  // namespace vpunas
