// Fused steps of a network as one libtorch operation with gradients, for training: batch norm takes
// the statistics of its batch. Of the activations only what convolutions put out is stored; their
// normalised and activated form is computed anew on every reading.
#pragma once

#include <optional>
#include <vector>

#include "kernels/types.h"
#include "learn/torch.h"

namespace vpunas {

struct NormTensors {
  torch::Tensor weight, bias;
  torch::Tensor running_mean, running_var;  // moved by 0.1 towards the batch's; undefined: not
  double eps = 1e-5;
  kernels::Clamp clamp = {};  // the activation behind it
};

// A convolution without bias and the batch norm behind it.
struct ConvNorm {
  torch::Tensor weight;  // float [out, in, k, k], or depthwise [c, 1, k, k] with k > 1
  int stride = 1;
  NormTensors norm;
};

// Whether fused_chain takes x: images on a CPU, float or bfloat16.
bool can_fuse(const torch::Tensor& x);

// Whether this processor multiplies matrices of bfloat16 (x86-64 with AVX-512, faster with its
// bfloat16 dot products or AMX). Elsewhere chains of bfloat16 are multiplied as float32.
bool multiplies_bfloat16();

// The stages one after the other on x, or on before(x) where that is not null; plus the residual
// where there is one. The output has x's type.
torch::Tensor fused_chain(const torch::Tensor& x, const NormTensors* before,
                          const std::vector<ConvNorm>& stages,
                          const std::optional<torch::Tensor>& residual);

}  // namespace vpunas
