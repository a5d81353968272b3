// Fused steps of a network as libtorch operations with gradients, for training: batch norm takes
// the statistics of its batch. Normalised activations in front of a depthwise convolution are
// computed anew on every reading and never stored.
#pragma once

#include <optional>

#include "learn/kernels/types.h"
#include "learn/torch.h"

namespace vpunas {

struct NormTensors {
  torch::Tensor weight, bias;
  torch::Tensor running_mean, running_var;  // moved by 0.1 towards the batch's; undefined: not
  double eps = 1e-5;
  kernels::Clamp clamp = {};  // the activation behind it
};

// Whether the functions below take x: float images on a CPU.
bool can_fuse(const torch::Tensor& x);

// clamp(batch_norm(x)), plus the residual where there is one.
torch::Tensor fused_norm(const torch::Tensor& x, const NormTensors& norm,
                         const std::optional<torch::Tensor>& residual);

// clamp(after(depthwise(clamp(before(x))))) with a weight of [c, 1, k, k]; `before` may be null.
torch::Tensor fused_depthwise(const torch::Tensor& x, const NormTensors* before,
                              const torch::Tensor& weight, int stride, const NormTensors& after);

}  // namespace vpunas
