// Operators on constants: the arithmetic of shapes that exporters write out, and transposed or
// reshaped weights.
#pragma once

#include <optional>

#include "onnx/model.h"

namespace vpunas::onnx {

// Elements that may still be made from constants: a hostile file could name one tensor a thousand
// times.
class Allowance {
 public:
  explicit Allowance(size_t elements) : left_(elements) {}
  void spend(size_t elements);

 private:
  size_t left_;
};

// The operator's first output, nullopt where it is none that we evaluate. An input that is left out
// is null. Throws Error for operands that do not go together.
std::optional<Constant> evaluate(const Operator& op, const std::vector<const Constant*>& inputs,
                                 Allowance& allowance);

Constant int_constant(std::vector<int64_t> values);
Constant scalar_constant(float value);
Constant transposed(const Constant& constant, const Dims& order, Allowance& allowance);

}  // namespace vpunas::onnx
