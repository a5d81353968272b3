#include "onnx/attributes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/text.h"

namespace vpunas::onnx {

const Attribute* find_attribute(const Operator& op, const char* name, AttributeType type) {
  const auto found = op.attributes.find(name);
  if (found == op.attributes.end()) return nullptr;
  if (found->second.type != type) fail("attribute ", name, " has the wrong type");
  return &found->second;
}

int64_t int_or(const Operator& op, const char* name, int64_t fallback) {
  const Attribute* attribute = find_attribute(op, name, type_int);
  return attribute ? attribute->i : fallback;
}

double real_or(const Operator& op, const char* name, double fallback) {
  const Attribute* attribute = find_attribute(op, name, type_float);
  return attribute ? decimal(attribute->f) : fallback;
}

std::string text_or(const Operator& op, const char* name, const char* fallback) {
  const Attribute* attribute = find_attribute(op, name, type_string);
  return attribute ? attribute->s : fallback;
}

std::vector<int> ints_or(const Operator& op, const char* name, size_t count, int fallback) {
  const Attribute* attribute = find_attribute(op, name, type_ints);
  if (!attribute) return std::vector<int>(count, fallback);
  if (attribute->ints.size() != count)
    fail(name, " has ", attribute->ints.size(), " values, not ", count);
  std::vector<int> values;
  for (const int64_t value : attribute->ints) values.push_back(to_int(value));
  return values;
}

void require_int(const Operator& op, const char* name, int64_t only) {
  if (const int64_t value = int_or(op, name, only); value != only)
    fail(name, " ", value, " is not known, only ", only);
}

void require_known_attributes(const Operator& op, std::string_view known) {
  const std::vector<std::string> names = split(known, ' ');
  for (const auto& [name, attribute] : op.attributes)
    if (std::find(names.begin(), names.end(), name) == names.end())
      fail("attribute ", excerpt(name), " is not known");
}

void require_inputs(const Operator& op, size_t least, size_t most) {
  if (op.inputs.size() < least || op.inputs.size() > most)
    fail("takes ", least, " to ", most, " inputs, has ", op.inputs.size());
}

const std::string& name_of(const Operator& op) { return op.name.empty() ? op.outputs[0] : op.name; }

double decimal(float value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  double result = value;
  std::from_chars(text.data(), end, result);
  return result;
}

int to_int(int64_t value) {
  if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max())
    fail("value ", value, " is out of range");
  return static_cast<int>(value);
}

size_t element_count(const Dims& dims) {
  constexpr size_t most = size_t{1} << 31;
  size_t count = 1;
  bool empty = false;
  for (const int64_t dim : dims) {
    const auto factor = static_cast<size_t>(dim);
    if (dim < 0 || (dim > 0 && count > most / factor)) fail("its dims are not possible");
    empty = empty || dim == 0;
    if (dim > 0) count *= factor;
  }
  return empty ? 0 : count;
}

size_t front_axis(int64_t axis, size_t rank) {
  const auto count = static_cast<int64_t>(rank);
  if (axis < -count || axis >= count) fail("axis ", axis, " is not one of ", rank);
  return static_cast<size_t>(axis < 0 ? axis + count : axis);
}

std::vector<size_t> front_axes(const Dims& axes, size_t rank) {
  std::vector<size_t> result;
  for (const int64_t axis : axes) result.push_back(front_axis(axis, rank));
  std::sort(result.begin(), result.end());
  if (std::adjacent_find(result.begin(), result.end()) != result.end()) fail("names an axis twice");
  return result;
}

Dims reshaped_dims(const Dims& dims, const Dims& target, bool allow_zero) {
  if (target.size() > max_rank) fail("has more than ", max_rank, " axes");
  Dims result = target;
  std::optional<size_t> open;
  for (size_t i = 0; i < result.size(); ++i) {
    if (result[i] == 0 && !allow_zero) {
      if (i >= dims.size()) fail("keeps axis ", i, ", which its input has not");
      result[i] = dims[i];
    } else if (result[i] == -1) {
      if (open) fail("leaves two axes open");
      open = i;
      result[i] = 1;
    }
  }
  const size_t have = element_count(dims), rest = element_count(result);
  if (open && rest > 0 && have % rest == 0) result[*open] = static_cast<int64_t>(have / rest);
  if (element_count(result) != have) fail("the shapes do not hold as many elements");
  return result;
}

Dims flattened_dims(const Dims& dims, int64_t axis) {
  const auto rank = static_cast<int64_t>(dims.size());
  if (axis < -rank || axis > rank) fail("axis ", axis, " is not one of ", rank);
  const auto middle = dims.begin() + (axis < 0 ? axis + rank : axis);
  return {static_cast<int64_t>(element_count({dims.begin(), middle})),
          static_cast<int64_t>(element_count({middle, dims.end()}))};
}

Dims squeezed_dims(const Dims& dims, const Dims* axes) {
  const std::vector<size_t> gone = axes ? front_axes(*axes, dims.size()) : std::vector<size_t>{};
  Dims result;
  for (size_t i = 0; i < dims.size(); ++i) {
    const bool named = std::binary_search(gone.begin(), gone.end(), i);
    if (named && dims[i] != 1) fail("axis ", i, " has ", dims[i], " positions, not 1");
    if (axes ? !named : dims[i] != 1) result.push_back(dims[i]);
  }
  return result;
}

Dims unsqueezed_dims(const Dims& dims, const Dims& axes) {
  if (dims.size() + axes.size() > max_rank) fail("has more than ", max_rank, " axes");
  Dims result = dims;
  for (const size_t axis : front_axes(axes, dims.size() + axes.size()))
    result.insert(result.begin() + static_cast<int64_t>(axis), 1);
  return result;
}

Dims permutation(const Operator& op, size_t rank) {
  Dims order(rank);
  std::iota(order.rbegin(), order.rend(), 0);
  const Attribute* attribute = find_attribute(op, "perm", type_ints);
  if (!attribute) return order;
  if (!std::is_permutation(order.begin(), order.end(), attribute->ints.begin(),
                           attribute->ints.end()))
    fail("perm is no order of ", rank, " axes");
  return attribute->ints;
}

std::pair<int64_t, int64_t> slice_range(int64_t start, int64_t end, int64_t size) {
  const auto position = [&](int64_t i) {
    return std::clamp<int64_t>(i < 0 ? i + size : i, 0, size);
  };
  return {position(start), std::max(position(start), position(end))};
}

}  // namespace vpunas::onnx
