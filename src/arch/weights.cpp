#include "arch/weights.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/random.h"

namespace vpunas {
namespace {

const Shape& input_shape(const Graph& graph, const Node& node) {
  return graph.nodes[node.inputs[0]].shape;
}

// Calls visit(node, parameter, dims) for every tensor of the graph.
template <class Visit>
void for_each_parameter(const Graph& graph, const Visit& visit) {
  for (const Node& node : graph.nodes) {
    if (node.inputs.empty()) continue;
    for (const auto& [name, dims] : layer_parameters(node.layer, input_shape(graph, node)))
      visit(node, name, dims);
  }
}

int64_t product(const std::vector<int64_t>& dims) {
  int64_t elements = 1;
  for (const int64_t dim : dims) elements *= dim;
  return elements;
}

// --- Folding ---

bool is_affine(const Layer& layer) {
  return std::holds_alternative<BatchNorm>(layer) || std::holds_alternative<ScaleShift>(layer);
}

bool shifts(const Layer& layer) {
  const auto* scale = std::get_if<ScaleShift>(&layer);
  return !scale || scale->shift;
}

bool has_weight(const Layer& layer) {
  return std::holds_alternative<Conv>(layer) || std::holds_alternative<Linear>(layer);
}

// A shift before a padded convolution would be missing from the padding.
bool takes_shift_before(const Layer& layer) {
  const auto* conv = std::get_if<Conv>(&layer);
  return !conv || conv->padding == Padding{};
}

// What becomes of an affine node: it is multiplied into the convolution or linear layer `target`,
// which lies behind its input ("after") or is its consumer ("before").
struct Fold {
  int target = 0;
  bool before = false;
};
using Plan = std::vector<std::optional<Fold>>;  // by node

// The only consumer of every node, -1 where there is none or more than one.
std::vector<int> sole_consumers(const Graph& graph) {
  std::vector<int> consumer(graph.nodes.size(), -1);
  std::vector<int> count(graph.nodes.size(), 0);
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    for (const int input : graph.nodes[i].inputs) {
      consumer[input] = static_cast<int>(i);
      ++count[input];
    }
  for (size_t i = 0; i < consumer.size(); ++i)
    if (count[i] != 1) consumer[i] = -1;
  return consumer;
}

Plan plan_folding(const Graph& graph) {
  const auto& nodes = graph.nodes;
  const int count = static_cast<int>(nodes.size());
  const std::vector<int> consumer = sole_consumers(graph);
  Plan plan(nodes.size());

  for (int i = 0; i < count; ++i) {
    if (!is_affine(nodes[i].layer)) continue;
    const int input = nodes[i].inputs[0];
    if (consumer[input] != i) continue;
    const int target = has_weight(nodes[input].layer) ? input
                       : plan[input]                  ? plan[input]->target
                                                      : -1;
    if (target < 0) continue;
    // The graph's output must stay its last node.
    const bool last_stays = i + 1 < count || std::all_of(plan.begin() + target + 1, plan.end() - 1,
                                                         [&](const auto& fold) {
                                                           return fold && fold->target == target;
                                                         });
    if (last_stays) plan[i] = Fold{.target = target, .before = false};
  }
  for (int i = count - 1; i >= 0; --i) {
    if (!is_affine(nodes[i].layer) || plan[i] || consumer[i] < 0) continue;
    const int next = consumer[i];
    int target = -1;
    if (has_weight(nodes[next].layer)) target = next;
    if (plan[next] && plan[next]->before) target = plan[next]->target;
    if (target >= 0 && (!shifts(nodes[i].layer) || takes_shift_before(nodes[target].layer)))
      plan[i] = Fold{.target = target, .before = true};
  }
  return plan;
}

Graph folded_graph(const Graph& graph, const Plan& plan) {
  std::vector<Layer> layers;
  for (const Node& node : graph.nodes)
    layers.push_back(std::holds_alternative<BatchNorm>(node.layer) ? ScaleShift{.shift = true}
                                                                   : node.layer);
  for (size_t i = 0; i < plan.size(); ++i) {
    if (!plan[i] || !shifts(graph.nodes[i].layer)) continue;
    Layer& target = layers[plan[i]->target];
    if (auto* conv = std::get_if<Conv>(&target)) conv->bias = true;
    if (auto* linear = std::get_if<Linear>(&target)) linear->bias = true;
  }
  Graph folded{.name = graph.name, .preprocess = graph.preprocess, .nodes = {}};
  std::vector<int> index;  // of each old node in the folded graph
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (plan[i]) {
      index.push_back(index[node.inputs[0]]);
      continue;
    }
    std::vector<int> inputs;
    for (const int input : node.inputs) inputs.push_back(index[input]);
    index.push_back(folded.add(node.name, layers[i], std::move(inputs)));
  }
  return folded;
}

// y = scale * x + shift, by channel.
struct Affine {
  std::vector<double> scale, shift;
};

Affine affine_of(const Node& node, const Weights& weights) {
  const auto values = [&](const char* parameter) -> const std::vector<float>& {
    return weights.at(node.name + "." + parameter).data;
  };
  const std::vector<float>& weight = values("weight");
  Affine affine{{weight.begin(), weight.end()}, std::vector<double>(weight.size(), 0.0)};
  if (const auto* norm = std::get_if<BatchNorm>(&node.layer)) {
    const auto& mean = values("running_mean");
    const auto& variance = values("running_var");
    for (size_t c = 0; c < weight.size(); ++c) {
      affine.scale[c] /= std::sqrt(variance[c] + norm->eps);
      affine.shift[c] = values("bias")[c] - mean[c] * affine.scale[c];
    }
  } else if (shifts(node.layer)) {
    const auto& bias = values("bias");
    affine.shift.assign(bias.begin(), bias.end());
  }
  return affine;
}

void fold_after(const Affine& affine, Tensor& weight, Tensor& bias) {
  const size_t row = weight.data.size() / affine.scale.size();
  for (size_t i = 0; i < weight.data.size(); ++i)
    weight.data[i] = static_cast<float>(weight.data[i] * affine.scale[i / row]);
  for (size_t o = 0; o < bias.data.size(); ++o)
    bias.data[o] = static_cast<float>(bias.data[o] * affine.scale[o] + affine.shift[o]);
}

// `channels_in_row` input channels stand in a row of the weight (all of them but for groups).
void fold_before(const Affine& affine, size_t channels_in_row, Tensor& weight, Tensor& bias) {
  const size_t rows = static_cast<size_t>(weight.dims[0]);
  const size_t row = weight.data.size() / rows;
  const size_t taps = row / channels_in_row;
  const size_t groups = affine.scale.size() / channels_in_row;
  for (size_t o = 0; o < rows; ++o) {
    const size_t first_channel = o / (rows / groups) * channels_in_row;
    double shift = 0;
    for (size_t i = 0; i < row; ++i) {
      float& value = weight.data[o * row + i];
      const size_t channel = first_channel + i / taps;
      shift += value * affine.shift[channel];
      value = static_cast<float>(value * affine.scale[channel]);
    }
    if (!bias.data.empty()) bias.data[o] = static_cast<float>(bias.data[o] + shift);
  }
}

Weights folded_weights(const Graph& graph, const Graph& folded, const Plan& plan,
                       const Weights& weights) {
  Weights result;
  // The tensors that stay, with zeros for biases that folding adds.
  for_each_parameter(folded, [&](const Node& node, const std::string& parameter, const auto& dims) {
    const auto found = weights.find(node.name + "." + parameter);
    result[node.name + "." + parameter] =
        found != weights.end()
            ? found->second
            : Tensor{dims, std::vector<float>(static_cast<size_t>(product(dims)), 0.0f)};
  });
  const auto apply = [&](size_t i) {
    const Node& node = graph.nodes[i];
    const Node& target = graph.nodes[plan[i]->target];
    Tensor& weight = result.at(target.name + ".weight");
    Tensor none;
    const auto found = result.find(target.name + ".bias");
    Tensor& bias = found == result.end() ? none : found->second;
    const Affine affine = affine_of(node, weights);
    if (!plan[i]->before) return fold_after(affine, weight, bias);
    const auto* conv = std::get_if<Conv>(&target.layer);
    fold_before(affine, affine.scale.size() / (conv ? conv->groups : 1), weight, bias);
  };
  // Outwards from each target: the nearest affine node first.
  for (size_t i = 0; i < plan.size(); ++i)
    if (plan[i] && !plan[i]->before) apply(i);
  for (size_t i = plan.size(); i-- > 0;)
    if (plan[i] && plan[i]->before) apply(i);

  for (size_t i = 0; i < plan.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (plan[i] || !std::holds_alternative<BatchNorm>(node.layer)) continue;
    const Affine affine = affine_of(node, weights);
    result[node.name + ".weight"].data.assign(affine.scale.begin(), affine.scale.end());
    result[node.name + ".bias"].data.assign(affine.shift.begin(), affine.shift.end());
  }
  return result;
}

}  // namespace

std::string dims_text(const std::vector<int64_t>& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) text += cat(i ? ", " : "", dims[i]);
  return text + "]";
}

void check_weights(const Graph& graph, const Weights& weights) {
  size_t known = 0;
  for_each_parameter(graph, [&](const Node& node, const std::string& parameter, const auto& dims) {
    const std::string name = node.name + "." + parameter;
    const auto found = weights.find(name);
    if (found == weights.end()) fail("tensor ", name, ": missing");
    const Tensor& tensor = found->second;
    if (tensor.dims != dims || tensor.data.size() != static_cast<size_t>(product(dims)))
      fail("tensor ", name, ": has dims ", dims_text(tensor.dims), ", the network needs ",
           dims_text(dims));
    for (const float value : tensor.data)
      if (!std::isfinite(value)) fail("tensor ", name, ": holds a value that is not finite");
    if (parameter == "running_var")
      for (const float value : tensor.data)
        if (value < 0) fail("tensor ", name, ": holds a negative variance");
    ++known;
  });
  if (known == weights.size()) return;
  Weights unknown = weights;
  for_each_parameter(graph, [&](const Node& node, const std::string& parameter, const auto&) {
    unknown.erase(node.name + "." + parameter);
  });
  fail("tensor ", unknown.begin()->first, ": the network has no such tensor");
}

Graph fold(const Graph& graph) { return folded_graph(graph, plan_folding(graph)); }

FoldedNetwork fold(const Graph& graph, const Weights& weights) {
  check_weights(graph, weights);
  const Plan plan = plan_folding(graph);
  Graph folded = folded_graph(graph, plan);
  Weights values = folded_weights(graph, folded, plan, weights);
  return {std::move(folded), std::move(values)};
}

Weights random_weights(const Graph& graph, uint64_t seed) {
  Weights weights;
  for_each_parameter(graph, [&](const Node& node, const std::string& parameter, const auto& dims) {
    const auto elements = static_cast<size_t>(product(dims));
    // Uniform with the variance 2 / fan-in (He et al., arXiv:1502.01852, equation 10).
    double least = -0.1, most = 0.1;
    if (parameter == "running_var" || (parameter == "weight" && is_affine(node.layer))) {
      least = 0.8, most = 1.2;
    } else if (std::holds_alternative<PRelu>(node.layer)) {
      least = 0, most = 0.5;
    } else if (parameter == "weight") {
      const double fan_in = static_cast<double>(elements) / static_cast<double>(dims[0]);
      most = std::sqrt(6.0 / fan_in);
      least = -most;
    }
    Random random({seed, weights.size()});
    Tensor tensor{dims, std::vector<float>(elements)};
    for (float& x : tensor.data) x = static_cast<float>(least + (most - least) * random.uniform());
    weights[node.name + "." + parameter] = std::move(tensor);
  });
  for (auto& [name, tensor] : preprocess_weights(graph)) weights[name] = tensor;
  return weights;
}

Weights preprocess_weights(const Graph& graph) {
  const auto found = std::find_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) {
    return node.name == "preprocess" && std::holds_alternative<ScaleShift>(node.layer);
  });
  if (found == graph.nodes.end()) return {};
  const int channels = found->shape.c;
  const Preprocess& preprocess = graph.preprocess;
  const std::vector<double>& scale = preprocess.scale;
  if (scale.size() != 1 && scale.size() != static_cast<size_t>(channels))
    fail("network ", graph.name, ": ", scale.size(), " scales for an image of ", channels,
         " channels");
  const auto scale_of = [&](size_t channel) { return scale[scale.size() == 1 ? 0 : channel]; };
  Weights weights;
  Tensor& weight = weights["preprocess.weight"] = {{channels}, {}};
  for (size_t c = 0; c < static_cast<size_t>(channels); ++c)
    weight.data.push_back(static_cast<float>(scale_of(c)));
  if (!shifts(found->layer)) return weights;
  if (preprocess.mean.size() != static_cast<size_t>(channels))
    fail("network ", graph.name, ": ", preprocess.mean.size(), " means for an image of ", channels,
         " channels");
  Tensor bias{{channels}, {}};
  for (size_t c = 0; c < preprocess.mean.size(); ++c)
    bias.data.push_back(static_cast<float>(-preprocess.mean[c] * scale_of(c)));
  weights["preprocess.bias"] = std::move(bias);
  return weights;
}

}  // namespace vpunas
