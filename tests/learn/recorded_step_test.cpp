#include "learn/recorded_step.h"

#include <gtest/gtest.h>

namespace vpunas {
namespace {

// Stands in for a GPU: loss = mean((x w - t)^2). What it replays it computes by hand, from the
// tensors that were there when it recorded.
struct Line : Recorder {
  torch::Tensor w = torch::tensor({1.0f, -2.0f}, torch::requires_grad());
  torch::Tensor images, targets, loss, gradient;  // of the recording
  int recordings = 0, replays = 0;
  bool records = false;

  torch::Tensor compute(const torch::Tensor& x, const torch::Tensor& t) {
    const auto value = (x.mv(w) - t).square().mean();
    value.backward();
    const auto result = value.detach();
    if (records) {
      images = x;
      targets = t;
      loss = result;
      gradient = w.grad();
      loss.fill_(-1);  // a GPU has computed nothing yet
      gradient.fill_(-1);
    }
    return result;
  }
  void begin() override { records = true; }
  void end() override {
    records = false;
    ++recordings;
  }
  void replay() override {
    torch::NoGradGuard no_grad;
    const auto off = images.mv(w) - targets;
    loss.copy_(off.square().mean());
    gradient.copy_(images.t().mv(off) * 2 / images.size(0));
    ++replays;
  }
};

// Passes on to a Line that outlives it.
struct Reference : Recorder {
  explicit Reference(Line& line) : to(line) {}
  void begin() override { to.begin(); }
  void end() override { to.end(); }
  void replay() override { to.replay(); }
  Line& to;
};

// Gradient descent by steps that are recorded, or not, on batches that differ.
std::vector<float> descend(bool recorded, Line& line) {
  const auto compute = [&](const torch::Tensor& x, const torch::Tensor& t) {
    return line.compute(x, t);
  };
  RecordedStep step(std::make_unique<Reference>(line), {line.w}, compute);
  std::vector<torch::Tensor> losses;
  for (int i = 0; i < 10; ++i) {
    const auto x = torch::tensor({{1.0f, 0.5f * static_cast<float>(i)}, {-1.0f, 2.0f}});
    const auto t = torch::tensor({1.0f, static_cast<float>(i)});
    losses.push_back(recorded ? step(x, t) : compute(x, t));
    torch::NoGradGuard no_grad;
    line.w -= 0.05 * line.w.grad();
    line.w.mutable_grad().reset();  // as the optimizer does
  }
  std::vector<float> values;
  for (const auto& loss : losses) values.push_back(loss.item<float>());
  return values;
}

TEST(RecordedStep, ComputesWhatItsStepDoes) {
  Line plain, recorded;
  const auto expected = descend(false, plain), losses = descend(true, recorded);
  for (size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], expected[i], 1e-5) << i;
  EXPECT_TRUE(torch::allclose(plain.w, recorded.w));
  EXPECT_EQ(recorded.recordings, 1);
  EXPECT_EQ(recorded.replays, 7);  // all but the first three
}

TEST(RecordedStep, TakesBatchesOfOneShape) {
  Line line;
  RecordedStep step(
      std::make_unique<Reference>(line), {line.w},
      [&](const torch::Tensor& x, const torch::Tensor& t) { return line.compute(x, t); });
  for (int i = 0; i < 4; ++i) step(torch::ones({2, 2}), torch::ones({2}));
  EXPECT_THROW(step(torch::ones({3, 2}), torch::ones({3})), c10::Error);
}

}  // namespace
}  // namespace vpunas
