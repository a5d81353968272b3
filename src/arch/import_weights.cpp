#include "arch/import_weights.h"

#include <algorithm>
#include <cmath>
#include <compare>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

// Names of modules in the order in which siblings run; "layer" stands for layer1, layer2, ... and
// the empty first one for numbers alone. The second batch norm is a block's, or timm's behind the
// last convolution.
constexpr const char* order_of_siblings =
    " module model _orig_mod"  // wrappers
    " conv_stem conv conv_exp conv_pw conv1 bn1 squeeze"
    " features layers blocks layer block"  // lists of blocks
    " conv_dw conv2 conv3 expand1x1 expand3x3"
    " se conv_reduce conv_expand fc1 fc2"  // squeeze-excite
    " conv_pwl conv_head bn2 bn3 downsample"
    " classifier fc";

struct Step {
  size_t rank = 0;
  int64_t number = 0;
  auto operator<=>(const Step&) const = default;
};

// Where a module stands in its network: smaller runs earlier.
using Place = std::vector<Step>;

std::optional<size_t> rank_of(const std::string& word) {
  static const std::vector<std::string> order = split(order_of_siblings, ' ');
  const auto found = std::ranges::find(order, word);
  if (found == order.end()) return std::nullopt;
  return found - order.begin();
}

// A word of the module `name`.
Step step_of(const std::string& word, const std::string& name) {
  if (const auto rank = rank_of(word); rank && !word.empty()) return {*rank, 0};
  const size_t digits = word.find_last_not_of("0123456789") + 1;  // 0 for digits alone
  const auto rank = rank_of(word.substr(0, digits));
  const auto number = parse_number(word.substr(digits));
  if (!rank || !number || *number > 1e9)
    fail("tensors of ", excerpt(name),
         ": the name is of no known convention; known are the network's own, torchvision's and "
         "timm's");
  return {*rank, static_cast<int64_t>(*number)};
}

// Tensors of one layer in the file.
struct Module {
  std::string name;
  std::vector<std::pair<std::string, const Tensor*>> tensors;  // by parameter
  const Tensor* find(std::string_view parameter) const {
    for (const auto& [known, tensor] : tensors)
      if (known == parameter) return tensor;
    return nullptr;
  }
  bool is_norm() const { return find("running_mean"); }
};

std::vector<Module> modules_of(const Tensors& tensors) {
  std::map<std::string, Module> by_name;
  for (const auto& [name, tensor] : tensors) {
    const size_t dot = name.rfind('.');
    const std::string module = dot == std::string::npos ? "" : name.substr(0, dot);
    by_name[module].name = module;
    by_name[module].tensors.emplace_back(name.substr(dot + 1), &tensor);
  }
  const auto place_of = [&](const std::string& name) {
    Place place;
    std::string parent;
    for (std::string word : split(name, '.')) {
      // timm's pointwise convolution expands before the depthwise one, but projects behind it in
      // blocks that do not expand.
      if (word == "conv_pw" && !by_name.contains(parent + "conv_pwl")) word = "conv_pwl";
      place.push_back(step_of(word, name));
      parent += word + ".";
    }
    return place;
  };
  std::vector<std::pair<Place, const Module*>> placed;
  for (const auto& [name, module] : by_name) placed.emplace_back(place_of(name), &module);
  std::sort(placed.begin(), placed.end());
  std::vector<Module> modules;
  for (const auto& [place, module] : placed) modules.push_back(*module);
  return modules;
}

using Dims = std::vector<int64_t>;

// [n, c, 1, 1] as [n, c].
Dims squeezed(Dims dims) {
  if (dims.size() == 4 && dims[2] == 1 && dims[3] == 1) dims.resize(2);
  return dims;
}

// A layer of the graph that has tensors.
struct Target {
  const Node* node;
  std::vector<std::pair<std::string, Dims>> parameters;
  bool is_norm() const { return std::holds_alternative<BatchNorm>(node->layer); }
  std::string tensor(const std::string& parameter) const { return node->name + "." + parameter; }
};

std::vector<Target> targets_of(const Graph& graph) {
  std::vector<Target> targets;
  for (const Node& node : graph.nodes) {
    if (node.inputs.empty() || node.name == "preprocess") continue;
    auto parameters = layer_parameters(node.layer, graph.nodes[node.inputs[0]].shape);
    if (!parameters.empty()) targets.push_back({&node, std::move(parameters)});
  }
  return targets;
}

void import_layer(const Module& module, const Target& target, Weights& weights) {
  const std::string into = cat(target.node->name, " (", layer_name(target.node->layer), ")");
  for (const auto& [parameter, dims] : target.parameters) {
    const Tensor* tensor = module.find(parameter);
    const std::string name = module.name + "." + parameter;
    if (!tensor) fail("tensor ", name, ": missing; ", into, " needs it");
    if (squeezed(tensor->dims) != squeezed(dims))
      fail("tensor ", name, ": has dims ", dims_text(tensor->dims), ", ", into,
           " of the network needs ", dims_text(dims));
    weights[target.tensor(parameter)] = {dims, tensor->data};
  }
  for (const auto& [parameter, tensor] : module.tensors)
    if (std::ranges::none_of(target.parameters,
                             [&known = parameter](const auto& p) { return p.first == known; }))
      fail("tensor ", module.name, ".", parameter, ": ", into, " of the network has no ",
           parameter);
}

// Pairs the modules and layers that are norms, or those that are not.
void import_kind(bool norms, const std::vector<Module>& modules, const std::vector<Target>& targets,
                 Weights& weights) {
  const auto other = [&](const auto& item) { return item.is_norm() != norms; };
  auto module = modules.begin();
  auto target = targets.begin();
  while (true) {
    module = std::find_if_not(module, modules.end(), other);
    target = std::find_if_not(target, targets.end(), other);
    if (module == modules.end() || target == targets.end()) break;
    import_layer(*module++, *target++, weights);
  }
  if (module != modules.end())
    fail("tensors of ", module->name, ": the network has no layer left for them");
  if (target != targets.end())
    fail("layer ", target->node->name, ": the file has no tensors left for it");
}

bool has_all(const std::vector<Target>& targets, const Tensors& tensors) {
  return std::ranges::all_of(targets, [&](const Target& target) {
    return std::ranges::all_of(target.parameters, [&](const auto& parameter) {
      return tensors.contains(target.tensor(parameter.first));
    });
  });
}

Tensors without_counters(Tensors tensors) {
  std::erase_if(tensors,
                [](const auto& entry) { return entry.first.ends_with(".num_batches_tracked"); });
  return tensors;
}

// Takes "preprocess" out of the tensors.
void check_preprocess(const Graph& graph, Tensors& tensors) {
  const Weights own = preprocess_weights(graph);
  Tensors given;
  for (const char* name : {"preprocess.weight", "preprocess.bias"})
    if (auto tensor = tensors.extract(name)) given.insert(std::move(tensor));
  const auto close = [](float a, float b) { return std::abs(a - b) <= 1e-5F * std::abs(b); };
  const auto agrees = [&](const auto& entry) {
    const auto found = own.find(entry.first);
    return found != own.end() && std::ranges::equal(entry.second.data, found->second.data, close);
  };
  if (given.empty() || (given.size() == own.size() && std::ranges::all_of(given, agrees))) return;
  fail("tensor ", given.begin()->first, ": the weights expect another scale or mean than network ",
       graph.name, " has; give its preprocess in an architecture file");
}

}  // namespace

ImportedWeights import_weights(const Graph& graph, const Tensors& tensors, Classifier classifier) {
  ImportedWeights imported;
  std::vector<Target> targets = targets_of(graph);
  Tensors given = without_counters(tensors);
  check_preprocess(graph, given);

  if (classifier == Classifier::left_out && !targets.empty()) {
    for (const auto& [parameter, dims] : targets.back().parameters) {
      imported.left_out.push_back(targets.back().tensor(parameter));
      given.erase(imported.left_out.back());
    }
    targets.pop_back();
  }
  if (has_all(targets, given)) {
    imported.weights = std::move(given);
  } else {
    std::vector<Module> modules = modules_of(given);
    const auto layers = [&](const auto& list) {
      return std::ranges::count_if(list, [](const auto& item) { return !item.is_norm(); });
    };
    if (classifier == Classifier::left_out && layers(modules) > layers(targets)) modules.pop_back();
    for (const bool norms : {false, true}) import_kind(norms, modules, targets, imported.weights);
  }
  imported.weights.merge(preprocess_weights(graph));
  if (classifier == Classifier::imported) check_weights(graph, imported.weights);
  return imported;
}

}  // namespace vpunas
