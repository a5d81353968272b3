// In place of gloo.cpp where Gloo's headers are not there.
#include "base/error.h"
#include "learn/connect.h"
#include "learn/gradients.h"

namespace vpunas {

struct GradientAverage::State {};

ProcessGroup connect(const Place& place, const std::stop_token&) {
  if (place.size > 1)
    fail(
        "this build trains in one process alone; build it where Debian's libgloo-dev is installed");
  return {};
}

GradientAverage::GradientAverage(const std::vector<torch::Tensor>&, const ProcessGroup&, bool) {}
GradientAverage::~GradientAverage() = default;
void GradientAverage::backward(const torch::Tensor& loss, bool) { loss.backward(); }

}  // namespace vpunas
