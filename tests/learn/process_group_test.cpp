#include "learn/process_group.h"

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

using Variables = std::map<std::string, std::string>;

Place place_of(const Variables& variables) {
  return place_in([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(PlaceIn, KnowsTheUsualLaunchers) {
  EXPECT_EQ(place_of({}), Place{});
  EXPECT_EQ(place_of({{"RANK", "3"},
                      {"WORLD_SIZE", "8"},
                      {"LOCAL_WORLD_SIZE", "4"},
                      {"MASTER_ADDR", "10.0.0.1"},
                      {"MASTER_PORT", "4000"}}),
            (Place{3, 8, 3, 4, "10.0.0.1", 4000}));
  EXPECT_EQ(place_of({{"OMPI_COMM_WORLD_RANK", "1"},
                      {"OMPI_COMM_WORLD_SIZE", "2"},
                      {"OMPI_COMM_WORLD_LOCAL_RANK", "0"},
                      {"OMPI_COMM_WORLD_LOCAL_SIZE", "1"},
                      {"MASTER_ADDR", "10.0.0.1"}}),
            (Place{.rank = 1, .size = 2, .address = "10.0.0.1"}));
  EXPECT_EQ(place_of({{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}}),
            (Place{.rank = 0, .size = 2, .local_size = 2}));
  EXPECT_EQ(place_of({{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "2"}}),
            (Place{.rank = 1, .size = 2, .local_rank = 1, .local_size = 2}));
  // Two tasks on each of three machines.
  EXPECT_EQ(place_of({{"SLURM_PROCID", "3"},
                      {"SLURM_STEP_NUM_TASKS", "6"},
                      {"SLURM_LOCALID", "1"},
                      {"SLURM_STEP_TASKS_PER_NODE", "2(x3)"},
                      {"MASTER_ADDR", "node1"}}),
            (Place{.rank = 3, .size = 6, .local_rank = 1, .local_size = 2, .address = "node1"}));
  // An allocation without srun starts one process.
  EXPECT_EQ(place_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}}), Place{});
}

TEST(PlaceIn, RefusesWhatIsNoPlace) {
  EXPECT_THROW(place_of({{"RANK", "2"}, {"WORLD_SIZE", "2"}}), Error);
  EXPECT_THROW(place_of({{"RANK", "one"}, {"WORLD_SIZE", "2"}}), Error);
  EXPECT_THROW(place_of({{"RANK", "1(x2)"}, {"WORLD_SIZE", "2"}}), Error);
  EXPECT_THROW(place_of({{"RANK", "0"}, {"WORLD_SIZE", "0"}}), Error);
  EXPECT_THROW(place_of({{"PMI_RANK", "0"}, {"PMI_SIZE", "4"}, {"MPI_LOCALNRANKS", "2"}}), Error);
}

// Calls use(group) in as many threads as there are places, each a process to the others.
template <class Use>
void as_group(int size, Use&& use) {
  static int port = 20000 + static_cast<int>(getpid() % 8000);  // below those of connections
  ++port;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      const ProcessGroup group({.rank = rank, .size = size, .local_size = size, .port = port});
      use(group);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ProcessGroup, AloneItBroadcastsToItself) {
  const ProcessGroup alone;
  EXPECT_TRUE(alone.leads());
  EXPECT_EQ(alone.broadcast("text"), "text");
}

TEST(ProcessGroup, BroadcastsTheFirstOnesBytes) {
  std::vector<std::string> got(3);
  as_group(3, [&](const ProcessGroup& group) {
    const std::string own(1000, static_cast<char>('a' + group.rank()));
    got[static_cast<size_t>(group.rank())] = group.broadcast(own) + group.broadcast("");
  });
  for (const std::string& text : got) EXPECT_EQ(text, std::string(1000, 'a'));
}

TEST(ProcessGroup, WaitsForOthersNoLongerThanItMay) {
  std::stop_source stop;
  stop.request_stop();
  const Place first{.rank = 0, .size = 2, .port = 29000},
      second{.rank = 1, .size = 2, .port = 29001};
  EXPECT_THROW(ProcessGroup(first, stop.get_token()), Interrupted);
  EXPECT_THROW(ProcessGroup(second, stop.get_token()), Interrupted);
  try {
    ProcessGroup({.rank = 1, .size = 2, .address = "no.such.host.invalid"});
    FAIL() << "connected";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("no.such.host.invalid"), std::string::npos);
  }
}

TEST(ProcessGroup, SharesBatchesEvenly) {
  EXPECT_EQ(ProcessGroup().part_of(7), 7);
  as_group(2, [](const ProcessGroup& group) {
    EXPECT_EQ(group.part_of(8), 4);
    EXPECT_THROW(group.part_of(7), Error);
  });
}

// One that has nothing to do is gone while another still connects.
TEST(ProcessGroup, MembersMayLeaveAtOnce) {
  for (int i = 0; i < 5; ++i) as_group(2, [](const ProcessGroup&) {});
}

// As paths of a supernet: which parameters have gradients changes from step to step.
TEST(ProcessGroup, AveragesGradientsOfChangingParameters) {
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
TEST(ProcessGroup, FollowersTakeTheLeadersCheckpointWhateverTheirKey) {
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
TEST(ProcessGroup, TrainsAsOneProcessDoes) {
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
