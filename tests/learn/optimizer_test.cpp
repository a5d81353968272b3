#include "learn/optimizer.h"

#include <gtest/gtest.h>

#include "learn/torch.h"

namespace vpunas {
namespace {

using Parameters = std::vector<Network::Parameter>;

Recipe recipe_of(const std::string& optimizer) {
  Recipe recipe;
  recipe.optimizer = optimizer;
  recipe.weight_decay = 0.02;
  return recipe;
}

torch::Tensor first_value(bool gradients = true) {
  return torch::tensor({1.0, -2.0, 0.5}, torch::kFloat32).set_requires_grad(gradients);
}

// Step t has the gradient (t, -t, t * t / 10).
void set_gradient(torch::Tensor value, int t) {
  value.mutable_grad() = torch::tensor({1.0 * t, -1.0 * t, t * t / 10.0}, torch::kFloat32);
}

torch::Tensor after_steps(const Recipe& recipe, int steps, bool decay = true, double rate = 1) {
  Optimizer optimizer(recipe);
  const auto value = first_value();
  for (int t = 1; t <= steps; ++t) {
    set_gradient(value, t);
    optimizer.step({{"w", value, decay, rate}}, 0.1);
    EXPECT_FALSE(value.grad().defined());
  }
  return value.detach();
}

template <class Reference>
torch::Tensor reference_after_steps(Reference& optimizer, torch::Tensor& value, int steps) {
  for (int t = 1; t <= steps; ++t) {
    set_gradient(value, t);
    optimizer.step();
  }
  return value.detach();
}

TEST(Optimizer, SgdIsLibtorchs) {
  auto value = first_value();
  torch::optim::SGD reference(
      {value}, torch::optim::SGDOptions(0.1).momentum(0.9).weight_decay(0.02).nesterov(true));
  const auto expected = reference_after_steps(reference, value, 5);
  EXPECT_TRUE(torch::allclose(after_steps(recipe_of("sgd"), 5), expected, 1e-5, 1e-6));
}

TEST(Optimizer, SgdNeedsNoMomentum) {
  auto value = first_value();
  torch::optim::SGD reference({value}, torch::optim::SGDOptions(0.1).weight_decay(0.02));
  const auto expected = reference_after_steps(reference, value, 5);
  Recipe recipe = recipe_of("sgd");
  recipe.momentum = 0;
  EXPECT_TRUE(torch::allclose(after_steps(recipe, 5), expected, 1e-5, 1e-6));
}

TEST(Optimizer, AdamwIsLibtorchs) {
  auto value = first_value();
  torch::optim::AdamW reference({value}, torch::optim::AdamWOptions(0.1).weight_decay(0.02));
  const auto expected = reference_after_steps(reference, value, 5);
  EXPECT_TRUE(torch::allclose(after_steps(recipe_of("adamw"), 5), expected, 1e-5, 1e-6));
}

// By the formulas of TensorFlow 1's RMSPropOptimizer, in float64.
TEST(Optimizer, RmspropIsTensorFlows) {
  double value[] = {1.0, -2.0, 0.5}, square[] = {1, 1, 1}, momentum[] = {0, 0, 0};
  for (int t = 1; t <= 5; ++t) {
    const double gradient[] = {1.0 * t, -1.0 * t, t * t / 10.0};
    for (int i = 0; i < 3; ++i) {
      const double g = gradient[i] + 0.02 * value[i];
      square[i] = 0.9 * square[i] + 0.1 * g * g;
      momentum[i] = 0.9 * momentum[i] + 0.1 * g / std::sqrt(square[i] + 1e-3);
      value[i] -= momentum[i];
    }
  }
  const auto result = after_steps(recipe_of("rmsprop"), 5);
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(result[i].item<float>(), value[i], 1e-5);
}

TEST(Optimizer, WeightDecayAndRatesAreTheParametersOwn) {
  Recipe none = recipe_of("sgd");
  none.weight_decay = 0;
  EXPECT_TRUE(torch::equal(after_steps(recipe_of("sgd"), 3, false), after_steps(none, 3)));
  const auto moved = after_steps(none, 1) - first_value(false);
  const auto half = after_steps(none, 1, true, 0.5) - first_value(false);
  EXPECT_TRUE(torch::allclose(half, 0.5 * moved));
}

TEST(Optimizer, LeavesWhatHasNoGradient) {
  Optimizer optimizer(recipe_of("adamw"));
  const auto moved = first_value(), left = first_value();
  set_gradient(moved, 1);
  optimizer.step({{"moved", moved, true}, {"left", left, true}}, 0.1);
  EXPECT_FALSE(torch::equal(moved, first_value(false)));
  EXPECT_TRUE(torch::equal(left, first_value(false)));
}

TEST(Optimizer, SavedStateGoesOnAsUnbroken) {
  for (const char* kind : {"sgd", "rmsprop", "adamw"}) {
    const auto value = first_value();
    Optimizer first(recipe_of(kind)), second(recipe_of(kind));
    for (int t = 1; t <= 2; ++t) {
      set_gradient(value, t);
      first.step({{"w", value, true}}, 0.1);
    }
    Tensors saved;
    first.save({{"w", value}}, saved);
    second.load({{"w", value}}, saved);
    set_gradient(value, 3);
    second.step({{"w", value, true}}, 0.1);
    EXPECT_TRUE(torch::equal(value, after_steps(recipe_of(kind), 3))) << kind;
  }
}

TEST(ClipGradients, ScalesAllTogetherAndOnlyDown) {
  const auto a = torch::zeros({1}).set_requires_grad(true);
  const auto b = torch::zeros({1}).set_requires_grad(true);
  const Parameters parameters = {{"a", a}, {"b", b}};
  a.mutable_grad() = torch::tensor({3.0f});
  b.mutable_grad() = torch::tensor({4.0f});
  clip_gradients(parameters, 10);
  EXPECT_FLOAT_EQ(a.grad().item<float>(), 3);
  clip_gradients(parameters, 1);
  EXPECT_FLOAT_EQ(a.grad().item<float>(), 0.6f);
  EXPECT_FLOAT_EQ(b.grad().item<float>(), 0.8f);
}

TEST(LearningRate, RisesThenFallsByItsSchedule) {
  Recipe recipe;
  recipe.lr = 2;
  recipe.warmup = 0.1;
  EXPECT_DOUBLE_EQ(learning_rate(recipe, 0.05, 10), 1);
  EXPECT_DOUBLE_EQ(learning_rate(recipe, 0.1, 10), 2);
  EXPECT_DOUBLE_EQ(learning_rate(recipe, 0.55, 10), 1);
  EXPECT_NEAR(learning_rate(recipe, 1, 10), 0, 1e-12);
  recipe.schedule = "step";
  recipe.step_epochs = 2.5;
  recipe.step_factor = 0.5;
  EXPECT_DOUBLE_EQ(learning_rate(recipe, 0.05, 10), 1);
  EXPECT_DOUBLE_EQ(learning_rate(recipe, 0.2, 10), 2);
  EXPECT_DOUBLE_EQ(learning_rate(recipe, 0.25, 10), 1);
  EXPECT_DOUBLE_EQ(learning_rate(recipe, 0.99, 10), 0.25);
}

}  // namespace
}  // namespace vpunas
