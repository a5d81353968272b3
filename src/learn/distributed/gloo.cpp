#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/logger.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include "base/progress.h"
#include "learn/connect.h"
#include "learn/gradients.h"

namespace vpunas {
namespace {

using Milliseconds = std::chrono::milliseconds;
constexpr Milliseconds kJoin = std::chrono::minutes(5);
// Processes wait while the first one evaluates, searches or saves; one that dies is noticed at
// once.
constexpr Milliseconds kWait = std::chrono::hours(24 * 7);
// Bytes that travel together. DistributedDataParallel's 25 MB would hold the whole of a mobile
// network, which would then wait for the last gradient before it sends the first.
constexpr size_t kBucket = 1 << 20;

// This machine's address as the first process's machine sees it.
std::string own_address(const std::string& first) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (getaddrinfo(first.c_str(), "1", &hints, &found) != 0)
    fail("MASTER_ADDR=", first, ": no such host");
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  char text[NI_MAXHOST] = {};
  const int socket = ::socket(found->ai_family, found->ai_socktype, found->ai_protocol);
  const bool known = socket >= 0 && ::connect(socket, found->ai_addr, found->ai_addrlen) == 0 &&
                     getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
                     getnameinfo(reinterpret_cast<sockaddr*>(&address), length, text, sizeof text,
                                 nullptr, 0, NI_NUMERICHOST) == 0;
  if (socket >= 0) close(socket);
  if (!known) fail("MASTER_ADDR=", first, ": cannot be reached from here");
  return text;
}

// The first line of what c10d says, which goes on with its stack.
std::string first_line(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

template <class Call>
auto reaching_all(Call&& call) {
  try {
    return call();
  } catch (const std::exception& error) {
    fail("another process of this training is gone (", first_line(error),
         "); start all of them again to go on from the last checkpoint");
  }
}

// The store through which processes find each other, once all are there.
c10::intrusive_ptr<c10d::Store> join(const Place& place, const std::stop_token& stop) {
  const auto end = std::chrono::steady_clock::now() + kJoin;
  const auto wait = [&](const std::string& what) {
    if (stop.stop_requested()) throw Interrupted("stopped before the other processes were there");
    if (std::chrono::steady_clock::now() > end) {
      fail("process ", place.rank, " of ", place.size, " waited five minutes in vain: ", what,
           "; check MASTER_ADDR and MASTER_PORT");
    }
    std::this_thread::sleep_for(Milliseconds(50));
  };
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(place.port);
  options.isServer = place.rank == 0;
  options.waitWorkers = false;
  // A vain attempt of the others' should end soon; the first only waits for itself.
  options.timeout = options.isServer ? kJoin : std::chrono::seconds(2);
  c10::intrusive_ptr<c10d::Store> store;
  while (!store) {
    try {
      store = c10::make_intrusive<c10d::TCPStore>(place.address, options);
    } catch (const std::exception& error) {
      if (options.isServer)
        fail("port ", place.port, " cannot be had (", first_line(error), "); set MASTER_PORT");
      wait(cat("no process 0 at ", place.address, ":", place.port));
    }
  }
  store->setTimeout(kJoin);
  store->add("here", 1);
  for (int64_t here = 0; (here = store->add("here", 0)) < place.size;)
    wait(cat("only ", here, " came"));
  return store;
}

class GlooConnection : public Connection {
 public:
  GlooConnection(bool leads, c10::intrusive_ptr<c10d::ProcessGroup> processes)
      : group(std::move(processes)), leads_(leads) {}

  std::string broadcast(const std::string& bytes) const override {
    return reaching_all([&] {
      const auto send = [&](torch::Tensor tensor) {
        std::vector<torch::Tensor> tensors = {std::move(tensor)};
        group->broadcast(tensors)->wait();
        return tensors.front();
      };
      const auto length =
          send(torch::tensor(static_cast<int64_t>(bytes.size()), torch::kInt64)).item<int64_t>();
      std::string result = leads_ ? bytes : std::string(static_cast<size_t>(length), '\0');
      if (length > 0) send(torch::from_blob(result.data(), {length}, torch::kUInt8));
      return result;
    });
  }

  const c10::intrusive_ptr<c10d::ProcessGroup> group;

 private:
  bool leads_;
};

}  // namespace

ProcessGroup connect(const Place& place, const std::stop_token& stop) {
  if (place.size == 1) return {};
  FLAGS_caffe2_log_level = 3;  // c10d tells each vain attempt; the last is told by us
  const std::string address = own_address(place.address);
  const auto store = join(place, stop);
  try {
    const auto options = c10d::ProcessGroupGloo::Options::create(kJoin);
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
    const auto gloo =
        c10::make_intrusive<c10d::ProcessGroupGloo>(store, place.rank, place.size, options);
    // One that leaves again before the last has connected would look like a crash to it.
    gloo->barrier()->wait();
    gloo->setTimeout(kWait);
    auto group = c10::make_intrusive<c10d::ProcessGroup>(store, place.rank, place.size);
    for (const c10::DeviceType device : {c10::kCPU, c10::kCUDA})
      group->setBackend(device, c10d::ProcessGroup::BackendType::GLOO, gloo);
    return {place, std::make_unique<GlooConnection>(place.rank == 0, std::move(group))};
  } catch (const std::exception& error) {
    fail("process ", place.rank, " of ", place.size, " cannot reach the others from ", address,
         " (", first_line(error), "); check that they may connect to each other");
  }
}

struct GradientAverage::State {
  std::shared_ptr<c10d::Reducer> reducer;  // none of a process alone
  std::shared_ptr<c10d::Logger> logger;    // the reducer calls it, there or not
};

GradientAverage::GradientAverage(const std::vector<torch::Tensor>& parameters,
                                 const ProcessGroup& group, bool some_unused)
    : state_(std::make_unique<State>()) {
  if (group.size() == 1) return;
  // Gradients come in about the reverse order of parameters, which is how buckets are filled.
  const auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(parameters, {kBucket});
  state_->reducer = std::make_shared<c10d::Reducer>(
      parameters, std::vector(buckets.rbegin(), buckets.rend()),
      static_cast<const GlooConnection&>(*group.connection()).group,
      std::vector<bool>(parameters.size(), false), kBucket, some_unused,
      /*gradient_as_bucket_view=*/true, std::unordered_map<size_t, std::string>(), kBucket,
      /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false,
      std::vector<int64_t>());
  state_->logger = std::make_shared<c10d::Logger>(state_->reducer);
  state_->reducer->set_logger(state_->logger);
}

GradientAverage::~GradientAverage() = default;

void GradientAverage::backward(const torch::Tensor& loss, bool average) {
  if (!state_->reducer) return loss.backward();
  reaching_all([&] {
    if (average) {
      state_->reducer->prepare_for_forward();
      state_->reducer->prepare_for_backward({loss});
    }
    loss.backward();
  });
}

}  // namespace vpunas
