// Gradients of one step, averaged over processes while they are computed.
#pragma once

#include <memory>
#include <vector>

#include "learn/torch.h"
#include "training/process_group.h"

namespace vpunas {

// c10d's reducer, as DistributedDataParallel uses it (Li et al., VLDB 2020): buckets of gradients
// are sent while earlier layers' are still computed. The parameters are the same in all processes,
// in value and order.
class GradientAverage {
 public:
  // `some_unused`: not every step has gradients for all, but in all processes for the same.
  GradientAverage(const std::vector<torch::Tensor>& parameters, const ProcessGroup& group,
                  bool some_unused);
  ~GradientAverage();

  // Like loss.backward(); `average`: gradients, accumulated ones too, become the processes' mean.
  // Throws Error where a process is gone.
  void backward(const torch::Tensor& loss, bool average = true);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vpunas
