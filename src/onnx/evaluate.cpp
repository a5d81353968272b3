#include "onnx/evaluate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/error.h"
#include "onnx/attributes.h"

namespace vpunas::onnx {
namespace {

using Inputs = std::vector<const Constant*>;

// --- Copies ---

// The elements at start + sum of index * stride, for every index within dims.
template <class T>
std::vector<T> gathered(const std::vector<T>& from, const Dims& dims, const Dims& strides,
                        int64_t start) {
  std::vector<T> result(element_count(dims));
  Dims index(dims.size(), 0);
  int64_t at = start;
  for (T& value : result) {
    value = from[static_cast<size_t>(at)];
    for (size_t axis = dims.size(); axis-- > 0;) {
      at += strides[axis];
      if (++index[axis] < dims[axis]) break;
      at -= strides[axis] * dims[axis];
      index[axis] = 0;
    }
  }
  return result;
}

Dims strides_of(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

Constant strided(const Constant& from, Dims dims, const Dims& strides, int64_t start,
                 Allowance& allowance) {
  allowance.spend(element_count(dims));
  Constant result{.dims = std::move(dims), .is_integer = from.is_integer};
  if (from.is_integer) {
    result.ints = gathered(from.ints, result.dims, strides, start);
  } else {
    result.floats = gathered(from.floats, result.dims, strides, start);
  }
  return result;
}

Constant redimensioned(const Constant& from, Dims dims, Allowance& allowance) {
  allowance.spend(from.size());
  Constant result = from;
  result.dims = std::move(dims);
  return result;
}

// numpy's rules.
Dims broadcast_dims(const Dims& a, const Dims& b) {
  Dims result(std::max(a.size(), b.size()), 1);
  for (size_t i = 0; i < result.size(); ++i) {
    const int64_t from_a = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t from_b = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (from_a != from_b && from_a != 1 && from_b != 1) fail("its operands' shapes differ");
    result[result.size() - 1 - i] = from_a == 1 ? from_b : from_a;
  }
  return result;
}

Constant broadcast(const Constant& from, const Dims& dims, Allowance& allowance) {
  const Dims own = strides_of(from.dims);
  Dims strides(dims.size(), 0);
  const size_t extra = dims.size() - from.dims.size();
  for (size_t i = 0; i < from.dims.size(); ++i)
    if (from.dims[i] != 1) strides[extra + i] = own[i];
  return strided(from, dims, strides, 0, allowance);
}

// --- Operands ---

const Constant& operand(const Inputs& inputs, size_t i) {
  if (i >= inputs.size() || !inputs[i]) fail("has no input ", i);
  return *inputs[i];
}

const std::vector<int64_t>& int_operand(const Inputs& inputs, size_t i) {
  const Constant& constant = operand(inputs, i);
  if (!constant.is_integer) fail("input ", i, " is not a list of integers");
  return constant.ints;
}

// --- Arithmetic ---

int64_t calculate(const std::string& type, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  if (type == "Add") overflow = __builtin_add_overflow(a, b, &result);
  if (type == "Sub") overflow = __builtin_sub_overflow(a, b, &result);
  if (type == "Mul") overflow = __builtin_mul_overflow(a, b, &result);
  if (overflow) fail("its result is out of range");
  if (type != "Div" && type != "Min" && type != "Max") return result;
  if (type == "Min") return std::min(a, b);
  if (type == "Max") return std::max(a, b);
  if (b == 0 || (b == -1 && a == std::numeric_limits<int64_t>::min())) fail("divides by ", b);
  return a / b;
}

float calculate(const std::string& type, float a, float b) {
  if (type == "Add") return a + b;
  if (type == "Sub") return a - b;
  if (type == "Mul") return a * b;
  if (type == "Min") return std::min(a, b);
  if (type == "Max") return std::max(a, b);
  return a / b;
}

Constant arithmetic(const Operator& op, const Inputs& inputs, Allowance& allowance) {
  require_inputs(op, 2, 2);
  const Constant &left = operand(inputs, 0), &right = operand(inputs, 1);
  if (left.is_integer != right.is_integer) fail("its operands' types differ");
  const Dims dims = broadcast_dims(left.dims, right.dims);
  Constant a = broadcast(left, dims, allowance);
  const Constant b = broadcast(right, dims, allowance);
  for (size_t i = 0; i < a.ints.size(); ++i) a.ints[i] = calculate(op.type, a.ints[i], b.ints[i]);
  for (size_t i = 0; i < a.floats.size(); ++i)
    a.floats[i] = calculate(op.type, a.floats[i], b.floats[i]);
  return a;
}

Constant comparison(const Operator& op, const Inputs& inputs, Allowance& allowance) {
  require_inputs(op, 2, 2);
  const Dims dims = broadcast_dims(operand(inputs, 0).dims, operand(inputs, 1).dims);
  Constant a = broadcast(operand(inputs, 0), dims, allowance);
  const Constant b = broadcast(operand(inputs, 1), dims, allowance);
  if (!a.is_integer || !b.is_integer) fail("compares numbers that are not integers");
  for (size_t i = 0; i < a.ints.size(); ++i) a.ints[i] = a.ints[i] == b.ints[i];
  return a;
}

Constant choice(const Operator& op, const Inputs& inputs, Allowance& allowance) {
  require_inputs(op, 3, 3);
  Dims dims = operand(inputs, 0).dims;
  for (const size_t i : {1, 2}) dims = broadcast_dims(dims, operand(inputs, i).dims);
  const Constant condition = broadcast(operand(inputs, 0), dims, allowance);
  Constant result = broadcast(operand(inputs, 1), dims, allowance);
  const Constant other = broadcast(operand(inputs, 2), dims, allowance);
  if (!condition.is_integer || result.is_integer != other.is_integer)
    fail("its operands' types differ");
  for (size_t i = 0; i < condition.ints.size(); ++i) {
    if (condition.ints[i]) continue;
    if (result.is_integer) result.ints[i] = other.ints[i];
    if (!result.is_integer) result.floats[i] = other.floats[i];
  }
  return result;
}

float calculate(const std::string& type, float x) {
  if (type == "Neg") return -x;
  if (type == "Sqrt") return std::sqrt(x);
  if (type == "Reciprocal") return 1 / x;
  if (type == "Floor") return std::floor(x);
  return std::ceil(x);
}

Constant function(const Operator& op, const Inputs& inputs, Allowance& allowance) {
  require_inputs(op, 1, 1);
  Constant result = redimensioned(operand(inputs, 0), operand(inputs, 0).dims, allowance);
  if (result.is_integer && op.type != "Neg") fail("takes floats");
  for (float& x : result.floats) x = calculate(op.type, x);
  for (int64_t& x : result.ints) x = calculate("Sub", int64_t{0}, x);
  return result;
}

Constant product(const Operator& op, const Inputs& inputs, Allowance&) {
  require_inputs(op, 1, 1);
  const Constant& in = operand(inputs, 0);
  if (!in.is_integer || in.dims.size() > 1) fail("takes a list of integers");
  int64_t result = 1;
  for (const int64_t x : in.ints) result = calculate("Mul", result, x);
  Constant constant = int_constant({result});
  if (int_or(op, "keepdims", 1) == 0) constant.dims.clear();
  return constant;
}

Constant cast(const Operator& op, const Inputs& inputs, Allowance& allowance) {
  require_inputs(op, 1, 1);
  const Constant& in = operand(inputs, 0);
  const int64_t to = int_or(op, "to", 0);
  Constant result = redimensioned(in, in.dims, allowance);
  const bool to_float =
      to == data_float || to == data_double || to == data_float16 || to == data_bfloat16;
  if (to == data_bool) {
    if (!in.is_integer) fail("makes booleans of floats");
    for (int64_t& x : result.ints) x = x != 0;
  } else if (to_float && in.is_integer) {
    result.floats.assign(in.ints.begin(), in.ints.end());
    result.ints.clear();
    result.is_integer = false;
  } else if (!to_float && to != data_int32 && to != data_int64) {
    fail("type ", to, " is not known");
  } else if (!to_float && !in.is_integer) {
    for (const float x : in.floats) {
      if (!(std::abs(x) < 0x1p62f)) fail("value ", x, " is out of range");
      result.ints.push_back(static_cast<int64_t>(x));
    }
    result.floats.clear();
    result.is_integer = true;
  }
  return result;
}

// --- Shapes ---

Constant reshape(const Operator& op, const Inputs& inputs, Allowance& allowance) {
  const Constant& in = operand(inputs, 0);
  if (op.type == "Identity") return redimensioned(in, in.dims, allowance);
  if (op.type == "Flatten")
    return redimensioned(in, flattened_dims(in.dims, int_or(op, "axis", 1)), allowance);
  if (op.type == "Squeeze") {
    const bool has_axes = inputs.size() > 1 && inputs[1];
    return redimensioned(in, squeezed_dims(in.dims, has_axes ? &int_operand(inputs, 1) : nullptr),
                         allowance);
  }
  const Dims& target = int_operand(inputs, 1);
  if (op.type == "Unsqueeze") return redimensioned(in, unsqueezed_dims(in.dims, target), allowance);
  return redimensioned(in, reshaped_dims(in.dims, target, int_or(op, "allowzero", 0) != 0),
                       allowance);
}

Constant transpose(const Operator& op, const Inputs& inputs, Allowance& allowance) {
  require_inputs(op, 1, 1);
  const Constant& in = operand(inputs, 0);
  return transposed(in, permutation(op, in.dims.size()), allowance);
}

Constant shape(const Operator& op, const Inputs& inputs, Allowance&) {
  const Dims& dims = operand(inputs, 0).dims;
  const auto size = static_cast<int64_t>(dims.size());
  if (op.type == "Size") return int_constant({static_cast<int64_t>(element_count(dims))});
  const auto [first, last] = slice_range(int_or(op, "start", 0), int_or(op, "end", size), size);
  return int_constant({dims.begin() + first, dims.begin() + last});
}

Constant concat(const Operator& op, const Inputs& inputs, Allowance& allowance) {
  const Constant& first = operand(inputs, 0);
  const size_t axis = front_axis(int_or(op, "axis", 0), first.dims.size());
  Constant result{.dims = first.dims, .is_integer = first.is_integer};
  result.dims[axis] = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Dims dims = operand(inputs, i).dims, rest = first.dims;
    if (dims.size() != rest.size() || inputs[i]->is_integer != first.is_integer)
      fail("its inputs differ");
    result.dims[axis] += dims[axis];
    dims[axis] = rest[axis] = 1;
    if (dims != rest) fail("its inputs' shapes differ");
    allowance.spend(inputs[i]->size());
  }
  if (element_count(result.dims) == 0) return result;
  const size_t outer = element_count({first.dims.begin(), first.dims.begin() + axis});
  for (size_t row = 0; row < outer; ++row)
    for (const Constant* input : inputs) {
      const size_t length = input->size() / outer;
      const auto copy = [&](const auto& from, auto& to) {
        if (!from.empty())
          to.insert(to.end(), from.begin() + static_cast<int64_t>(row * length),
                    from.begin() + static_cast<int64_t>((row + 1) * length));
      };
      copy(input->ints, result.ints);
      copy(input->floats, result.floats);
    }
  return result;
}

// Positions of one axis of `in`, whose dims there become those of the indices.
Constant gather(const Operator& op, const Inputs& inputs, Allowance& allowance) {
  require_inputs(op, 2, 2);
  const Constant& in = operand(inputs, 0);
  const size_t axis = front_axis(int_or(op, "axis", 0), in.dims.size());
  const Constant& indices = operand(inputs, 1);
  const std::vector<int64_t>& list = int_operand(inputs, 1);
  Constant result{.is_integer = in.is_integer};
  result.dims.assign(in.dims.begin(), in.dims.begin() + axis);
  result.dims.insert(result.dims.end(), indices.dims.begin(), indices.dims.end());
  result.dims.insert(result.dims.end(), in.dims.begin() + axis + 1, in.dims.end());
  if (element_count(result.dims) == 0) return result;
  allowance.spend(element_count(result.dims));
  const size_t outer = element_count({in.dims.begin(), in.dims.begin() + axis});
  const auto inner =
      static_cast<int64_t>(element_count({in.dims.begin() + axis + 1, in.dims.end()}));
  for (size_t row = 0; row < outer; ++row)
    for (const int64_t index : list) {
      const auto position =
          static_cast<int64_t>(front_axis(index, static_cast<size_t>(in.dims[axis])));
      const int64_t at = (static_cast<int64_t>(row) * in.dims[axis] + position) * inner;
      const auto copy = [&](const auto& from, auto& to) {
        if (!from.empty()) to.insert(to.end(), from.begin() + at, from.begin() + at + inner);
      };
      copy(in.ints, result.ints);
      copy(in.floats, result.floats);
    }
  return result;
}

Constant slice(const Operator& op, const Inputs& inputs, Allowance& allowance) {
  require_inputs(op, 3, 5);
  const Constant& in = operand(inputs, 0);
  const auto &starts = int_operand(inputs, 1), &ends = int_operand(inputs, 2);
  Dims axes(starts.size());
  for (size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<int64_t>(i);
  if (inputs.size() > 3 && inputs[3]) axes = int_operand(inputs, 3);
  if (ends.size() != starts.size() || axes.size() != starts.size())
    fail("starts, ends and axes differ in length");
  if (inputs.size() > 4 && inputs[4])
    for (const int64_t step : int_operand(inputs, 4))
      if (step != 1) fail("only steps of 1 are known");
  front_axes(axes, in.dims.size());
  Dims dims = in.dims;
  const Dims strides = strides_of(in.dims);
  int64_t start = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t axis = front_axis(axes[i], dims.size());
    const auto [first, last] = slice_range(starts[i], ends[i], in.dims[axis]);
    dims[axis] = last - first;
    start += first * strides[axis];
  }
  return strided(in, std::move(dims), strides, start, allowance);
}

Constant filled(const Operator& op, const Inputs& inputs, Allowance& allowance) {
  require_inputs(op, 1, 1);
  const Attribute* value = find_attribute(op, "value", type_tensor);
  const Constant element = value ? *value->tensor : scalar_constant(0);
  if (element.size() != 1) fail("its value is not one number");
  const Dims& dims = int_operand(inputs, 0);
  if (dims.size() > max_rank) fail("has more than ", max_rank, " axes");
  try {
    return broadcast({{}, element.floats, element.ints, element.is_integer}, dims, allowance);
  } catch (const Error& error) {
    fail("fills in its weights (", error.what(),
         "): a file for tests, without the network's weights; ", "give the one that has them");
  }
}

Constant expand(const Operator& op, const Inputs& inputs, Allowance& allowance) {
  require_inputs(op, 2, 2);
  const Dims& target = int_operand(inputs, 1);
  if (target.size() > max_rank) fail("has more than ", max_rank, " axes");
  return broadcast(operand(inputs, 0), broadcast_dims(operand(inputs, 0).dims, target), allowance);
}

struct Evaluation {
  Constant (*evaluate)(const Operator&, const Inputs&, Allowance&);
  const char* attributes;
};

const std::unordered_map<std::string, Evaluation>& evaluations() {
  static const std::unordered_map<std::string, Evaluation> table = {
      {"Add", {arithmetic, ""}},
      {"Sub", {arithmetic, ""}},
      {"Mul", {arithmetic, ""}},
      {"Div", {arithmetic, ""}},
      {"Min", {arithmetic, ""}},
      {"Max", {arithmetic, ""}},
      {"Equal", {comparison, ""}},
      {"Where", {choice, ""}},
      {"Neg", {function, ""}},
      {"Sqrt", {function, ""}},
      {"Reciprocal", {function, ""}},
      {"Floor", {function, ""}},
      {"Ceil", {function, ""}},
      {"ReduceProd", {product, "axes keepdims"}},
      {"Cast", {cast, "to saturate"}},
      {"Identity", {reshape, ""}},
      {"Reshape", {reshape, "allowzero"}},
      {"Flatten", {reshape, "axis"}},
      {"Squeeze", {reshape, ""}},
      {"Unsqueeze", {reshape, ""}},
      {"Transpose", {transpose, "perm"}},
      {"Shape", {shape, "start end"}},
      {"Size", {shape, ""}},
      {"Concat", {concat, "axis"}},
      {"Gather", {gather, "axis"}},
      {"Slice", {slice, ""}},
      {"Expand", {expand, ""}},
      {"ConstantOfShape", {filled, "value"}}};
  return table;
}

}  // namespace

void Allowance::spend(size_t elements) {
  if (elements > left_) fail("shares its weights too often");
  left_ -= elements;
}

Constant int_constant(std::vector<int64_t> values) {
  const auto size = static_cast<int64_t>(values.size());
  return {.dims = {size}, .ints = std::move(values), .is_integer = true};
}

Constant scalar_constant(float value) { return {.floats = {value}}; }

Constant transposed(const Constant& constant, const Dims& order, Allowance& allowance) {
  const Dims own = strides_of(constant.dims);
  Dims dims, strides;
  for (const int64_t axis : order) {
    dims.push_back(constant.dims[static_cast<size_t>(axis)]);
    strides.push_back(own[static_cast<size_t>(axis)]);
  }
  return strided(constant, std::move(dims), strides, 0, allowance);
}

std::optional<Constant> evaluate(const Operator& op, const std::vector<const Constant*>& inputs,
                                 Allowance& allowance) {
  const auto found = evaluations().find(op.type);
  if (found == evaluations().end()) return std::nullopt;
  require_known_attributes(op, found->second.attributes);
  return found->second.evaluate(op, inputs, allowance);
}

}  // namespace vpunas::onnx
