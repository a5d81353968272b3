#include <algorithm>
#include <unordered_set>

#include "base/text.h"
#include "onnx/passes.h"

namespace vpunas::onnx {
namespace {

// What older opsets say in attributes, in the order of the inputs (from the second on) that newer
// ones have for it.
const std::unordered_map<std::string, std::vector<const char*>>& former_attributes() {
  static const std::unordered_map<std::string, std::vector<const char*>> table = {
      {"Clip", {"min", "max"}}, {"Slice", {"starts", "ends", "axes"}},
      {"Squeeze", {"axes"}},    {"Unsqueeze", {"axes"}},
      {"ReduceMean", {"axes"}}, {"ReduceMax", {"axes"}},
      {"Split", {"split"}},     {"Pad", {"pads", "value"}},
      {"Upsample", {"scales"}},
  };
  return table;
}

Constant constant_of(const Attribute& attribute) {
  switch (attribute.type) {
    case type_tensor:
      return *attribute.tensor;
    case type_float:
      return scalar_constant(attribute.f);
    case type_int:
      return {.ints = {attribute.i}, .is_integer = true};
    case type_ints:
      return int_constant(attribute.ints);
    case type_floats:
      return {.dims = {static_cast<int64_t>(attribute.floats.size())}, .floats = attribute.floats};
    default:
      fail("only tensors and numbers are known");
  }
}

class Normaliser {
 public:
  Normaliser(Model& model, Allowance& allowance) : model_(model), allowance_(allowance) {}

  void run() {
    std::vector<Operator> kept;
    for (Operator& op : model_.operators) {
      at_operator(op, [&] {
        if (!op.domain.empty() || op.type.find(' ') != std::string::npos)
          fail("the operator is not known here");
        for (std::string& input : op.inputs) input = resolved(input);
        attributes_to_inputs(op);
        if (!to_constant(op) && !to_alias(op)) kept.push_back(std::move(op));
      });
    }
    model_.operators = std::move(kept);
    for (ValueInfo& output : model_.outputs) output.name = resolved(output.name);
  }

 private:
  const std::string& resolved(const std::string& name) const {
    const auto found = aliases_.find(name);
    return found == aliases_.end() ? name : found->second;
  }

  void add_constant(const std::string& name, Constant constant) {
    if (!model_.constants.emplace(name, std::move(constant)).second)
      fail("value ", name, " is there twice");
  }

  void attributes_to_inputs(Operator& op) {
    const auto found = former_attributes().find(op.type);
    if (found == former_attributes().end()) return;
    size_t input = 1;
    for (const char* name : found->second) {
      const auto attribute = op.attributes.find(name);
      if (attribute != op.attributes.end()) {
        if (op.has_input(input)) fail("gives its ", name, " twice");
        op.inputs.resize(std::max(op.inputs.size(), input + 1));
        op.inputs[input] = op.outputs[0] + "/" + name;
        add_constant(op.inputs[input], constant_of(attribute->second));
        op.attributes.erase(attribute);
      }
      ++input;
    }
  }

  bool to_constant(const Operator& op) {
    std::vector<const Constant*> inputs;
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      inputs.push_back(constant_input(model_, op, i));
      if (op.has_input(i) && !inputs.back()) return false;
    }
    std::optional<Constant> constant;
    if (op.type == "Constant") {
      if (op.attributes.size() != 1) fail("does not have one value");
      constant = constant_of(op.attributes.begin()->second);
    } else if (!inputs.empty()) {
      constant = evaluate(op, inputs, allowance_);
    }
    if (constant) add_constant(op.outputs[0], std::move(*constant));
    return constant.has_value();
  }

  // Operators that give their input.
  bool to_alias(const Operator& op) {
    if (op.type != "Identity" && op.type != "Dropout") return false;
    require_inputs(op, 1, op.type == "Dropout" ? 3 : 1);
    require_known_attributes(op, op.type == "Dropout" ? "ratio seed is_test" : "");
    if (op.has_input(2)) {
      const Constant* training = constant_input(model_, op, 2);
      if (!training || training->ints != std::vector<int64_t>{0})
        fail("is in training mode; export the network for inference");
    }
    aliases_[op.outputs[0]] = op.inputs[0];
    return true;
  }

  Model& model_;
  Allowance& allowance_;
  std::unordered_map<std::string, std::string> aliases_;
};

}  // namespace

const Constant* find_constant(const Model& model, const std::string& name) {
  const auto found = model.constants.find(name);
  return found == model.constants.end() ? nullptr : &found->second;
}

const Constant* constant_input(const Model& model, const Operator& op, size_t i) {
  return op.has_input(i) ? find_constant(model, op.inputs[i]) : nullptr;
}

void drop_dead_operators(Model& model) {
  std::unordered_map<std::string, size_t> source;
  for (size_t i = 0; i < model.operators.size(); ++i) {
    const Operator& op = model.operators[i];
    if (op.outputs.empty() || op.outputs[0].empty())
      fail("node ", op.name, " (", op.type, ") has no output");
    for (const std::string& output : op.outputs)
      if (!output.empty() && (!source.emplace(output, i).second || find_constant(model, output)))
        fail("value ", output, " is there twice");
  }
  std::vector<bool> live(model.operators.size(), false);
  std::vector<size_t> open;
  const auto reach = [&](const std::string& value) {
    const auto found = source.find(value);
    if (found == source.end() || live[found->second]) return;
    live[found->second] = true;
    open.push_back(found->second);
  };
  for (const ValueInfo& output : model.outputs) reach(output.name);
  while (!open.empty()) {
    const Operator& op = model.operators[open.back()];
    open.pop_back();
    for (const std::string& input : op.inputs) reach(input);
  }
  std::vector<Operator> kept;
  for (size_t i = 0; i < live.size(); ++i)
    if (live[i]) kept.push_back(std::move(model.operators[i]));
  model.operators = std::move(kept);
}

void normalise(Model& model, Allowance& allowance) {
  drop_dead_operators(model);
  Normaliser(model, allowance).run();
}

}  // namespace vpunas::onnx
