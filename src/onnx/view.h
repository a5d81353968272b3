// How ONNX's axes lie over a tensor of ours. Reshape, Transpose, Flatten, Squeeze and Unsqueeze
// move no data: they change the view. So channels-last networks, channel shuffles and flattening
// all come out as what they mean.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "arch/graph.h"
#include "onnx/model.h"

namespace vpunas::onnx {

// `size` positions, `stride` elements apart in the tensor stored as channels, rows, columns.
struct Factor {
  int64_t size = 1, stride = 1;
  bool operator==(const Factor&) const = default;
};

// An axis runs over its factors, the last one fastest. Factors that continue each other are one;
// an axis of one position has none.
using Axis = std::vector<Factor>;

struct View {
  std::vector<Axis> axes;

  static View image(const Shape& shape);          // [1, c, h, w]
  static View vector(const Shape& shape);         // [1, c*h*w]
  static View channels_last(const Shape& shape);  // [1, h, w, c]

  size_t rank() const { return axes.size(); }
  Dims dims() const;

  View transposed(std::span<const int64_t> permutation) const;
  // nullopt where a factor would have to be cut. The dims are resolved and their product is the
  // view's size.
  std::optional<View> reshaped(const Dims& dims) const;

  // Whether axis `axis` is the channels of `shape` and the others, in order, its plane.
  bool has_channels_at(size_t axis, const Shape& shape) const;
  // The first such axis.
  std::optional<size_t> channel_axis(const Shape& shape) const;
  // Groups of the channel shuffle which would make has_channels_at(axis) true; 0: none does.
  int shuffle_groups(size_t axis, const Shape& shape) const;

  bool operator==(const View&) const = default;
};

// An axis `channel_axis` of `shape`'s channels in the place of the view's; its plane stays.
View with_channels(View view, size_t channel_axis, const Shape& shape);

// The elements of `axis` in its order, as positions in the tensor.
std::vector<int64_t> positions(const Axis& axis);

}  // namespace vpunas::onnx
