#include "learn/connect.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "base/files.h"
#include "base/progress.h"
#include "learn/checkpoint.h"
#include "learn/gradients.h"
#include "learn/train.h"
#include "tests/learn/support.h"

namespace vpunas {
namespace {

// Calls use(group) in as many threads as there are places, each a process to the others.
template <class Use>
void as_group(int size, Use&& use) {
  static int port = 20000 + static_cast<int>(getpid() % 8000);  // below those of connections
  ++port;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      const ProcessGroup group =
          connect({.rank = rank, .size = size, .local_size = size, .port = port});
      use(group);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Connect, BroadcastsTheFirstOnesBytes) {
  std::vector<std::string> got(3);
  as_group(3, [&](const ProcessGroup& group) {
    const std::string own(1000, static_cast<char>('a' + group.rank()));
    got[static_cast<size_t>(group.rank())] = group.broadcast(own) + group.broadcast("");
  });
  for (const std::string& text : got) EXPECT_EQ(text, std::string(1000, 'a'));
}

TEST(Connect, WaitsForOthersNoLongerThanItMay) {
  std::stop_source stop;
  stop.request_stop();
  const Place first{.rank = 0, .size = 2, .port = 29000},
      second{.rank = 1, .size = 2, .port = 29001};
  EXPECT_THROW(connect(first, stop.get_token()), Interrupted);
  EXPECT_THROW(connect(second, stop.get_token()), Interrupted);
  try {
    connect({.rank = 1, .size = 2, .address = "no.such.host.invalid"});
    FAIL() << "connected";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("no.such.host.invalid"), std::string::npos);
  }
}

TEST(Connect, SharesBatchesEvenly) {
  EXPECT_EQ(ProcessGroup().part_of(7), 7);
  as_group(2, [](const ProcessGroup& group) {
    EXPECT_EQ(group.part_of(8), 4);
    EXPECT_THROW(group.part_of(7), Error);
  });
}

// One that has nothing to do is gone while another still connects.
TEST(Connect, MembersMayLeaveAtOnce) {
  for (int i = 0; i < 5; ++i) as_group(2, [](const ProcessGroup&) {});
}

// As paths of a supernet: which parameters have gradients changes from step to step.
TEST(Connect, AveragesGradientsOfChangingParameters) {
  as_group(2, [](const ProcessGroup& group) {
    const std::vector<torch::Tensor> parameters{torch::ones({3}, torch::requires_grad()),
                                                torch::ones({5}, torch::requires_grad())};
    GradientAverage gradients(parameters, group, /*some_unused=*/true);
    for (const size_t used : {0, 1, 0, 0, 1}) {
      for (const torch::Tensor& parameter : parameters)
        if (parameter.grad().defined()) parameter.mutable_grad().zero_();
      gradients.backward(parameters[used].sum() * (1.0 + group.rank()));
      EXPECT_EQ(parameters[used].grad().mean().item<float>(), 1.5F);
    }
  });
}

// Its key is of the leader's paths: another machine's images may lie elsewhere.
TEST(Connect, FollowersTakeTheLeadersCheckpointWhateverTheirKey) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "checkpoint.safetensors";
  write_checkpoint(path, {.key = "leader's", .state = {{"step", 7}}, .tensors = {}});
  as_group(2, [&](const ProcessGroup& group) {
    const auto saved = group.leads()
                           ? read_checkpoint(path, "leader's", group)
                           : read_checkpoint(folder.path() / "not/there", "follower's", group);
    ASSERT_TRUE(saved.has_value());
    EXPECT_EQ(saved->state.at("step"), 7);
  });
  EXPECT_THROW(read_checkpoint(path, "other"), Error);
}

// Without batch norm, whose statistics are of a process's part of the batch, many processes compute
// what one does: steps of averaged gradients, here with momentum, clipping and accumulation.
TEST(Connect, TrainsAsOneProcessDoes) {
  TrainJob job;
  job.graph = image_graph({3, 16, 16}, {});
  job.graph.name = "linear";
  job.graph.add("pool", Pool{.kind = PoolKind::average, .kh = 4, .kw = 4, .sh = 4, .sw = 4}, {1});
  job.graph.add("global", GlobalPool{}, {2});
  job.graph.add("classifier", Linear{.out_features = 10, .bias = true}, {3});
  job.config.epochs = 2;
  job.config.recipe.batch_size = 32;
  job.config.accumulate = 2;
  job.config.clip_norm = 0.5;
  job.config.ema_decay = 0;
  const Dataset data = test::small_data(512);
  const TemporaryFolder folder;
  const Weights alone = train(job, data, folder.path() / "alone", {}).weights;
  Weights together;
  as_group(2, [&](const ProcessGroup& group) {
    const TrainResult result = train(job, data, folder.path() / "together", {}, group);
    if (group.leads()) together = result.weights;
  });
  for (const auto& [name, value] : alone) {
    const std::vector<float>& others = together.at(name).data;
    ASSERT_EQ(others.size(), value.data.size());
    for (size_t i = 0; i < others.size(); ++i) EXPECT_NEAR(others[i], value.data[i], 1e-5) << name;
  }
}

}  // namespace
}  // namespace vpunas
