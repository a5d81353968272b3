// Every layer as plain loops in double precision: what the layers mean, written to be read and not
// to be fast.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "arch/weights.h"

namespace vpunas::reference {

struct Image {
  Shape shape;
  std::vector<double> data;
  explicit Image(const Shape& s) : shape(s), data(static_cast<size_t>(s.elements())) {}
  double& at(int c, int y, int x) { return data[index(c, y, x)]; }
  double at(int c, int y, int x) const { return data[index(c, y, x)]; }

 private:
  size_t index(int c, int y, int x) const {
    return static_cast<size_t>((int64_t{c} * shape.h + y) * shape.w + x);
  }
};

template <class Function>
void for_each(const Shape& shape, const Function& function) {
  for (int c = 0; c < shape.c; ++c)
    for (int y = 0; y < shape.h; ++y)
      for (int x = 0; x < shape.w; ++x) function(c, y, x);
}

inline double activate(const Activation& activation, double x) {
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  const auto hsigmoid = [](double v) { return std::clamp(v + 3, 0.0, 6.0) / 6; };
  switch (activation.act) {
    case Act::none:
      return x;
    case Act::relu:
      return std::max(x, 0.0);
    case Act::relu6:
      return std::clamp(x, 0.0, 6.0);
    case Act::leaky_relu:
      return x < 0 ? x * activation.slope : x;
    case Act::hswish:
      return x * hsigmoid(x);
    case Act::swish:
      return x * sigmoid(x);
    case Act::sigmoid:
      return sigmoid(x);
    case Act::hsigmoid:
      return hsigmoid(x);
  }
  return x;
}

class Interpreter {
 public:
  Interpreter(const Graph& graph, const Weights& weights) : graph_(graph), weights_(weights) {}

  Image run(const Image& image) {
    outputs_ = {image};
    for (size_t i = 1; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      name_ = node.name;
      Image out(node.shape);
      std::vector<const Image*> inputs;
      for (const int input : node.inputs) inputs.push_back(&outputs_[static_cast<size_t>(input)]);
      std::visit([&](const auto& layer) { apply(layer, inputs, out); }, node.layer);
      outputs_.push_back(std::move(out));
    }
    return outputs_.back();
  }

 private:
  using Inputs = std::vector<const Image*>;

  // A parameter of the node at work; empty where it has none.
  const std::vector<float>& parameter(const char* parameter_name) const {
    static const std::vector<float> none;
    const auto found = weights_.find(name_ + "." + parameter_name);
    return found == weights_.end() ? none : found->second.data;
  }
  static double value(const std::vector<float>& values, int i) {
    return values.empty() ? 0 : values[static_cast<size_t>(i)];
  }

  void apply(const Input&, const Inputs&, Image&) {}

  void apply(const Conv& conv, const Inputs& in, Image& out) {
    const Shape& s = in[0]->shape;
    const int per_group = s.c / conv.groups;
    const auto &weights = parameter("weight"), &bias = parameter("bias");
    for_each(out.shape, [&](int o, int y, int x) {
      double sum = value(bias, o);
      const int first = o / (conv.out_channels / conv.groups) * per_group;
      for_each({per_group, conv.kh, conv.kw}, [&](int c, int ky, int kx) {
        const int iy = y * conv.sh - conv.padding.top + ky * conv.dilation;
        const int ix = x * conv.sw - conv.padding.left + kx * conv.dilation;
        if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w) return;
        const int weight = ((o * per_group + c) * conv.kh + ky) * conv.kw + kx;
        sum += value(weights, weight) * in[0]->at(first + c, iy, ix);
      });
      out.at(o, y, x) = sum;
    });
  }

  void apply(const BatchNorm& norm, const Inputs& in, Image& out) {
    const auto &weight = parameter("weight"), &bias = parameter("bias"),
               &mean = parameter("running_mean"), &variance = parameter("running_var");
    for_each(out.shape, [&](int c, int y, int x) {
      const double centred = in[0]->at(c, y, x) - value(mean, c);
      out.at(c, y, x) =
          centred / std::sqrt(value(variance, c) + norm.eps) * value(weight, c) + value(bias, c);
    });
  }

  void apply(const ScaleShift&, const Inputs& in, Image& out) {
    const auto &weight = parameter("weight"), &bias = parameter("bias");
    for_each(out.shape, [&](int c, int y, int x) {
      out.at(c, y, x) = in[0]->at(c, y, x) * value(weight, c) + value(bias, c);
    });
  }

  void apply(const Activation& activation, const Inputs& in, Image& out) {
    for (size_t i = 0; i < out.data.size(); ++i) out.data[i] = activate(activation, in[0]->data[i]);
  }

  void apply(const PRelu&, const Inputs& in, Image& out) {
    const auto& slope = parameter("weight");
    for_each(out.shape, [&](int c, int y, int x) {
      const double value_in = in[0]->at(c, y, x);
      out.at(c, y, x) = value_in < 0 ? value_in * value(slope, c) : value_in;
    });
  }

  void apply(const Add&, const Inputs& in, Image& out) {
    for (const Image* image : in)
      for (size_t i = 0; i < out.data.size(); ++i) out.data[i] += image->data[i];
  }

  void apply(const Mul&, const Inputs& in, Image& out) {
    const bool gate = in[1]->shape != in[0]->shape;
    for_each(out.shape, [&](int c, int y, int x) {
      out.at(c, y, x) = in[0]->at(c, y, x) * (gate ? in[1]->at(c, 0, 0) : in[1]->at(c, y, x));
    });
  }

  void apply(const Concat&, const Inputs& in, Image& out) {
    auto end = out.data.begin();
    for (const Image* image : in) end = std::copy(image->data.begin(), image->data.end(), end);
  }

  void apply(const Slice& slice, const Inputs& in, Image& out) {
    for_each(out.shape,
             [&](int c, int y, int x) { out.at(c, y, x) = in[0]->at(slice.begin + c, y, x); });
  }

  void apply(const Permute& permute, const Inputs& in, Image& out) {
    const int each = out.shape.c / permute.groups;
    for_each(out.shape, [&](int c, int y, int x) {
      out.at(c % each * permute.groups + c / each, y, x) = in[0]->at(c, y, x);
    });
  }

  void apply(const Pool& pool, const Inputs& in, Image& out) {
    const Shape& s = in[0]->shape;
    const Padding& pad = pool.padding;
    for_each(out.shape, [&](int c, int y, int x) {
      const int top = y * pool.sh - pad.top, left = x * pool.sw - pad.left;
      double sum = 0, greatest = -INFINITY;
      int inside = 0, padded = 0;
      for (int iy = top; iy < top + pool.kh; ++iy)
        for (int ix = left; ix < left + pool.kw; ++ix) {
          padded += iy < s.h + pad.bottom && ix < s.w + pad.right;
          if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w) continue;
          ++inside;
          sum += in[0]->at(c, iy, ix);
          greatest = std::max(greatest, in[0]->at(c, iy, ix));
        }
      const int count = pool.count_padding ? padded : inside;
      out.at(c, y, x) = pool.kind == PoolKind::max ? greatest : sum / count;
    });
  }

  void apply(const GlobalPool&, const Inputs& in, Image& out) {
    const Shape& s = in[0]->shape;
    for_each(s, [&](int c, int y, int x) { out.at(c, 0, 0) += in[0]->at(c, y, x) / (s.h * s.w); });
  }

  void apply(const Linear&, const Inputs& in, Image& out) {
    const auto &weight = parameter("weight"), &bias = parameter("bias");
    const size_t row = in[0]->data.size();
    for (size_t o = 0; o < out.data.size(); ++o) {
      double sum = value(bias, static_cast<int>(o));
      for (size_t i = 0; i < row; ++i) sum += weight[o * row + i] * in[0]->data[i];
      out.data[o] = sum;
    }
  }

  void apply(const Softmax&, const Inputs& in, Image& out) {
    for_each({1, out.shape.h, out.shape.w}, [&](int, int y, int x) {
      double sum = 0;
      for (int c = 0; c < out.shape.c; ++c) sum += std::exp(in[0]->at(c, y, x));
      for (int c = 0; c < out.shape.c; ++c) out.at(c, y, x) = std::exp(in[0]->at(c, y, x)) / sum;
    });
  }

  void apply(const Resize& resize, const Inputs& in, Image& out) {
    const Shape& s = in[0]->shape;
    // The input's coordinate of an output pixel's centre.
    const auto source = [](int i, int size, int from, double scale) {
      return (i + 0.5) / (scale > 0 ? scale : double(size) / from) - 0.5;
    };
    for_each(out.shape, [&](int c, int y, int x) {
      const double sy = source(y, resize.h, s.h, resize.scale_h),
                   sx = source(x, resize.w, s.w, resize.scale_w);
      const auto pixel = [&](double py, double px) {
        return in[0]->at(c, std::clamp(static_cast<int>(py), 0, s.h - 1),
                         std::clamp(static_cast<int>(px), 0, s.w - 1));
      };
      if (resize.kind == ResizeKind::nearest) {
        out.at(c, y, x) = pixel(std::floor(sy + 0.5), std::floor(sx + 0.5));
        return;
      }
      const double y0 = std::floor(sy), x0 = std::floor(sx);
      const double top = pixel(y0, x0) * (x0 + 1 - sx) + pixel(y0, x0 + 1) * (sx - x0);
      const double bottom = pixel(y0 + 1, x0) * (x0 + 1 - sx) + pixel(y0 + 1, x0 + 1) * (sx - x0);
      out.at(c, y, x) = top * (y0 + 1 - sy) + bottom * (sy - y0);
    });
  }

  void apply(const Lrn& lrn, const Inputs& in, Image& out) {
    for_each(out.shape, [&](int c, int y, int x) {
      double squares = 0;
      const int first = std::max(0, c - (lrn.size - 1) / 2);
      const int last = std::min(out.shape.c - 1, c + lrn.size / 2);
      for (int i = first; i <= last; ++i) squares += in[0]->at(i, y, x) * in[0]->at(i, y, x);
      out.at(c, y, x) =
          in[0]->at(c, y, x) / std::pow(lrn.bias + lrn.alpha / lrn.size * squares, lrn.beta);
    });
  }

  const Graph& graph_;
  const Weights& weights_;
  std::vector<Image> outputs_;
  std::string name_;  // of the node at work
};

inline Image run(const Graph& graph, const Weights& weights, const Image& image) {
  return Interpreter(graph, weights).run(image);
}

}  // namespace vpunas::reference
