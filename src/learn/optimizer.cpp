#include "learn/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace vpunas {

void Sgd::step(const std::vector<Network::Parameter>& parameters, double lr) {
  torch::NoGradGuard no_grad;
  struct Group {
    std::vector<torch::Tensor> values, gradients, velocities;
  };
  Group groups[2];  // without and with weight decay
  for (const auto& parameter : parameters) {
    auto value = parameter.value;
    if (!value.grad().defined()) continue;
    auto [velocity, fresh] = velocity_.try_emplace(value.data_ptr());
    if (fresh) velocity->second = torch::zeros_like(value);
    Group& group = groups[parameter.decay];
    group.values.push_back(value);
    group.gradients.push_back(value.grad());
    group.velocities.push_back(velocity->second);
    value.mutable_grad().reset();
  }
  for (const bool decay : {false, true}) {
    Group& group = groups[decay];
    if (group.values.empty()) continue;
    at::_fused_sgd_(
        group.values, group.gradients, group.velocities, decay ? weight_decay_ : 0.0, momentum_, lr,
        /*dampening=*/0.0, /*nesterov=*/momentum_ > 0, /*maximize=*/false, /*is_first_step=*/false);
  }
}

void Sgd::save(const std::vector<std::pair<std::string, torch::Tensor>>& parameters,
               Tensors& into) const {
  for (const auto& [name, value] : parameters) {
    const auto found = velocity_.find(value.data_ptr());
    if (found != velocity_.end()) into.emplace("momentum/" + name, to_tensor(found->second));
  }
}

void Sgd::load(const std::vector<std::pair<std::string, torch::Tensor>>& parameters,
               const Tensors& from) {
  for (const auto& [name, value] : parameters) {
    const auto found = from.find("momentum/" + name);
    if (found == from.end()) continue;
    auto velocity = torch::zeros_like(value);
    copy_to(found->second, velocity);
    velocity_[value.data_ptr()] = velocity;
  }
}

double cosine_rate(double peak, double warmup, double progress) {
  if (progress < warmup) return peak * progress / warmup;
  const double along = std::min(1.0, (progress - warmup) / std::max(1e-9, 1 - warmup));
  return peak * 0.5 * (1 + std::cos(std::numbers::pi * along));
}

Average::Average(const Network& network, double decay) : decay_(decay) {
  for (const auto& [name, value] : network.tensors()) {
    names_.push_back(name);
    values_.push_back(value.clone());
  }
}

void Average::update(const Network& network, int64_t step) {
  torch::NoGradGuard no_grad;
  const double decay =
      std::min(decay_, (1.0 + static_cast<double>(step)) / (10.0 + static_cast<double>(step)));
  std::vector<torch::Tensor> now;
  for (const auto& [name, value] : network.tensors()) now.push_back(value);
  at::_foreach_lerp_(values_, now, 1 - decay);
}

Weights Average::weights() const {
  Weights result;
  for (size_t i = 0; i < names_.size(); ++i) result.emplace(names_[i], to_tensor(values_[i]));
  return result;
}

void Average::load(const Weights& weights) {
  for (size_t i = 0; i < names_.size(); ++i) copy_to(weights.at(names_[i]), values_[i]);
}

}  // namespace vpunas
