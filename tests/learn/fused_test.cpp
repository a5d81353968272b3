// Fused steps against libtorch's own operations.
#include "learn/fused.h"

#include <gtest/gtest.h>

#include "arch/zoo.h"
#include "base/files.h"
#include "learn/network.h"
#include "learn/runtime.h"
#include "learn/supernet.h"
#include "tests/cases.h"
#include "tests/learn/support.h"

namespace vpunas {
namespace {

double relative_difference(const torch::Tensor& expected, const torch::Tensor& actual) {
  return (expected - actual).norm().item<double>() /
         std::max(1e-12, expected.norm().item<double>());
}

// Rounding moves some activation across 0 or 6 now and then, and its gradient with it: scaling the
// images by 1 + 1e-6 moves libtorch's own gradients of these networks by up to 2 %.
constexpr double of_networks = 0.05;

torch::Tensor random_images(const Shape& shape, int64_t count) {
  torch::manual_seed(1);
  return torch::rand({count, shape.c, shape.h, shape.w}) * 255;
}

// One training step without the optimiser: output, all gradients in a row, running statistics.
struct Outcome {
  torch::Tensor output, gradients;
  std::map<std::string, torch::Tensor> statistics;
};

Outcome step(const Graph& graph, const Weights& weights, const torch::Tensor& pixels,
             Computing computing, Statistics statistics) {
  Network network(graph, 1, computing);
  network.load(weights);
  const auto images = pixels.clone().set_requires_grad(true);
  Outcome outcome;
  outcome.output = network.forward(images, statistics);
  outcome.output.to(torch::kFloat32).square().mean().backward();
  std::vector<torch::Tensor> gradients = {images.grad().flatten() * 255};
  for (const auto& parameter : network.parameters()) {
    EXPECT_TRUE(parameter.value.grad().defined()) << parameter.name;
    if (parameter.value.grad().defined()) gradients.push_back(parameter.value.grad().flatten());
  }
  for (auto& gradient : gradients) gradient = gradient.to(torch::kFloat32);
  outcome.gradients = torch::cat(gradients);
  for (const auto& [name, value] : network.tensors())
    if (name.find("running") != std::string::npos) outcome.statistics[name] = value;
  return outcome;
}

void expect_same_step(const Graph& graph, const torch::Tensor& images, double tolerance) {
  const Weights weights = random_weights(graph, 3);
  for (const Statistics statistics : {Statistics::train, Statistics::batch}) {
    const Outcome expected = step(graph, weights, images, Engine::libtorch, statistics);
    const Outcome actual = step(graph, weights, images, Engine::fused, statistics);
    EXPECT_LT(relative_difference(expected.output, actual.output), 1e-3);
    EXPECT_LT(relative_difference(expected.gradients, actual.gradients), tolerance);
    for (const auto& [name, value] : expected.statistics)
      EXPECT_LT(relative_difference(value, actual.statistics.at(name)), 1e-4) << name;
  }
}

TEST(Fused, StepsEqualLibtorchs) {
  for (const auto& [name, graph] : cases::graph_cases()) {
    SCOPED_TRACE(name);
    expect_same_step(graph, random_images(graph.input_shape(), 4), of_networks);
  }
}

// Its first blocks: every further one makes the gradient more sensitive to rounding.
TEST(Fused, StepOfMobileNetV2EqualsLibtorchs) {
  for (const int kernel : {3, 5, 7}) {
    Architecture network = with_input(find_network("mobilenet_v2", data_folder()), {3, 48, 48}, 10);
    network.blocks.resize(5);
    for (BlockSpec& block : network.blocks) block.kernel = kernel;
    const Graph graph = lower(network, {});
    SCOPED_TRACE(kernel);
    expect_same_step(graph, random_images(graph.input_shape(), 6), of_networks);
  }
}

// norm act, depthwise norm act, 1x1 norm, all one step; with a residual where `added`.
Graph segment(Act act, int kernel, int stride, bool added) {
  Graph graph{.name = "segment", .preprocess = {}, .nodes = {}};
  int at = graph.add("image", Input{{20, 9, 7}}, {});
  const auto add = [&](const char* name, Layer layer) {
    at = graph.add(name, std::move(layer), {at});
  };
  const auto norm_and_act = [&](const char* norm, const char* name) {
    add(norm, BatchNorm{.eps = 1e-3});
    if (act != Act::none) add(name, Activation{.act = act});
  };
  norm_and_act("before", "act");
  add("depthwise", Conv{.out_channels = 20,
                        .kh = kernel,
                        .kw = kernel,
                        .sh = stride,
                        .sw = stride,
                        .padding = Padding::all(kernel / 2),
                        .groups = 20});
  norm_and_act("middle", "act2");
  add("pointwise", Conv{.out_channels = 20});
  add("after", BatchNorm{});
  if (added) graph.add("sum", vpunas::Add{}, {at, 0});
  return graph;
}

// norm act, dense norm act, all one step.
Graph dense_segment(const Shape& image, int channels, int kernel, int stride) {
  Graph graph{.name = "dense", .preprocess = {}, .nodes = {}};
  int at = graph.add("image", Input{image}, {});
  const auto add = [&](const char* name, Layer layer) {
    at = graph.add(name, std::move(layer), {at});
  };
  add("before", BatchNorm{});
  add("act", Activation{.act = Act::relu6});
  add("dense", Conv{.out_channels = channels,
                    .kh = kernel,
                    .kw = kernel,
                    .sh = stride,
                    .sw = stride,
                    .padding = Padding::all(kernel / 2)});
  add("after", BatchNorm{});
  add("act2", Activation{.act = Act::relu6});
  return graph;
}

template <class Use>
void for_each_segment(const Use& use) {
  for (const Act act : {Act::none, Act::relu, Act::relu6}) {
    for (const int kernel : {3, 5, 7}) {
      for (const int stride : {1, 2}) {
        for (const bool added : {false, true}) {
          if (added && stride == 2) continue;
          SCOPED_TRACE(testing::Message()
                       << act_name(act) << " " << kernel << " " << stride << " " << added);
          const Graph graph = segment(act, kernel, stride, added);
          ASSERT_EQ(plan_steps(graph, true).size(), 1U);
          use(graph);
        }
      }
    }
  }
}

TEST(Fused, SegmentsEqualLibtorchsClosely) {
  for_each_segment([](const Graph& graph) {
    expect_same_step(graph, random_images(graph.input_shape(), 3), 1e-4);
  });
}

TEST(Fused, DenseSegmentsEqualLibtorchsClosely) {
  for (const int kernel : {1, 3, 5, 9}) {
    for (const int stride : {1, 2, 3}) {
      for (const Shape& image :
           {Shape{20, 9, 7}, Shape{1, 6, 6}, Shape{20, 1, 1}, Shape{3, 2, 1}}) {
        // One channel to one would be taken for depthwise; one pixel meets the kernel's centre.
        for (const int channels : {1, 12}) {
          SCOPED_TRACE(testing::Message() << kernel << " " << stride << " " << image.c << "x"
                                          << image.h << "x" << image.w << " to " << channels);
          const Graph graph = dense_segment(image, channels, kernel, stride);
          ASSERT_EQ(plan_steps(graph, true).size(), 1U);
          expect_same_step(graph, random_images(image, 5), 1e-4);
        }
      }
    }
  }
}

// Tests have one thread otherwise.
class FusedOnThreads : public ::testing::Test {
 protected:
  void SetUp() override { set_threads(3); }
  void TearDown() override { set_threads(before_); }
  const int before_ = at::get_num_threads();
};

TEST_F(FusedOnThreads, DenseSegmentsEqualLibtorchsClosely) {
  for (const int kernel : {1, 3}) {
    const Graph graph = dense_segment({32, 40, 40}, 48, kernel, 1);
    expect_same_step(graph, random_images(graph.input_shape(), 8), 1e-4);
  }
}

TEST_F(FusedOnThreads, StepsOfMobileNetV2EqualThoseOfOneThread) {
  Architecture network = with_input(find_network("mobilenet_v2", data_folder()), {3, 64, 64}, 10);
  network.blocks.resize(5);
  const Graph graph = lower(network, {});
  const Weights weights = random_weights(graph, 3);
  const auto images = random_images(graph.input_shape(), 8);
  for (const bool bfloat16 : {false, true}) {
    const Computing computing(Engine::fused, bfloat16);
    set_threads(1);
    const Outcome expected = step(graph, weights, images, computing, Statistics::train);
    set_threads(3);
    const Outcome actual = step(graph, weights, images, computing, Statistics::train);
    EXPECT_LT(relative_difference(expected.output, actual.output), bfloat16 ? 0.02 : 1e-4);
    EXPECT_LT(relative_difference(expected.gradients, actual.gradients), of_networks);
  }
}

// Gradients that go through clamps differ by whole elements where rounding crosses a bound.
TEST(Fused, SegmentsInBfloat16AreCloseToFloat32) {
  const auto expect_close = [](const Graph& graph) {
    const Weights weights = random_weights(graph, 3);
    const auto images = random_images(graph.input_shape(), 3);
    const Outcome expected = step(graph, weights, images, Engine::libtorch, Statistics::train);
    const auto halves = images.to(torch::kBFloat16);
    const Outcome actual =
        step(graph, weights, halves, Computing(Engine::fused, true), Statistics::train);
    EXPECT_EQ(actual.output.scalar_type(), torch::kBFloat16);
    EXPECT_LT(relative_difference(expected.output, actual.output), 0.01);
    EXPECT_LT(relative_difference(expected.gradients, actual.gradients), 0.05);
  };
  for_each_segment(expect_close);
  for (const int kernel : {1, 3}) expect_close(dense_segment({20, 9, 7}, 12, kernel, 2));
}

TEST(Fused, NetworksInBfloat16HaveGradientsOfTheirWeights) {
  for (const auto& [name, graph] : cases::graph_cases()) {
    SCOPED_TRACE(name);
    Network network(graph, 1, Computing(Engine::fused, true));
    const auto images = random_images(graph.input_shape(), 4).set_requires_grad(true);
    const auto output = network.forward(images, Statistics::train);
    output.to(torch::kFloat32).square().mean().backward();
    for (const auto& parameter : network.parameters()) {
      ASSERT_TRUE(parameter.value.grad().defined()) << parameter.name;
      EXPECT_EQ(parameter.value.grad().scalar_type(), torch::kFloat32) << parameter.name;
      EXPECT_TRUE(parameter.value.grad().isfinite().all().item<bool>()) << parameter.name;
    }
  }
}

TEST(Fused, GradientReachesTheImages) {
  const Graph graph = lower(choose(test::small_space(), {0, 1, 2}, "small"), {});
  const Weights weights = random_weights(graph, 3);
  torch::Tensor gradients[2];
  for (const Engine engine : {Engine::libtorch, Engine::fused}) {
    Network network(graph, 1, engine);
    network.load(weights);
    network.set_requires_grad(false);  // as in an architecture step
    const auto images = random_images(graph.input_shape(), 4).set_requires_grad(true);
    network.forward(images, Statistics::batch).square().mean().backward();
    gradients[engine == Engine::fused] = images.grad();
  }
  EXPECT_LT(relative_difference(gradients[0], gradients[1]), of_networks);
}

TEST(Fused, GatesOfASupernetEqualLibtorchs) {
  const SearchSpace space = test::small_space();
  torch::Tensor gradients[2];
  for (const Engine engine : {Engine::libtorch, Engine::fused}) {
    Supernet supernet(space, {}, 1, engine);
    supernet.set_requires_grad(false);
    const auto gates = torch::tensor({1.0F, 0.0F}).set_requires_grad(true);
    std::vector<TwoPaths> paths(3);
    paths[0] = {.active = 0, .other = 1, .gates = gates};
    paths[2] = {.active = 1, .other = 2, .gates = gates};
    supernet.forward(random_images(space.input, 4), paths).square().sum().backward();
    gradients[engine == Engine::fused] = gates.grad();
  }
  EXPECT_LT(relative_difference(gradients[0], gradients[1]), of_networks);
}

// A MobileNetV2 block is one step, its addition included; the stem and the head are chains, too.
TEST(Plan, FusesAMobileNetBlock) {
  const Architecture network{.name = "one",
                             .input = {3, 16, 16},
                             .classes = 10,
                             .stem = {.channels = 8},
                             .blocks = {test::block(BlockKind::mbconv, 8, 1, 6)},
                             .head = {.channels = 16}};
  const Graph graph = lower(network, {});
  std::vector<std::vector<std::string>> fused;
  size_t nodes = 1;
  for (const Step& step : plan_steps(graph, true)) {
    nodes += step.nodes.size();
    if (!step.is_fused()) continue;
    fused.emplace_back();
    for (const int node : step.nodes) fused.back().push_back(layer_name(graph.nodes[node].layer));
  }
  EXPECT_EQ(nodes, graph.nodes.size());
  const std::vector<std::vector<std::string>> expected = {
      {"Conv", "BatchNorm", "Activation"},
      {"Conv", "BatchNorm", "Activation", "Conv", "BatchNorm", "Activation", "Conv", "BatchNorm",
       "Add"},
      {"Conv", "BatchNorm", "Activation"}};
  EXPECT_EQ(fused, expected);
  for (const Step& step : plan_steps(graph, false)) EXPECT_FALSE(step.is_fused());
}

TEST(Plan, RunsEveryNodeOnceAndAfterItsInputs) {
  for (const auto& [name, graph] : cases::graph_cases()) {
    std::vector<bool> done(graph.nodes.size());
    done[0] = true;
    for (const Step& step : plan_steps(graph, true)) {
      for (const int node : step.nodes) {
        for (const int input : graph.nodes[node].inputs) EXPECT_TRUE(done[input]) << name;
        EXPECT_FALSE(done[node]) << name;
        done[node] = true;
      }
    }
    EXPECT_EQ(std::count(done.begin(), done.end(), false), 0) << name;
  }
}

}  // namespace
}  // namespace vpunas
