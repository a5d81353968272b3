// In place of gloo.cpp where Gloo's headers are not there.
#include "base/error.h"
#include "learn/gradients.h"

namespace vpunas {

struct ProcessGroup::State {};
struct GradientAverage::State {};

ProcessGroup::ProcessGroup() = default;
ProcessGroup::ProcessGroup(const Place& place, const std::stop_token&) {
  if (place.size > 1)
    fail(
        "this build trains in one process alone; build it where Debian's libgloo-dev is installed");
}
ProcessGroup::~ProcessGroup() = default;
ProcessGroup::ProcessGroup(ProcessGroup&&) noexcept = default;
ProcessGroup& ProcessGroup::operator=(ProcessGroup&&) noexcept = default;
int ProcessGroup::rank() const { return 0; }
int ProcessGroup::size() const { return 1; }
int ProcessGroup::local_rank() const { return 0; }
int ProcessGroup::local_size() const { return 1; }
std::string ProcessGroup::broadcast(const std::string& bytes) const { return bytes; }

GradientAverage::GradientAverage(const std::vector<torch::Tensor>&, const ProcessGroup&, bool) {}
GradientAverage::~GradientAverage() = default;
void GradientAverage::backward(const torch::Tensor& loss, bool) { loss.backward(); }

}  // namespace vpunas
