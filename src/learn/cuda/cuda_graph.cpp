// libvpunas_cuda_graph.so: CUDA graphs, which need CUDA's part of libtorch and CUDA's headers.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>

#include <optional>

#include "learn/recorded_step.h"

namespace {

class CudaGraph : public vpunas::Recorder {
 public:
  void begin() override {
    // The default stream cannot record; what it is still to compute comes first.
    c10::cuda::device_synchronize();
    stream_.emplace(c10::cuda::getStreamFromPool());
    graph_.capture_begin();
  }
  void end() override {
    graph_.capture_end();
    stream_.reset();
  }
  void replay() override { graph_.replay(); }

 private:
  at::cuda::CUDAGraph graph_;
  std::optional<c10::cuda::CUDAStreamGuard> stream_;
};

}  // namespace

extern "C" vpunas::Recorder* vpunas_cuda_graph() { return new CudaGraph; }
