#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "learn/compute_device.h"
#include "learn/evaluate.h"
#include "learn/network.h"
#include "learn/recorded_step.h"
#include "learn/runtime.h"
#include "learn/train.h"
#include "tests/learn/support.h"

namespace vpunas {
namespace {

bool has_gpu() { return choose_device("auto") != "cpu"; }

// The tests behind it compute on the CPU again.
struct Device : testing::Test {
  ~Device() override { choose_device("cpu"); }
};

TEST_F(Device, IsTheCpuUnlessAGpuIsAskedFor) {
  EXPECT_EQ(choose_device("cpu"), "cpu");
  EXPECT_EQ(compute_device(), torch::Device(torch::kCPU));
  if (!std::filesystem::exists("/dev/nvidiactl")) {
    EXPECT_EQ(choose_device("auto"), "cpu");
  }
}

TEST_F(Device, SaysThatThereIsNoSuchGpu) {
  try {
    choose_device("gpu", 999);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("run.device is gpu, but there is no GPU"),
              std::string::npos)
        << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
  }
  EXPECT_TRUE(compute_device().is_cpu());
}

TEST_F(Device, HasNoCudaGraphsWithoutAGpu) {
  try {
    cuda_graph();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("run.cuda_graphs needs a GPU to compute on"), 0u)
        << error.what();
  }
}

// Recording, too: the same kernels compute the same numbers, but for where cuDNN adds in no fixed
// order.
TEST_F(Device, ARecordedTrainingIsTheTraining) {
  if (!has_gpu()) GTEST_SKIP() << "no GPU here";
  const Dataset data = test::small_data(1500);
  TrainJob job;
  job.graph = lower(choose(test::small_space(), {0, 1, 2}, "small"), {});
  job.config.epochs = 2;
  job.config.recipe.batch_size = 64;
  job.config.recipe.lr = 0.1;
  job.config.dropout = 0.1;
  job.config.mixup = 0.2;
  double loss[2] = {};
  for (const bool graphs : {false, true}) {
    job.cuda_graphs = graphs;
    const TemporaryFolder folder;
    loss[graphs] = train(job, data, folder.path() / "checkpoint", {}).curve.back().train_loss;
  }
  EXPECT_NEAR(loss[1], loss[0], 0.05);
}

TEST_F(Device, AGpuComputesWhatTheCpuDoes) {
  if (!has_gpu()) GTEST_SKIP() << "no GPU here";
  at::globalContext().setAllowTF32CuDNN(false);
  const Graph graph = lower(choose(test::small_space(), {0, 1, 2}, "small"), {});
  const Weights weights = random_weights(graph, 3);
  const ImageSet images = test::small_data().test;
  const std::vector<float> there = logits(graph, weights, images);
  choose_device("cpu");
  const std::vector<float> here = logits(graph, weights, images);
  ASSERT_EQ(there.size(), here.size());
  for (size_t i = 0; i < here.size(); ++i) EXPECT_NEAR(there[i], here[i], 1e-3);
}

TEST_F(Device, AGpuLearns) {
  if (!has_gpu()) GTEST_SKIP() << "no GPU here";
  const Dataset data = test::small_data(1500);
  for (const bool amp : {false, true}) {
    TrainJob job;
    job.graph = lower(choose(test::small_space(), {0, 1, 2}, "small"), {});
    job.config.epochs = 8;
    job.config.recipe.batch_size = 64;
    job.config.recipe.lr = 0.1;
    job.config.recipe.amp = amp;
    job.seed = 1;
    const TemporaryFolder folder;
    const TrainResult result = train(job, data, folder.path() / "checkpoint", {});
    EXPECT_GT(evaluate(job.graph, result.weights, data.test).accuracy, 0.6) << "amp " << amp;
  }
}

}  // namespace
}  // namespace vpunas
