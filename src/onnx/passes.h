// From a file's operators to few canonical ones: parse_model -> normalise -> fuse -> build.
#pragma once

#include <unordered_map>

#include "arch/weights.h"
#include "onnx/evaluate.h"
#include "onnx/model.h"

namespace vpunas::onnx {

// Operators of ours, which fuse() puts in the place of what they are spelled with. Their names
// cannot be a file's: normalise() refuses those with a space.
constexpr const char* relu6_op = "vpunas Relu6";
constexpr const char* h_sigmoid_op = "vpunas HardSigmoid";
constexpr const char* h_swish_op = "vpunas HardSwish";
constexpr const char* swish_op = "vpunas Swish";
constexpr const char* scale_shift_op = "vpunas ScaleShift";  // x, scale, shift

// The operators that give the output, each value given once. Identity, Dropout, Constant and what
// can be calculated from constants are gone; what older opsets say in attributes stands in inputs,
// as in newer ones.
void normalise(Model& model, Allowance& allowance);

// Replaces activations, biases and scales that are spelled out in several operators by one.
void fuse(Model& model, Allowance& allowance);

FoldedNetwork build(Model model, Allowance& allowance);

// Removes operators that do not lead to the output. Throws Error for a value given twice.
void drop_dead_operators(Model& model);

const Constant* find_constant(const Model& model, const std::string& name);
// Input `i` of the operator, null where it is none or no constant.
const Constant* constant_input(const Model& model, const Operator& op, size_t i);

// Calls act(), and names the operator in its errors.
template <class Act>
void at_operator(const Operator& op, const Act& act);

}  // namespace vpunas::onnx

#include "base/error.h"
#include "onnx/attributes.h"

template <class Act>
void vpunas::onnx::at_operator(const Operator& op, const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    const std::string type = op.domain.empty() ? op.type : op.domain + "." + op.type;
    fail("node ", name_of(op), " (", type.substr(type.rfind(' ') + 1), "): ", error.what());
  }
}
