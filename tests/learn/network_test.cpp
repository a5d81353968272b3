#include "learn/network.h"

#include <gtest/gtest.h>

#include <set>

#include "learn/evaluate.h"
#include "learn/supernet.h"
#include "tests/cases.h"
#include "tests/learn/support.h"

namespace vpunas {
namespace {

torch::Tensor random_image(const Shape& shape) {
  torch::manual_seed(1);
  return torch::rand({2, shape.c, shape.h, shape.w}) * 255;
}

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(Network, GivesTheShapesOfItsGraph) {
  for (const auto& [name, graph] : cases::graph_cases()) {
    const Network network(graph, 1);
    torch::NoGradGuard no_grad;
    const auto output = network.forward(random_image(graph.input_shape()), Statistics::running);
    const Shape& shape = graph.output_shape();
    EXPECT_EQ(output.sizes(), (std::vector<int64_t>{2, shape.c, shape.h, shape.w})) << name;
  }
}

TEST(Network, FoldedAgreesWithUnfolded) {
  for (const auto& [name, graph] : cases::graph_cases()) {
    const Weights weights = random_weights(graph, 3);
    Network plain(graph, 1);
    plain.load(weights);
    const FoldedNetwork folded_form = fold(graph, weights);
    Network folded(folded_form.graph, 1);
    folded.load(folded_form.weights);
    torch::NoGradGuard no_grad;
    const auto image = random_image(graph.input_shape());
    const auto expected = plain.forward(image, Statistics::running);
    const double scale = std::max(1.0, expected.abs().max().item<double>());
    EXPECT_LT(largest_difference(expected, folded.forward(image, Statistics::running)) / scale,
              1e-4)
        << name;
  }
}

TEST(Network, RoundTripsItsWeights) {
  const Graph graph = lower(choose(test::small_space(), {0, 1, 2}, "small"), {});
  Network first(graph, 1), second(graph, 2);
  EXPECT_NE(first.weights(), second.weights());
  second.load(first.weights());
  EXPECT_EQ(first.weights(), second.weights());
}

// A residual block by hand: shortcut, or shortcut and the branch made up for the images without it.
TEST(Network, DropsResidualBranchesByImage) {
  for (const auto engine : {Engine::fused, Engine::libtorch}) {
    SearchSpace space = test::small_space();
    space.slots = {{{test::block(BlockKind::mbconv, 8, 1, 2)}}};
    Graph graph = lower(choose(space, {0}, "residual"), {});
    graph.nodes.resize(
        1 + static_cast<size_t>(std::ranges::find_if(graph.nodes,
                                                     [](const Node& n) {
                                                       return std::holds_alternative<Add>(n.layer);
                                                     }) -
                                graph.nodes.begin()));
    Network network(graph, 1, engine);
    for (auto& [name, value] : network.tensors())
      if (name.ends_with("weight") && value.dim() == 1) value.fill_(1);  // branches start at 0
    torch::manual_seed(5);
    const auto images = torch::rand({64, 3, 16, 16}) * 255;
    const auto forward = [&](double drop) {
      return network.forward(images, Statistics::train, {.drop_path = drop});
    };
    torch::NoGradGuard no_grad;
    const auto whole = forward(0), dropped = forward(0.5);
    int without = 0;
    // Of one branch all of drop_path holds: either x, or x + 2 (whole - x).
    Graph stem = graph;
    const auto x = graph.nodes[graph.nodes.back().inputs.back()].name.starts_with("features.0")
                       ? graph.nodes.back().inputs.back()
                       : graph.nodes.back().inputs.front();
    stem.nodes.resize(static_cast<size_t>(x) + 1);
    Network first(stem, 1, engine);
    const auto input = first.forward(images, Statistics::train);
    for (int64_t i = 0; i < images.size(0); ++i) {
      const double alone = largest_difference(dropped[i], input[i]);
      const double doubled = largest_difference(dropped[i], input[i] + 2 * (whole[i] - input[i]));
      EXPECT_LT(std::min(alone, doubled), 1e-3) << i;
      without += alone < 1e-3;
    }
    EXPECT_GT(without, 16);
    EXPECT_LT(without, 48);
    EXPECT_TRUE(torch::equal(network.forward(images, Statistics::running),
                             network.forward(images, Statistics::running, {.drop_path = 0.5})));
  }
}

TEST(Network, DoesNotTrainItsPreprocessing) {
  const Network network(lower(choose(test::small_space(), {0, 1, 2}, "small"), {}), 1);
  int64_t trained = 0;
  for (const auto& parameter : network.parameters()) {
    EXPECT_FALSE(parameter.name.starts_with("preprocess"));
    trained += parameter.value.numel();
  }
  EXPECT_EQ(trained, count_parameters(network.graph()));
}

TEST(Network, GradientsMatchFiniteDifferences) {
  const Graph graph = lower(choose(test::small_space(), {0, 1, 2}, "small"), {});
  Network network(graph, 1);
  network.load(random_weights(graph, 4));
  const auto image = random_image(graph.input_shape());
  const auto loss_of = [&] { return network.forward(image, Statistics::batch).square().sum(); };
  loss_of().backward();
  for (const char* wanted :
       {"features.1.conv.0.0.weight", "features.2.bn1.weight", "classifier.1.weight"}) {
    bool found = false;
    for (auto& parameter : network.parameters()) {
      if (parameter.name != wanted) continue;
      found = true;
      const auto direction = parameter.value.grad() / parameter.value.grad().norm();
      const double expected = parameter.value.grad().norm().item<double>();
      const double step = 1e-3;
      torch::NoGradGuard no_grad;
      parameter.value.add_(direction, step);
      const double above = loss_of().item<double>();
      parameter.value.sub_(direction, 2 * step);
      const double below = loss_of().item<double>();
      parameter.value.add_(direction, step);
      EXPECT_NEAR((above - below) / (2 * step), expected, 0.03 * expected) << wanted;
    }
    EXPECT_TRUE(found) << wanted;
  }
}

TEST(Supernet, OnePathEqualsTheNetworkItStandsFor) {
  for (const SearchSpace& space : {test::small_space(), test::space_of_widths()}) {
    const Supernet supernet(space, {}, 1);
    for (const Choice& choice : {Choice{0, 0, 0}, Choice{1, 2, 1}, Choice{0, 1, 2}}) {
      const Graph graph = lower(choose(space, choice, "path"), {});
      Network network(graph, 9);
      network.load(supernet.weights(choice));
      torch::NoGradGuard no_grad;
      const auto image = random_image(graph.input_shape());
      EXPECT_LT(largest_difference(network.forward(image, Statistics::batch).flatten(1),
                                   supernet.forward(image, choice, Statistics::batch)),
                1e-5);
    }
  }
}

TEST(Supernet, OnePathEqualsTheNetworkOfItsInputOnScaledImages) {
  const SearchSpace space = test::space_of_inputs();
  const Supernet supernet(space, {}, 1), plain(test::small_space(), {}, 1);
  for (const Choice& choice : {Choice{0, 1, 2, 1}, Choice{1, 1, 2, 1}}) {
    const Graph graph = lower(choose(space, choice, "path"), {});
    EXPECT_EQ(supernet.weights(choice), plain.weights({1, 2, 1}));
    Network network(graph, 9);
    network.load(supernet.weights(choice));
    torch::NoGradGuard no_grad;
    const auto image = random_image(space.input);
    const auto scaled = resized(image, graph.input_shape());
    EXPECT_EQ(scaled.size(2), choice[0] == 0 ? 12 : 16);
    EXPECT_NEAR(scaled.mean().item<float>(), image.mean().item<float>(),
                0.05 * image.std().item<float>());
    EXPECT_LT(largest_difference(network.forward(scaled, Statistics::batch).flatten(1),
                                 supernet.forward(image, choice, Statistics::batch)),
              1e-5);
  }
}

// `narrow` is the corner of `wide` at the start of every dimension.
void expect_first_channels(const Tensor& narrow, const Tensor& wide, const std::string& name) {
  auto part = torch::tensor(wide.data).view(wide.dims);
  for (size_t i = 0; i < wide.dims.size(); ++i)
    part = part.narrow(static_cast<int64_t>(i), 0, narrow.dims[i]);
  EXPECT_TRUE(part.contiguous().equal(torch::tensor(narrow.data).view(narrow.dims))) << name;
}

TEST(Supernet, NarrowNetworksHaveTheFirstChannelsOfWideOnes) {
  const Supernet supernet(test::space_of_widths(), {}, 1);
  for (const int later : {1, 2}) {
    const Weights wide = supernet.weights({0, 0, later}), narrow = supernet.weights({0, 1, later});
    int smaller = 0;
    for (const auto& [name, value] : narrow) {
      expect_first_channels(value, wide.at(name), name);
      smaller += value.data.size() < wide.at(name).data.size();
    }
    EXPECT_GT(smaller, 10);
  }
}

TEST(Supernet, TrainsTheChannelsThatAPathHas) {
  Supernet supernet(test::space_of_widths(), {}, 1);
  supernet.forward(random_image({3, 16, 16}), {0, 1, 1}, Statistics::train)
      .square()
      .sum()
      .backward();
  int shared = 0;
  for (const auto& parameter : supernet.parameters({0, 1, 1})) {
    const auto gradient = parameter.value.grad();
    ASSERT_TRUE(gradient.defined()) << parameter.name;
    if (parameter.name != "features.2.conv.2.0.weight" &&
        parameter.name != "features.2.conv.2.weight")
      continue;
    ++shared;
    ASSERT_EQ(gradient.size(0), 24) << parameter.name;
    EXPECT_GT(gradient.narrow(0, 0, 16).abs().sum().item<double>(), 0);
    EXPECT_EQ(gradient.narrow(0, 16, 8).abs().sum().item<double>(), 0);
  }
  EXPECT_EQ(shared, 1);
}

TEST(Supernet, ComparesInputsAtTheSizeOfTheActiveOne) {
  for (const Computing computing : {Computing{}, Computing{Engine::libtorch}}) {
    const Supernet supernet(test::space_of_inputs(), {}, 1, computing);
    const auto image = random_image({3, 16, 16});
    for (const auto& [active, other] : {std::pair{0, 1}, std::pair{1, 0}}) {
      const auto gates = torch::tensor({1.F, 0.F}).set_requires_grad(true);
      const auto logits =
          supernet.forward(image, {{active, other, gates}, {0, 0, {}}, {0, 0, {}}, {1, 1, {}}});
      EXPECT_LT(
          largest_difference(logits, supernet.forward(image, {active, 0, 0, 1}, Statistics::batch)),
          1e-5);
      logits.square().sum().backward();
      EXPECT_NE(gates.grad()[1].item<float>(), 0);
    }
  }
}

TEST(Supernet, ComparesCandidatesOfDifferentWidthsByTheChannelsThatBothHave) {
  const Supernet supernet(test::space_of_widths(), {}, 1);
  const auto image = random_image({3, 16, 16});
  for (const auto& [active, other] : {std::pair{0, 1}, std::pair{1, 0}}) {
    const auto gates = torch::tensor({1.F, 0.F}).set_requires_grad(true);
    const auto logits = supernet.forward(image, {{0, 0, {}}, {active, other, gates}, {1, 1, {}}});
    EXPECT_LT(
        largest_difference(logits, supernet.forward(image, {0, active, 1}, Statistics::batch)),
        1e-5);
    logits.square().sum().backward();
    EXPECT_NE(gates.grad()[1].item<float>(), 0);
  }
}

TEST(Supernet, ProjectionsServeAllCandidatesOfASlotThatChangesTheShape) {
  const SearchSpace space = test::small_space();
  const Supernet plain(space, {}, 1), aided(space, {}, 1, {}, {.projections = true});
  std::set<std::string> projections;
  for (const auto& [name, value] : aided.tensors()) {
    if (name.find(".projection/") != std::string::npos && name.ends_with("0.weight"))
      projections.insert(name);
  }
  EXPECT_FALSE(projections.empty());
  EXPECT_LE(projections.size(), space.slots.size());
  for (const Choice& choice : {Choice{0, 0, 0}, Choice{1, 2, 1}}) {
    // Trained with the paths that they serve, and not part of the network that is found.
    EXPECT_GT(aided.parameters(choice).size(), plain.parameters(choice).size());
    EXPECT_EQ(aided.weights(choice).size(), plain.weights(choice).size());
    torch::NoGradGuard no_grad;
    const auto image = random_image(space.input);
    EXPECT_GT(largest_difference(plain.forward(image, choice, Statistics::batch),
                                 aided.forward(image, choice, Statistics::batch)),
              1e-3);
  }
}

// dL/du by the gates against finite differences of the loss of the relaxed network sum_i
// softmax(u)_i o_i, at the point where the active path has all the weight: there the two agree up
// to p0 * p1 of the straight-through step, so directions must.
TEST(Supernet, GatesPointToTheBetterCandidate) {
  const SearchSpace space = test::small_space();
  Supernet supernet(space, {}, 1);
  supernet.set_requires_grad(false);
  const auto image = random_image(space.input);
  const auto gates = (torch::tensor({1.0F, 0.0F})).set_requires_grad(true);
  std::vector<TwoPaths> paths(3);
  paths[0] = {.active = 0, .other = 1, .gates = gates};
  const auto loss_of = [&] { return supernet.forward(image, paths).square().sum(); };
  loss_of().backward();
  const auto gradient = gates.grad().clone();
  torch::NoGradGuard no_grad;
  for (int i = 0; i < 2; ++i) {
    const double step = 1e-3;
    gates[i] += step;
    const double above = loss_of().item<double>();
    gates[i] -= 2 * step;
    const double below = loss_of().item<double>();
    gates[i] += step;
    const double expected = (above - below) / (2 * step);
    EXPECT_NEAR(gradient[i].item<double>(), expected, 0.05 * std::abs(expected) + 1e-3) << i;
  }
}

}  // namespace
}  // namespace vpunas
