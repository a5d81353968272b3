// What an operator says besides its inputs, and the arithmetic of dims that constants and tensors
// share. Every function throws Error for a wrong type or value.
#pragma once

#include <string>
#include <vector>

#include "onnx/model.h"

namespace vpunas::onnx {

constexpr size_t max_rank = 8;

const Attribute* find_attribute(const Operator& op, const char* name, AttributeType type);
int64_t int_or(const Operator& op, const char* name, int64_t fallback);
double real_or(const Operator& op, const char* name, double fallback);
std::string text_or(const Operator& op, const char* name, const char* fallback);
// `count` integers.
std::vector<int> ints_or(const Operator& op, const char* name, size_t count, int fallback);
void require_int(const Operator& op, const char* name, int64_t only);
// No attributes but these, which stand in one text with spaces between.
void require_known_attributes(const Operator& op, std::string_view known);
void require_inputs(const Operator& op, size_t least, size_t most);

// What the operator is called in messages and in the graph.
const std::string& name_of(const Operator& op);

// The decimal that someone wrote and a float32 stands for: 1e-5 rather than 9.99999975e-06.
double decimal(float value);
int to_int(int64_t value);

// Elements of a tensor of these dims. The product of those that are not 0 is at most 2^31.
size_t element_count(const Dims& dims);
// An axis counted from the front; -1 is the last one.
size_t front_axis(int64_t axis, size_t rank);
// Each axis once.
std::vector<size_t> front_axes(const Dims& axes, size_t rank);

Dims reshaped_dims(const Dims& dims, const Dims& target, bool allow_zero);
Dims flattened_dims(const Dims& dims, int64_t axis);
Dims squeezed_dims(const Dims& dims, const Dims* axes);
Dims unsqueezed_dims(const Dims& dims, const Dims& axes);
// The attribute "perm", or the reversed order.
Dims permutation(const Operator& op, size_t rank);
// [first, last) of a Slice in steps of 1.
std::pair<int64_t, int64_t> slice_range(int64_t start, int64_t end, int64_t size);

}  // namespace vpunas::onnx
