// Optimizers, learning rates and weight averaging over named tensors, with state that checkpoints
// can hold.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/safetensors.h"
#include "learn/network.h"
#include "training/recipe.h"

namespace vpunas {

// Only parameters that have a gradient move, by the rate times their own; gradients are cleared.
// Weight decay goes to parameters marked for it.
//   sgd      with Nesterov momentum
//   rmsprop  TensorFlow's: epsilon under the root, mean of squares from 1, the rate inside of the
//            momentum (RMSPropOptimizer of TensorFlow 1, with which MobileNets were trained)
//   adamw    arXiv:1711.05101, algorithm 2
class Optimizer {
 public:
  explicit Optimizer(const Recipe& recipe);
  void step(const std::vector<Network::Parameter>& parameters, double lr);

  // State by name, "optimizer/..."; `parameters` must be all that step() may ever see.
  void save(const std::vector<std::pair<std::string, torch::Tensor>>& parameters,
            Tensors& into) const;
  void load(const std::vector<std::pair<std::string, torch::Tensor>>& parameters,
            const Tensors& from);

 private:
  enum class Kind { sgd, rmsprop, adamw };
  // momentum of the gradient, mean of its square, steps (a scalar); undefined where not used
  using State = std::vector<torch::Tensor>;
  struct Group;
  State start(const torch::Tensor& value) const;
  void step(Group& group, double weight_decay, double lr) const;

  Kind kind_;
  double momentum_, square_decay_, epsilon_, weight_decay_;
  std::map<const void*, State> states_;  // by the parameter's storage
};

// Scales gradients down together where their common L2 norm is greater than `most`
// (arXiv:1211.5063, algorithm 1).
void clip_gradients(const std::vector<Network::Parameter>& parameters, double most);

// Learning rate at `progress` (0..1) of a training of `epochs`: linear from 0 over recipe.warmup,
// then half a cosine to 0 (arXiv:1608.03983, equation 5, without restarts) or steps down.
double learning_rate(const Recipe& recipe, double progress, double epochs);

// Exponential moving average of a network's tensors; the decay grows with the steps, min(decay, (1
// + step) / (10 + step)), so that short trainings are not averaged with their random start
// (TensorFlow's ExponentialMovingAverage).
class Average {
 public:
  Average(const Network& network, double decay);
  void update(const Network& network, int64_t step);
  Weights weights() const;
  void load(const Weights& weights);

 private:
  double decay_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> values_;
};

}  // namespace vpunas
