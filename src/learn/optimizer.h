// SGD and weight averaging over named tensors, with state that checkpoints can hold.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/safetensors.h"
#include "learn/network.h"

namespace vpunas {

// SGD with Nesterov momentum; only parameters that have a gradient move, and their gradients are
// cleared. Weight decay goes to parameters marked for it.
class Sgd {
 public:
  Sgd(double momentum, double weight_decay) : momentum_(momentum), weight_decay_(weight_decay) {}
  void step(const std::vector<Network::Parameter>& parameters, double lr);

  // Momentum by parameter identity; `parameters` must be all that step() may ever see.
  void save(const std::vector<std::pair<std::string, torch::Tensor>>& parameters,
            Tensors& into) const;
  void load(const std::vector<std::pair<std::string, torch::Tensor>>& parameters,
            const Tensors& from);

 private:
  double momentum_, weight_decay_;
  std::map<const void*, torch::Tensor> velocity_;  // by the parameter's storage
};

// Learning rate at `progress` (0..1): linear from 0 over `warmup`, then half a cosine to 0
// (arXiv:1608.03983, equation 5, without restarts).
double cosine_rate(double peak, double warmup, double progress);

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
