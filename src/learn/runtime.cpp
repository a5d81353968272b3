#include "learn/runtime.h"

#include <dlfcn.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <mutex>

#include "base/processors.h"
#include "base/text.h"
#include "kernels/threads.h"
#include "learn/compute_device.h"

namespace vpunas {

void set_threads(int threads) { torch::set_num_threads(threads > 0 ? threads : processor_count()); }

kernels::Parallel kernel_threads() {
  static std::mutex mutex;
  static std::shared_ptr<kernels::Threads> threads;  // whose callers may outlive set_threads()
  const std::lock_guard lock(mutex);
  if (!threads || threads->size() != at::get_num_threads())
    threads = std::make_shared<kernels::Threads>(at::get_num_threads());
  return {.threads = threads->size(),
          .run = [pool = threads](int tasks, const std::function<void(int)>& task) {
            pool->run(tasks, task);
          }};
}

namespace {

torch::Device chosen_device = torch::kCPU;

// Why there is no GPU to compute on, or nothing.
std::string load_cuda() {
  // It registers itself in libtorch. Not linked, as it is large and mostly absent.
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) return dlerror();
  return torch::cuda::is_available() ? "" : "CUDA sees no GPU";
}

}  // namespace

std::string choose_device(const std::string& wanted, int index) {
  chosen_device = torch::kCPU;
  const bool may_exist = std::filesystem::exists("/dev/nvidiactl") ||
                         std::filesystem::exists("/dev/dxg");  // of Windows' Linux
  if (wanted == "gpu" || (wanted == "auto" && may_exist)) {
    const std::string fault = load_cuda();
    if (fault.empty() && index < static_cast<int>(torch::cuda::device_count()))
      chosen_device = torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(index));
    else if (wanted == "gpu")
      fail("run.device is gpu, but there is no GPU ", index, " to compute on (",
           fault.empty() ? cat("CUDA sees ", torch::cuda::device_count()) : fault,
           "); use run.device=cpu, or see docs/engine.md, GPUs");
  }
  return chosen_device.str();
}

torch::Device compute_device() { return chosen_device; }

torch::Tensor to_device(const torch::Tensor& host) {
  return chosen_device.is_cpu() ? host : host.pin_memory().to(chosen_device, /*non_blocking=*/true);
}

int64_t peak_memory() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return int64_t{used.ru_maxrss} * 1024;
}

void Effort::report(const Work& work, const std::string& stage, const std::string& what,
                    int64_t images, double waited_seconds) const {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  const double seconds = std::max(1e-9, elapsed.count());
  const double cores = (processor_seconds() - start_core_seconds_) / seconds;
  const int threads = torch::get_num_threads();
  work.note(stage, cat(what, ": ", fixed(static_cast<double>(images) / seconds, 0), " images/s, ",
                       fixed(cores, 1), " of ", threads, " cores, ",
                       fixed(100 * waited_seconds / seconds, 1), " % waiting for data, ",
                       fixed(static_cast<double>(peak_memory()) * 1e-9, 2), " GB at most"));
  // A short stretch says little, and its first steps are spent on starting.
  constexpr double least_seconds = 20, least_share = 0.65;
  if (chosen_device.is_cpu() && seconds > least_seconds && cores < least_share * threads) {
    work.warn(stage, cat(what, ": only ", fixed(cores, 1), " of ", threads,
                         " cores were at work; other programs run beside, or threads share a core "
                         "(compare with -j ",
                         std::max(1, threads / 2), ")"));
  }
}

}  // namespace vpunas
