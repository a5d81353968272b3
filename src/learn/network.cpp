#include "learn/network.h"

#include <algorithm>

#include "base/files.h"
#include "base/random.h"
#include "base/text.h"
#include "learn/compute_device.h"

namespace vpunas {
namespace {

namespace F = torch::nn::functional;

uint64_t name_key(const std::string& name) { return std::stoull(content_hash(name), nullptr, 16); }

// First values of the tensor `parameter` of a layer (Kaiming, fan out, for convolutions;
// torchvision's 0.01 for linear ones).
torch::Tensor initial(const Layer& layer, const std::string& parameter,
                      const std::vector<int64_t>& dims, Random random) {
  if (parameter == "running_var") return torch::ones(dims);
  if (parameter != "weight") return torch::zeros(dims);
  if (std::holds_alternative<PRelu>(layer)) return torch::full(dims, 0.25);
  double deviation = 0;
  if (const auto* conv = std::get_if<Conv>(&layer)) {
    deviation =
        std::sqrt(2.0 * conv->groups / (static_cast<double>(dims[0]) * conv->kh * conv->kw));
  } else if (std::holds_alternative<Linear>(layer)) {
    deviation = 0.01;
  } else {
    return torch::ones(dims);
  }
  auto values = torch::empty(dims);
  float* data = values.data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i)
    data[i] = static_cast<float>(deviation * random.normal());
  return values;
}

bool is_symmetric(const Padding& p) { return p.top == p.bottom && p.left == p.right; }

torch::Tensor pad(const torch::Tensor& x, const Padding& p, double value) {
  return F::pad(x, F::PadFuncOptions({p.left, p.right, p.top, p.bottom}).value(value));
}

torch::Tensor per_channel(const torch::Tensor& v) { return v.view({1, -1, 1, 1}); }

// On a 1x1 map a padded kernel sees padding everywhere but at its centre: the same function by a
// 1x1 kernel, which oneDNN's depthwise backward does a hundred times faster.
torch::Tensor convolve_pixel(const Conv& conv, const torch::Tensor& x, const torch::Tensor& weight,
                             const torch::Tensor& bias) {
  const auto centre = weight.narrow(2, conv.padding.top, 1).narrow(3, conv.padding.left, 1);
  if (conv.groups == 1 || weight.size(1) > 1 || weight.size(0) != conv.groups) {
    return torch::conv2d(x, centre, bias, {1, 1}, at::IntArrayRef{0, 0}, conv.dilation,
                         conv.groups);
  }
  const auto y = x * per_channel(centre.flatten());
  return bias.defined() ? y + per_channel(bias) : y;
}

torch::Tensor convolve(const Conv& conv, torch::Tensor x, const torch::Tensor& weight,
                       const torch::Tensor& bias) {
  Padding padding = conv.padding;
  if (!is_symmetric(padding)) {
    x = pad(x, padding, 0);
    padding = {};
  }
  if (x.size(2) == 1 && x.size(3) == 1 && conv.dilation == 1 && 2 * padding.top + 1 == conv.kh &&
      2 * padding.left + 1 == conv.kw) {
    return convolve_pixel(conv, x, weight, bias);
  }
  const auto y = torch::conv2d(x, weight, bias, {conv.sh, conv.sw}, {padding.top, padding.left},
                               conv.dilation, conv.groups);
  // An image of one channel has no memory format of its own and would make all behind it NCHW.
  return y.contiguous(torch::MemoryFormat::ChannelsLast);
}

torch::Tensor activate(const Activation& activation, const torch::Tensor& x, bool in_place) {
  switch (activation.act) {
    case Act::none:
      return x;
    case Act::relu:
      return in_place ? torch::relu_(const_cast<torch::Tensor&>(x)) : torch::relu(x);
    case Act::relu6:
      return in_place ? torch::hardtanh_(const_cast<torch::Tensor&>(x), 0, 6)
                      : torch::hardtanh(x, 0, 6);
    case Act::leaky_relu:
      return torch::leaky_relu(x, activation.slope);
    case Act::hswish:
      return torch::hardswish(x);
    case Act::swish:
      return torch::silu(x);
    case Act::sigmoid:
      return torch::sigmoid(x);
    case Act::hsigmoid:
      return torch::hardsigmoid(x);
  }
  return x;
}

// Also what torch's own pooling does not take: padding that differs by side or exceeds half of the
// kernel.
torch::Tensor pool(const Pool& layer, const torch::Tensor& input) {
  const std::vector<int64_t> kernel{layer.kh, layer.kw}, stride{layer.sh, layer.sw};
  const bool ceil = layer.rounding == Rounding::ceil;
  const Padding& p = layer.padding;
  const bool plain = is_symmetric(p) && 2 * p.top <= layer.kh && 2 * p.left <= layer.kw;
  if (layer.kind == PoolKind::max) {
    if (plain) return torch::max_pool2d(input, kernel, stride, {p.top, p.left}, 1, ceil);
    return torch::max_pool2d(pad(input, p, -std::numeric_limits<double>::infinity()), kernel,
                             stride, 0, 1, ceil);
  }
  if (plain)
    return torch::avg_pool2d(input, kernel, stride, {p.top, p.left}, ceil, layer.count_padding);
  const auto average = [&](const torch::Tensor& x) {
    return torch::avg_pool2d(pad(x, p, 0), kernel, stride, 0, ceil, true);
  };
  const auto pooled = average(input);
  return layer.count_padding
             ? pooled
             : pooled / average(torch::ones_like(input.slice(0, 0, 1).slice(1, 0, 1)));
}

torch::Tensor shuffle_channels(const torch::Tensor& x, int groups) {
  const auto n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
  return x.reshape({n, groups, c / groups, h, w}).transpose(1, 2).reshape({n, c, h, w});
}

torch::Tensor resize(const Resize& layer, const torch::Tensor& x) {
  const auto scale = [](double given) {
    return given > 0 ? std::optional<double>(given) : std::nullopt;
  };
  const auto h = scale(layer.scale_h), w = scale(layer.scale_w);
  if (layer.kind == ResizeKind::nearest)
    return at::_upsample_nearest_exact2d(x, {layer.h, layer.w}, h, w);
  return at::upsample_bilinear2d(x, {layer.h, layer.w}, /*align_corners=*/false, h, w);
}

bool is_trained(const std::string& parameter) {
  return parameter == "weight" || parameter == "bias";
}

// Calls visit(node, parameter, dims) for every tensor of the graph's layers.
template <class Visit>
void for_each_parameter(const Graph& graph, const Visit& visit) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.inputs.empty()) continue;
    for (const auto& [parameter, dims] :
         layer_parameters(node.layer, graph.nodes[node.inputs[0]].shape))
      visit(i, parameter, dims);
  }
}

}  // namespace

Computing parse_computing(const std::string& engine, bool bfloat16) {
  return {engine == "libtorch" ? Engine::libtorch : Engine::fused, bfloat16};
}

void SharedTensors::reserve(const Graph& graph) {
  for_each_parameter(graph, [&](size_t node, const std::string& parameter, const auto& own) {
    auto& dims = dims_[graph.nodes[node].name + "." + parameter];
    dims.resize(own.size(), 0);
    for (size_t i = 0; i < own.size(); ++i) dims[i] = std::max(dims[i], own[i]);
  });
}

torch::Tensor Network::Value::own() const {
  torch::Tensor value = stored;
  for (size_t i = 0; i < dims.size(); ++i) {
    const auto dim = static_cast<int64_t>(i);
    if (value.size(dim) > dims[i]) value = value.narrow(dim, 0, dims[i]);
  }
  return value;
}

Network::Network(Graph graph, uint64_t seed, Computing computing, SharedTensors* shared)
    : graph_(std::move(graph)),
      bfloat16_(computing.bfloat16),
      steps_(plan_steps(graph_, computing.engine == Engine::fused)) {
  require_one_input(graph_);
  tensors_.resize(graph_.nodes.size());
  std::vector<int> readers(graph_.nodes.size(), 0);
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& node = graph_.nodes[i];
    for (const int input : node.inputs) ++readers[input];
  }
  for_each_parameter(graph_, [&](size_t i, const std::string& parameter, const auto& dims) {
    const Node& node = graph_.nodes[i];
    const std::string name = node.name + "." + parameter;
    torch::Tensor* known = shared == nullptr ? nullptr : &shared->values_[name];
    if (known != nullptr && known->defined()) {
      tensors_[i].emplace(parameter, Value{*known, dims});
      return;
    }
    auto value = initial(node.layer, parameter, shared == nullptr ? dims : shared->dims_.at(name),
                         Random({seed, name_key(name)}));
    if (dims.size() == 4) value = value.contiguous(torch::MemoryFormat::ChannelsLast);
    value = value.to(compute_device());
    value.set_requires_grad(is_trained(parameter) && node.name != "preprocess");
    if (known != nullptr) *known = value;
    tensors_[i].emplace(parameter, Value{std::move(value), dims});
  });
  // An activation may overwrite its input where nobody else reads it and its producer's gradient
  // does not need its output.
  may_overwrite_.assign(graph_.nodes.size(), false);
  for (size_t i = 1; i < graph_.nodes.size(); ++i) {
    const int producer = graph_.nodes[i].inputs[0];
    const Layer& layer = graph_.nodes[producer].layer;
    may_overwrite_[i] = readers[producer] == 1 && (std::holds_alternative<BatchNorm>(layer) ||
                                                   std::holds_alternative<vpunas::Add>(layer));
  }
  find_branches(readers);
  zero_residual_branches();
  const Weights fixed = preprocess_weights(graph_);
  for (auto& [name, value] : tensors()) {
    if (const auto found = fixed.find(name); found != fixed.end()) copy_to(found->second, value);
  }
}

// The residual branch of an addition is the first input that ends in a batch norm: another one is a
// projected shortcut.
void Network::find_branches(const std::vector<int>& readers) {
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& node = graph_.nodes[i];
    if (!std::holds_alternative<vpunas::Add>(node.layer)) continue;
    for (const int input : node.inputs) {
      if (!std::holds_alternative<BatchNorm>(graph_.nodes[input].layer) || readers[input] != 1)
        continue;
      const int number = static_cast<int>(branches_.size()) + 1;
      branches_.emplace(static_cast<int>(i), Branch{input, number});
      break;
    }
  }
}

void Network::zero_residual_branches() {
  torch::NoGradGuard no_grad;
  for (const auto& [add, branch] : branches_) tensors_[branch.input].at("weight").stored.zero_();
}

torch::Tensor Network::forward(const torch::Tensor& input, Statistics statistics,
                               const Noise& noise, const Observer& observe) const {
  std::vector<torch::Tensor> values(graph_.nodes.size());
  values[0] = input;
  const auto show = [&](int node) {
    if (observe) observe(graph_.nodes[node], values[node]);
  };
  for (const Step& step : steps_) {
    const auto& first = values[graph_.nodes[step.nodes.front()].inputs.front()];
    // A chain may begin in a frozen block and end behind it.
    const bool trains = step.nodes.front() > frozen_ && statistics != Statistics::running;
    if (step.is_fused() && trains && can_fuse(first)) {
      values[step.nodes.back()] = run_fused(step, values, statistics, noise);
      show(step.nodes.back());
    } else {
      for (const int node : step.nodes) {
        values[node] = run(node, values, node <= frozen_ ? Statistics::running : statistics, noise);
        show(node);
      }
    }
    for (const int node : step.releases) values[node].reset();
  }
  return values.back();
}

torch::Tensor Network::tensor(size_t node, const std::string& parameter) const {
  const auto found = tensors_[node].find(parameter);
  return found == tensors_[node].end() ? torch::Tensor() : found->second.own();
}

NormTensors Network::norm_tensors(int norm, int act, Statistics statistics) const {
  NormTensors result{.weight = tensor(norm, "weight"),
                     .bias = tensor(norm, "bias"),
                     .running_mean = {},
                     .running_var = {},
                     .eps = std::get<BatchNorm>(graph_.nodes[norm].layer).eps,
                     .clamp = {}};
  if (statistics == Statistics::train) {
    result.running_mean = tensor(norm, "running_mean");
    result.running_var = tensor(norm, "running_var");
  }
  if (act >= 0) {
    result.clamp.low = 0;
    if (std::get<Activation>(graph_.nodes[act].layer).act == Act::relu6) result.clamp.high = 6;
  }
  return result;
}

// Images whose branch is left out keep the shortcut alone; the others' branch makes up for them.
torch::Tensor Network::drop_path(const torch::Tensor& branch, int add, Statistics statistics,
                                 const Noise& noise) const {
  const auto found = branches_.find(add);
  if (noise.drop_path == 0 || statistics != Statistics::train || found == branches_.end())
    return branch;
  const double rate =
      noise.drop_path * found->second.number / static_cast<double>(branches_.size());
  const auto kept = torch::rand({branch.size(0), 1, 1, 1}, branch.device()) >= rate;
  return branch * (kept.to(torch::kFloat32) / (1 - rate)).to(branch.scalar_type());
}

torch::Tensor Network::run_fused(const Step& step, const std::vector<torch::Tensor>& values,
                                 Statistics statistics, const Noise& noise) const {
  std::optional<NormTensors> before;
  if (step.before >= 0) before = norm_tensors(step.before, step.before_act, statistics);
  std::vector<ConvNorm> stages;
  for (const Step::Stage& stage : step.stages) {
    stages.push_back({.weight = tensor(stage.conv, "weight"),
                      .stride = std::get<Conv>(graph_.nodes[stage.conv].layer).sh,
                      .norm = norm_tensors(stage.norm, stage.act, statistics)});
  }
  std::optional<torch::Tensor> residual;
  int last = -1;  // before the addition
  if (step.add >= 0) {
    const auto& inputs = graph_.nodes[step.add].inputs;
    last = step.nodes[step.nodes.size() - 2];
    residual = values[inputs[0] == last ? inputs[1] : inputs[0]];
  }
  const torch::Tensor& input = values[graph_.nodes[step.nodes.front()].inputs.front()];
  const torch::Tensor x = bfloat16_ ? input.to(torch::kBFloat16) : input;  // images are float
  if (!residual || noise.drop_path == 0)
    return fused_chain(x, before ? &*before : nullptr, stages, residual);
  const auto chain = fused_chain(x, before ? &*before : nullptr, stages, std::nullopt);
  return branches_.at(step.add).input == last
             ? *residual + drop_path(chain, step.add, statistics, noise)
             : drop_path(*residual, step.add, statistics, noise) + chain;
}

torch::Tensor Network::run(size_t index, const std::vector<torch::Tensor>& values,
                           Statistics statistics, const Noise& noise) const {
  const Node& node = graph_.nodes[index];
  const auto input = [&](size_t i) -> const torch::Tensor& { return values[node.inputs[i]]; };
  const auto tensor = [&](const char* parameter) { return this->tensor(index, parameter); };
  const auto tensor_as = [&](const char* parameter, torch::ScalarType type) {
    const auto value = tensor(parameter);
    return value.defined() ? value.to(type) : value;
  };
  return std::visit(
      Overload{
          [&](const Input&) { return values[index]; },
          [&](const Conv& l) {
            const bool half = bfloat16_ && statistics != Statistics::running;
            const bool widened = input(0).is_cpu() && !multiplies_bfloat16();
            const auto type = half && !widened ? torch::kBFloat16 : torch::kFloat32;
            const auto y =
                convolve(l, input(0).to(type), tensor_as("weight", type), tensor_as("bias", type));
            return half ? y.to(torch::kBFloat16) : y;
          },
          [&](const BatchNorm& l) {
            const bool own =
                statistics == Statistics::batch;  // neither reads nor moves the running statistics
            return torch::batch_norm(input(0), tensor("weight"), tensor("bias"),
                                     own ? torch::Tensor() : tensor("running_mean"),
                                     own ? torch::Tensor() : tensor("running_var"),
                                     statistics != Statistics::running, 0.1, l.eps,
                                     /*cudnn_enabled=*/true);
          },
          [&](const ScaleShift& l) {
            const auto scaled = input(0) * per_channel(tensor("weight"));
            return l.shift ? scaled + per_channel(tensor("bias")) : scaled;
          },
          [&](const Activation& l) { return activate(l, input(0), may_overwrite_[index]); },
          [&](const PRelu&) {
            return torch::prelu(input(0), tensor_as("weight", input(0).scalar_type()));
          },
          [&](const vpunas::Add&) {
            const auto found = branches_.find(static_cast<int>(index));
            torch::Tensor sum;
            for (const int from : node.inputs) {
              const bool branch = found != branches_.end() && found->second.input == from;
              const auto term =
                  branch ? drop_path(values[from], found->first, statistics, noise) : values[from];
              sum = sum.defined() ? sum + term : term;
            }
            return sum;
          },
          [&](const Mul&) { return input(0) * input(1); },
          [&](const Concat&) {
            std::vector<torch::Tensor> parts;
            for (size_t i = 0; i < node.inputs.size(); ++i) parts.push_back(input(i));
            return torch::cat(parts, 1);
          },
          [&](const Slice& l) { return input(0).slice(1, l.begin, l.end); },
          [&](const Permute& l) { return shuffle_channels(input(0), l.groups); },
          [&](const Pool& l) { return pool(l, input(0)); },
          [&](const GlobalPool&) { return input(0).mean({2, 3}, true); },
          [&](const Linear&) {
            auto x = input(0).flatten(1).to(torch::kFloat32);
            if (noise.dropout > 0 && statistics == Statistics::train)
              x = torch::dropout(x, noise.dropout, true);
            return torch::linear(x, tensor("weight"), tensor("bias")).unsqueeze(-1).unsqueeze(-1);
          },
          [&](const Softmax&) { return torch::softmax(input(0), 1); },
          [&](const Resize& l) { return resize(l, input(0)); },
          [&](const Lrn& l) {
            return F::local_response_norm(
                input(0),
                F::LocalResponseNormFuncOptions(l.size).alpha(l.alpha).beta(l.beta).k(l.bias));
          },
      },
      node.layer);
}

std::vector<Network::Parameter> Network::parameters() const {
  std::vector<Parameter> result;
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& node = graph_.nodes[i];
    if (node.name == "preprocess") continue;
    const bool matrix =
        std::holds_alternative<Conv>(node.layer) || std::holds_alternative<Linear>(node.layer);
    for (const auto& [parameter, value] : tensors_[i]) {
      if (is_trained(parameter))
        result.push_back(
            {node.name + "." + parameter, value.stored, matrix && parameter == "weight"});
    }
  }
  return result;
}

void Network::set_requires_grad(bool on) {
  for (auto& parameter : parameters()) parameter.value.set_requires_grad(on);
}

void Network::freeze(int block) {
  const std::string first = cat("features.", block, ".");
  const auto begin = std::ranges::find_if(
      graph_.nodes, [&](const Node& node) { return node.name.starts_with(first); });
  if (block < 1 || begin == graph_.nodes.end())
    fail("network ", graph_.name, " has no block features.", block, " to train from");
  frozen_ = static_cast<int>(begin - graph_.nodes.begin()) - 1;
  for (int i = 0; i <= frozen_; ++i)
    for (auto& [parameter, value] : tensors_[static_cast<size_t>(i)])
      value.stored.set_requires_grad(false);
}

std::vector<std::pair<std::string, torch::Tensor>> Network::tensors() const {
  std::vector<std::pair<std::string, torch::Tensor>> result;
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    for (const auto& [parameter, value] : tensors_[i]) {
      result.emplace_back(graph_.nodes[i].name + "." + parameter, value.own().detach());
    }
  }
  return result;
}

Weights Network::weights() const {
  Weights result;
  for (const auto& [name, value] : tensors()) result.emplace(name, to_tensor(value));
  return result;
}

void Network::load(const Weights& weights) {
  check_weights(graph_, weights);
  for (auto& [name, value] : tensors()) copy_to(weights.at(name), value);
}

torch::Tensor to_tensor(const Batch& batch, const ImageShape& shape) {
  auto* pixels = const_cast<uint8_t*>(batch.pixels.data());
  const auto raw = torch::from_blob(
      pixels, {batch.count, shape.channels, shape.height, shape.width}, torch::kUInt8);
  return to_device(raw).to(torch::kFloat32).contiguous(torch::MemoryFormat::ChannelsLast);
}

torch::Tensor resized(const torch::Tensor& images, const Shape& shape) {
  if (images.size(2) == shape.h && images.size(3) == shape.w) return images;
  const int64_t size[] = {shape.h, shape.w};
  return at::_upsample_bilinear2d_aa(images.to(torch::kFloat32), size, /*align_corners=*/false)
      .to(images.scalar_type(), /*non_blocking=*/false, /*copy=*/false,
          torch::MemoryFormat::ChannelsLast);
}

torch::Tensor labels_tensor(const Batch& batch) {
  return to_device(torch::tensor(at::ArrayRef<int64_t>(batch.labels.data(), batch.labels.size()),
                                 torch::kInt64));
}

Tensor to_tensor(const torch::Tensor& tensor) {
  const auto flat = tensor.detach().cpu().contiguous().to(torch::kFloat32);
  const float* data = flat.data_ptr<float>();
  return {tensor.sizes().vec(), std::vector<float>(data, data + flat.numel())};
}

void copy_to(const Tensor& from, torch::Tensor& to) {
  auto* data = const_cast<float*>(from.data.data());
  torch::NoGradGuard no_grad;
  to.copy_(torch::from_blob(data, from.dims, torch::kFloat32));
}

}  // namespace vpunas
