#include "onnx/view.h"

#include "base/error.h"

namespace vpunas::onnx {
namespace {

void append(Axis& axis, const Factor& factor) {
  if (factor.size == 1) return;
  if (!axis.empty() && axis.back().stride == factor.size * factor.stride) {
    axis.back() = {axis.back().size * factor.size, factor.stride};
  } else {
    axis.push_back(factor);
  }
}

Axis axis_of(std::initializer_list<Factor> factors) {
  Axis axis;
  for (const Factor& factor : factors) append(axis, factor);
  return axis;
}

Axis channels_of(const Shape& shape) {
  return axis_of({{shape.c, int64_t{1} * shape.h * shape.w}});
}
Axis rows_of(const Shape& shape) { return axis_of({{shape.h, shape.w}}); }
Axis columns_of(const Shape& shape) { return axis_of({{shape.w, 1}}); }
Axis plane_of(const Shape& shape) { return axis_of({{int64_t{1} * shape.h * shape.w, 1}}); }

// All axes but `left_out` as one.
Axis joined(const View& view, std::optional<size_t> left_out = {}) {
  Axis all;
  for (size_t i = 0; i < view.axes.size(); ++i)
    if (i != left_out)
      for (const Factor& factor : view.axes[i]) append(all, factor);
  return all;
}

}  // namespace

View View::image(const Shape& shape) {
  return {{{}, channels_of(shape), rows_of(shape), columns_of(shape)}};
}

View View::vector(const Shape& shape) { return {{{}, axis_of({{shape.elements(), 1}})}}; }

View View::channels_last(const Shape& shape) {
  return {{{}, rows_of(shape), columns_of(shape), channels_of(shape)}};
}

Dims View::dims() const {
  Dims dims;
  for (const Axis& axis : axes) {
    dims.push_back(1);
    for (const Factor& factor : axis) dims.back() *= factor.size;
  }
  return dims;
}

View View::transposed(std::span<const int64_t> permutation) const {
  View result;
  for (const int64_t axis : permutation) result.axes.push_back(axes[static_cast<size_t>(axis)]);
  return result;
}

std::optional<View> View::reshaped(const Dims& target) const {
  const Axis all = joined(*this);
  View result;
  size_t at = 0;
  Factor rest = at < all.size() ? all[at] : Factor{};
  for (const int64_t dim : target) {
    Axis axis;
    for (int64_t need = dim; need > 1;) {
      if (rest.size == 1) rest = ++at < all.size() ? all[at] : Factor{};
      if (rest.size == 1) return std::nullopt;
      const int64_t taken = need % rest.size == 0 ? rest.size : need;
      if (rest.size % taken != 0) return std::nullopt;
      append(axis, {taken, rest.stride * (rest.size / taken)});
      rest.size /= taken;
      need /= taken;
    }
    result.axes.push_back(std::move(axis));
  }
  return result;
}

bool View::has_channels_at(size_t axis, const Shape& shape) const {
  return axis < rank() && axes[axis] == channels_of(shape) &&
         joined(*this, axis) == plane_of(shape);
}

std::optional<size_t> View::channel_axis(const Shape& shape) const {
  for (size_t axis = rank() > 1 ? 1 : 0; axis < rank(); ++axis)
    if (has_channels_at(axis, shape)) return axis;
  return std::nullopt;
}

int View::shuffle_groups(size_t axis, const Shape& shape) const {
  if (axis >= rank() || axes[axis].size() != 2 || joined(*this, axis) != plane_of(shape)) return 0;
  const auto& [outer, inner] = std::pair{axes[axis][0], axes[axis][1]};
  const int64_t plane = int64_t{1} * shape.h * shape.w;
  const bool shuffled = outer.stride == plane && inner.stride == plane * outer.size &&
                        outer.size * inner.size == shape.c;
  return shuffled ? static_cast<int>(inner.size) : 0;
}

View with_channels(View view, size_t channel_axis, const Shape& shape) {
  view.axes[channel_axis] = channels_of(shape);
  return view;
}

std::vector<int64_t> positions(const Axis& axis) {
  std::vector<int64_t> result = {0};
  for (const Factor& factor : axis) {
    std::vector<int64_t> next;
    next.reserve(result.size() * static_cast<size_t>(factor.size));
    for (const int64_t outer : result)
      for (int64_t i = 0; i < factor.size; ++i) next.push_back(outer + i * factor.stride);
    result = std::move(next);
  }
  return result;
}

}  // namespace vpunas::onnx
