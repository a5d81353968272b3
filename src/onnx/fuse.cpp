#include <algorithm>
#include <cmath>
#include <limits>

#include "onnx/passes.h"

namespace vpunas::onnx {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// 1/6, rounded to 16 bits perhaps.
bool is_sixth(float value) { return std::abs(value - 1.0 / 6) < 1.0 / 6 / 2048; }

// The rewriting of one operator at a time, sources before consumers. What becomes unused is removed
// at the end.
class Fuser {
 public:
  Fuser(Model& model, Allowance& allowance) : model_(model), allowance_(allowance) {
    for (size_t i = 0; i < model.operators.size(); ++i) {
      const Operator& op = model.operators[i];
      for (const std::string& output : op.outputs) source_.emplace(output, i);
      for (const std::string& input : op.inputs) ++uses_[input];
    }
    for (const ValueInfo& output : model.outputs) ++uses_[output.name];
  }

  void run() {
    // Activations first: their additions must not be taken for shifts.
    for (Operator& op : model_.operators)
      at_operator(op, [&] {
        to_canonical_arithmetic(op);
        for (const Rewrite rewrite :
             {&Fuser::to_clip, &Fuser::to_h_sigmoid, &Fuser::to_gated, &Fuser::to_h_swish})
          if ((this->*rewrite)(op)) return;
      });
    for (Operator& op : model_.operators)
      at_operator(op, [&] {
        for (const Rewrite rewrite : {&Fuser::to_bias, &Fuser::to_scale_shift})
          if ((this->*rewrite)(op)) return;
      });
  }

 private:
  // Returns whether the operator is now another one.
  using Rewrite = bool (Fuser::*)(Operator&);

  // The first of the rewrites that fits, for every operator.
  void apply(std::initializer_list<Rewrite> rewrites) {
    for (Operator& op : model_.operators)
      if (!is_dead(op))
        at_operator(op, [&] {
          std::any_of(rewrites.begin(), rewrites.end(),
                      [&](Rewrite rewrite) { return (this->*rewrite)(op); });
        });
  }

  // --- Matching ---

  const Constant* constant(const Operator& op, size_t i) const {
    return constant_input(model_, op, i);
  }
  std::optional<float> scalar(const Operator& op, size_t i) const {
    const Constant* found = constant(op, i);
    if (!found || found->floats.size() != 1) return std::nullopt;
    return found->floats[0];
  }
  bool is_sixth_of(const Operator& op) const {
    const std::optional<float> value = scalar(op, 1);
    return op.type == "Mul" && op.inputs.size() == 2 && value && is_sixth(*value);
  }
  // The operator of this type that gives input `i`, where nothing else reads it.
  const Operator* source(const Operator& op, size_t i, const char* type) const {
    if (!op.has_input(i)) return nullptr;
    const auto found = source_.find(op.inputs[i]);
    if (found == source_.end() || uses_.at(op.inputs[i]) != 1) return nullptr;
    const Operator& from = model_.operators[found->second];
    return from.type == type && from.outputs[0] == op.inputs[i] ? &from : nullptr;
  }

  bool become(Operator& op, const char* type, std::vector<std::string> inputs) {
    for (const std::string& input : inputs) ++uses_[input];
    std::swap(op.inputs, inputs);
    for (const std::string& input : inputs) release(input);
    op.type = type;
    op.attributes.clear();
    return true;
  }
  // An operator that nothing reads any more reads nothing.
  void release(const std::string& value) {
    if (--uses_.at(value) > 0) return;
    const auto found = source_.find(value);
    if (found == source_.end() || !is_dead(model_.operators[found->second])) return;
    for (const std::string& input : model_.operators[found->second].inputs) release(input);
  }
  bool is_dead(const Operator& op) const {
    return std::none_of(op.outputs.begin(), op.outputs.end(), [&](const std::string& output) {
      const auto found = uses_.find(output);
      return found != uses_.end() && found->second > 0;
    });
  }

  // --- Arithmetic with constants: x + c and x * c ---

  std::string changed_constant(const Operator& op, size_t i, float (*change)(float)) {
    allowance_.spend(constant(op, i)->size());
    Constant changed = *constant(op, i);
    for (float& value : changed.floats) value = change(value);
    const std::string name = op.outputs[0] + "/constant";
    if (!model_.constants.emplace(name, std::move(changed)).second)
      fail("value ", name, " is there twice");
    return name;
  }

  // Leaves the operator open to further rewrites.
  bool to_canonical_arithmetic(Operator& op) {
    const bool binary =
        op.type == "Add" || op.type == "Mul" || op.type == "Sub" || op.type == "Div";
    if (!binary || op.inputs.size() != 2 || !op.attributes.empty()) return false;
    const Constant* right = constant(op, 1);
    if (op.type == "Sub" && right && !right->is_integer) {
      become(op, "Add", {op.inputs[0], changed_constant(op, 1, [](float x) { return -x; })});
    } else if (op.type == "Div" && right && !right->is_integer) {
      become(op, "Mul", {op.inputs[0], changed_constant(op, 1, [](float x) { return 1 / x; })});
    } else if ((op.type == "Add" || op.type == "Mul") && constant(op, 0)) {
      std::swap(op.inputs[0], op.inputs[1]);
    }
    return false;
  }

  // --- Activations ---

  struct Clip {
    std::string input;
    float least = -infinity, most = infinity;
  };

  std::optional<float> bound(const Operator& op, size_t i, float fallback) const {
    return op.has_input(i) ? scalar(op, i) : fallback;
  }

  std::optional<Clip> as_clip(const Operator& op) const {
    if (!op.attributes.empty() || op.inputs.empty()) return std::nullopt;
    Clip clip{.input = op.inputs[0]};
    if (op.type == "Relu" && op.inputs.size() == 1) {
      clip.least = 0;
    } else if (op.type == relu6_op) {
      clip.least = 0, clip.most = 6;
    } else if (op.type == "Clip" && op.inputs.size() <= 3) {
      const auto least = bound(op, 1, -infinity), most = bound(op, 2, infinity);
      if (!least || !most) return std::nullopt;
      clip.least = *least, clip.most = *most;
    } else if ((op.type == "Min" || op.type == "Max") && op.inputs.size() == 2) {
      const size_t side = constant(op, 0) ? 0 : 1;
      const std::optional<float> limit = scalar(op, side);
      if (!limit) return std::nullopt;
      clip.input = op.inputs[1 - side];
      (op.type == "Min" ? clip.most : clip.least) = *limit;
    } else {
      return std::nullopt;
    }
    // As exporters write "no limit".
    if (clip.least == -std::numeric_limits<float>::max()) clip.least = -infinity;
    if (clip.most == std::numeric_limits<float>::max()) clip.most = infinity;
    return clip;
  }

  // Relu, Clip, Min and Max, also of each other: Min(Relu(x), 6).
  bool to_clip(Operator& op) {
    std::optional<Clip> clip = as_clip(op);
    if (!clip) return false;
    for (const char* type : {"Relu", relu6_op, "Clip", "Min", "Max"}) {
      Operator reader = op;
      reader.inputs = {clip->input};
      const Operator* from = source(reader, 0, type);
      const std::optional<Clip> inner = from ? as_clip(*from) : std::nullopt;
      if (!inner || inner->least > clip->most || clip->least > inner->most) continue;
      clip = Clip{inner->input, std::max(inner->least, clip->least),
                  std::min(inner->most, clip->most)};
      break;
    }
    if (clip->least == 0 && clip->most == infinity) return become(op, "Relu", {clip->input});
    if (clip->least == 0 && clip->most == 6) return become(op, relu6_op, {clip->input});
    if (clip->least == 0 && clip->most == 1) return to_hard_sigmoid(op, clip->input);
    return false;
  }

  // Clip(x * alpha + beta, 0, 1).
  bool to_hard_sigmoid(Operator& op, const std::string& input) {
    become(op, "HardSigmoid", {input});
    float alpha = 1, beta = 0;
    const Operator* add = source(op, 0, "Add");
    if (add && scalar(*add, 1)) {
      beta = *scalar(*add, 1);
      become(op, "HardSigmoid", {add->inputs[0]});
    }
    const Operator* mul = source(op, 0, "Mul");
    if (mul && scalar(*mul, 1)) {
      alpha = *scalar(*mul, 1);
      become(op, "HardSigmoid", {mul->inputs[0]});
    }
    op.attributes["alpha"] = {.type = type_float, .f = alpha};
    op.attributes["beta"] = {.type = type_float, .f = beta};
    to_h_sigmoid(op);
    return true;
  }

  // The x of Relu6(x + 3), which is read by `op` alone.
  const std::string* shifted_relu6(const Operator& op, size_t i) const {
    const Operator* clip = source(op, i, relu6_op);
    const Operator* add = clip ? source(*clip, 0, "Add") : nullptr;
    return add && scalar(*add, 1) == 3.0f ? &add->inputs[0] : nullptr;
  }

  // HardSigmoid(x / 6 + 1/2), or Relu6(x + 3) / 6.
  bool to_h_sigmoid(Operator& op) {
    if (op.type == "HardSigmoid" && op.inputs.size() == 1 &&
        is_sixth(static_cast<float>(real_or(op, "alpha", 0.2))) &&
        real_or(op, "beta", 0.5) == 0.5) {
      require_known_attributes(op, "alpha beta");
      return become(op, h_sigmoid_op, {op.inputs[0]});
    }
    if (!is_sixth_of(op)) return false;
    const std::string* x = shifted_relu6(op, 0);
    return x && become(op, h_sigmoid_op, {*x});
  }

  // x * Sigmoid(x), x * HardSigmoid(x / 6 + 1/2).
  bool to_gated(Operator& op) {
    if (op.type != "Mul" || op.inputs.size() != 2) return false;
    for (const size_t side : {0, 1})
      for (const auto& [gate_type, gated] :
           {std::pair{"Sigmoid", swish_op}, {h_sigmoid_op, h_swish_op}}) {
        const Operator* gate = source(op, side, gate_type);
        if (gate && gate->inputs == std::vector{op.inputs[1 - side]})
          return become(op, gated, {op.inputs[1 - side]});
      }
    return false;
  }

  // The other orders of x * Relu6(x + 3) / 6.
  bool to_h_swish(Operator& op) {
    if (op.type == "HardSwish" && op.inputs.size() == 1 && op.attributes.empty())
      return become(op, h_swish_op, {op.inputs[0]});
    if (op.type != "Mul" || op.inputs.size() != 2) return false;
    if (is_sixth_of(op)) {
      const Operator* inner = source(op, 0, "Mul");
      for (const size_t side : {0, 1}) {
        const std::string* x = inner ? shifted_relu6(*inner, side) : nullptr;
        if (x && inner->inputs[1 - side] == *x) return become(op, h_swish_op, {*x});
      }
    }
    for (const size_t side : {0, 1}) {
      const std::string* x = shifted_relu6(op, side);
      const Operator* sixth = x ? source(op, 1 - side, "Mul") : nullptr;
      if (sixth && is_sixth_of(*sixth) && sixth->inputs[0] == *x)
        return become(op, h_swish_op, {*x});
    }
    return false;
  }

  // --- Convolutions, linear layers, scales ---

  // The elements of a constant that differs along one axis at most, counted from the last.
  static bool is_along(const Constant& constant, size_t axis_from_last, int64_t size) {
    for (size_t i = 0; i < constant.dims.size(); ++i) {
      const bool axis = constant.dims.size() - 1 - i == axis_from_last;
      if (constant.dims[i] != (axis ? size : 1)) return false;
    }
    return constant.dims.size() > axis_from_last;
  }

  // Conv(x, w) + c, MatMul(x, w) + c.
  bool to_bias(Operator& op) {
    const Constant* bias = op.type == "Add" ? constant(op, 1) : nullptr;
    if (!bias || bias->is_integer || op.inputs.size() != 2) return false;
    for (const char* type : {"Conv", "Gemm", "MatMul"}) {
      const Operator* from = source(op, 0, type);
      const Constant* weight = from && from->inputs.size() == 2 ? constant(*from, 1) : nullptr;
      if (!weight || weight->dims.size() != (from->type == "Conv" ? 4u : 2u)) continue;
      const bool conv = from->type == "Conv";
      const bool rows = conv || int_or(*from, "transB", 0) != 0;
      if (!is_along(*bias, conv ? 2 : 0, weight->dims[rows ? 0 : 1])) continue;
      auto attributes = from->attributes;
      attributes.erase("beta");
      // The name stays that of the layer.
      if (!from->name.empty()) op.name = from->name;
      become(op, type, {from->inputs[0], from->inputs[1], op.inputs[1]});
      op.attributes = std::move(attributes);
      return true;
    }
    return false;
  }

  // x * a + b.
  bool to_scale_shift(Operator& op) {
    if (op.type != "Add" || op.inputs.size() != 2 || !constant(op, 1)) return false;
    const Operator* mul = source(op, 0, "Mul");
    return mul && mul->inputs.size() == 2 && constant(*mul, 1) && !constant(*mul, 0) &&
           become(op, scale_shift_op, {mul->inputs[0], mul->inputs[1], op.inputs[1]});
  }

  Model& model_;
  Allowance& allowance_;
  std::unordered_map<std::string, size_t> source_;  // of a value: the operator
  std::unordered_map<std::string, int> uses_;       // of a value: how many read it
};

}  // namespace

void fuse(Model& model, Allowance& allowance) {
  Fuser(model, allowance).run();
  drop_dead_operators(model);
}

}  // namespace vpunas::onnx
