#include "learn/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/text.h"

namespace vpunas {

namespace {

constexpr const char* kStates[] = {"momentum", "square", "steps"};

std::string state_name(size_t i, const std::string& parameter) {
  return cat("optimizer/", kStates[i], "/", parameter);
}

}  // namespace

// Parameters that take the same step.
struct Optimizer::Group {
  std::vector<torch::Tensor> values, gradients, states[3];
};

Optimizer::Optimizer(const Recipe& recipe)
    : kind_(recipe.optimizer == "adamw"     ? Kind::adamw
            : recipe.optimizer == "rmsprop" ? Kind::rmsprop
                                            : Kind::sgd),
      momentum_(recipe.momentum),
      square_decay_(recipe.square_decay),
      epsilon_(recipe.epsilon),
      weight_decay_(recipe.weight_decay) {
  const bool adamw = kind_ == Kind::adamw;
  if (square_decay_ == 0) square_decay_ = adamw ? 0.999 : 0.9;
  if (epsilon_ == 0) epsilon_ = adamw ? 1e-8 : 1e-3;
}

Optimizer::State Optimizer::start(const torch::Tensor& value) const {
  State state = {torch::zeros_like(value), {}, {}};
  if (kind_ == Kind::rmsprop) state[1] = torch::ones_like(value);
  if (kind_ == Kind::adamw) {
    state[1] = torch::zeros_like(value);
    state[2] = torch::zeros({}, value.options().dtype(torch::kFloat32));
  }
  return state;
}

void Optimizer::step(const std::vector<Network::Parameter>& parameters, double lr) {
  torch::NoGradGuard no_grad;
  std::map<std::pair<bool, double>, Group> groups;  // by weight decay and rate
  for (const auto& parameter : parameters) {
    auto value = parameter.value;
    if (!value.grad().defined()) continue;
    auto [state, fresh] = states_.try_emplace(value.data_ptr());
    if (fresh) state->second = start(value);
    Group& group = groups[{parameter.decay, parameter.rate}];
    group.values.push_back(value);
    group.gradients.push_back(value.grad());
    for (size_t i = 0; i < state->second.size(); ++i)
      if (state->second[i].defined()) group.states[i].push_back(state->second[i]);
    value.mutable_grad().reset();
  }
  for (auto& [kind, group] : groups) {
    const auto [decay, rate] = kind;
    step(group, decay ? weight_decay_ : 0.0, lr * rate);
  }
}

void Optimizer::step(Group& group, double weight_decay, double lr) const {
  auto& [momenta, squares, steps] = group.states;
  switch (kind_) {
    case Kind::sgd:
      if (momentum_ == 0) momenta.clear();  // as _fused_sgd_ wants it
      at::_fused_sgd_(group.values, group.gradients, momenta, weight_decay, momentum_, lr,
                      /*dampening=*/0.0, /*nesterov=*/momentum_ > 0, /*maximize=*/false,
                      /*is_first_step=*/false);
      return;
    case Kind::rmsprop: {
      if (weight_decay > 0) at::_foreach_add_(group.gradients, group.values, weight_decay);
      at::_foreach_mul_(squares, square_decay_);
      at::_foreach_addcmul_(squares, group.gradients, group.gradients, 1 - square_decay_);
      auto roots = at::_foreach_add(squares, epsilon_);
      at::_foreach_sqrt_(roots);
      at::_foreach_mul_(momenta, momentum_);
      at::_foreach_addcdiv_(momenta, group.gradients, roots, lr);
      at::_foreach_sub_(group.values, momenta);
      return;
    }
    case Kind::adamw:
      at::_foreach_add_(steps, 1);
      at::_fused_adamw_(group.values, group.gradients, momenta, squares, /*max_exp_avg_sqs=*/{},
                        steps, lr, momentum_, square_decay_, weight_decay, epsilon_,
                        /*amsgrad=*/false, /*maximize=*/false);
      return;
  }
}

void Optimizer::save(const std::vector<std::pair<std::string, torch::Tensor>>& parameters,
                     Tensors& into) const {
  for (const auto& [name, value] : parameters) {
    const auto found = states_.find(value.data_ptr());
    if (found == states_.end()) continue;
    for (size_t i = 0; i < found->second.size(); ++i)
      if (found->second[i].defined())
        into.emplace(state_name(i, name), to_tensor(found->second[i]));
  }
}

void Optimizer::load(const std::vector<std::pair<std::string, torch::Tensor>>& parameters,
                     const Tensors& from) {
  for (const auto& [name, value] : parameters) {
    if (!from.contains(state_name(0, name))) continue;
    State state = start(value);
    for (size_t i = 0; i < state.size(); ++i)
      if (state[i].defined()) copy_to(from.at(state_name(i, name)), state[i]);
    states_[value.data_ptr()] = std::move(state);
  }
}

void clip_gradients(const std::vector<Network::Parameter>& parameters, double most) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> gradients;
  for (const auto& parameter : parameters)
    if (parameter.value.grad().defined()) gradients.push_back(parameter.value.grad());
  if (gradients.empty()) return;
  const double norm = torch::stack(at::_foreach_norm(gradients)).norm().item<double>();
  if (norm > most) at::_foreach_mul_(gradients, most / norm);
}

double learning_rate(const Recipe& recipe, double progress, double epochs) {
  if (progress < recipe.warmup) return recipe.lr * progress / recipe.warmup;
  if (recipe.schedule == "step")
    return recipe.lr *
           std::pow(recipe.step_factor, std::floor(progress * epochs / recipe.step_epochs));
  const double along =
      std::min(1.0, (progress - recipe.warmup) / std::max(1e-9, 1 - recipe.warmup));
  return recipe.lr * 0.5 * (1 + std::cos(std::numbers::pi * along));
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
