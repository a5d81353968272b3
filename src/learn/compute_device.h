// Tensors on the device that runtime.h's choose_device() chose.
#pragma once

#include "learn/torch.h"

namespace vpunas {

torch::Device compute_device();

// A tensor of the host there; itself on the CPU. A GPU's copy runs beside what the host does next.
torch::Tensor to_device(const torch::Tensor& host);

}  // namespace vpunas
