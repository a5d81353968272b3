#include "learn/recorded_step.h"

#include <dlfcn.h>

#include "base/error.h"
#include "learn/compute_device.h"

namespace vpunas {

// Linked against CUDA's part of libtorch, which most machines lack: loaded like that one
// (runtime.cpp).
std::unique_ptr<Recorder> cuda_graph() {
  constexpr const char* see = "; leave run.cuda_graphs off, or see docs/engine.md, GPUs";
  if (compute_device().is_cpu()) fail("run.cuda_graphs needs a GPU to compute on", see);
  void* library = dlopen("libvpunas_cuda_graph.so", RTLD_NOW);
  void* make = library == nullptr ? nullptr : dlsym(library, "vpunas_cuda_graph");
  if (make == nullptr) fail("this program was built without CUDA graphs (", dlerror(), ")", see);
  return std::unique_ptr<Recorder>(reinterpret_cast<Recorder* (*)()>(make)());
}

RecordedStep::RecordedStep(std::unique_ptr<Recorder> recorder,
                           std::vector<torch::Tensor> parameters, Compute compute)
    : recorder_(std::move(recorder)),
      parameters_(std::move(parameters)),
      compute_(std::move(compute)) {}

torch::Tensor RecordedStep::operator()(const torch::Tensor& images, const torch::Tensor& targets) {
  constexpr int before = 3;  // PyTorch's own number of warm-up steps
  if (computed_ < before) {
    ++computed_;
    return compute_(images, targets);
  }
  torch::NoGradGuard no_grad;
  if (!loss_.defined()) record(images, targets);
  TORCH_CHECK(images.sizes() == images_.sizes(), "a recorded step takes batches of one shape");
  images_.copy_(images);
  targets_.copy_(targets);
  for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i].mutable_grad() = gradients_[i];
  recorder_->replay();
  return loss_.clone();
}

void RecordedStep::record(const torch::Tensor& images, const torch::Tensor& targets) {
  images_ = images.clone();
  targets_ = targets.clone();
  // Gradients that are made while it records are of its memory.
  for (torch::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
  try {
    torch::AutoGradMode with_grad(true);
    recorder_->begin();
    loss_ = compute_(images_, targets_);
    recorder_->end();
  } catch (const c10::Error& error) {
    fail("the network's step cannot be recorded (", error.msg(), "); leave run.cuda_graphs off");
  } catch (const std::exception& error) {
    fail("the network's step cannot be recorded (", error.what(), "); leave run.cuda_graphs off");
  }
  for (const torch::Tensor& parameter : parameters_) gradients_.push_back(parameter.grad());
}

}  // namespace vpunas
