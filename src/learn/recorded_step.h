// A step of training whose kernels are sent to the GPU all at once.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "learn/torch.h"

namespace vpunas {

// Records what is sent to a device instead of computing it, to be computed as often as one likes.
class Recorder {
 public:
  virtual ~Recorder() = default;
  virtual void begin() = 0;
  virtual void end() = 0;
  // Computes what was recorded, from what its tensors hold now into the same memory as ever.
  virtual void replay() = 0;
};

// CUDA's graphs. Throws Error where the program was built without CUDA's headers or there is no
// GPU to compute on.
std::unique_ptr<Recorder> cuda_graph();

// Forward and backward pass of batches of one shape. A small network's hundreds of kernels take a
// GPU less time than the host needs to send them one by one.
class RecordedStep {
 public:
  // Returns the loss and leaves gradients in the parameters. All else that it reads must stay where
  // it is; it must not wait for the device.
  using Compute =
      std::function<torch::Tensor(const torch::Tensor& images, const torch::Tensor& targets)>;
  // `parameters`: all that get gradients.
  RecordedStep(std::unique_ptr<Recorder> recorder, std::vector<torch::Tensor> parameters,
               Compute compute);

  // As `compute`. The first calls compute, for libraries to set themselves up; the one behind them
  // records. Gradients are overwritten by the next call: use them before.
  torch::Tensor operator()(const torch::Tensor& images, const torch::Tensor& targets);

 private:
  void record(const torch::Tensor& images, const torch::Tensor& targets);

  std::unique_ptr<Recorder> recorder_;
  std::vector<torch::Tensor> parameters_;
  Compute compute_;
  int computed_ = 0;
  // The recording's own: what it reads and what it leaves.
  torch::Tensor images_, targets_, loss_;
  std::vector<torch::Tensor> gradients_;
};

}  // namespace vpunas
