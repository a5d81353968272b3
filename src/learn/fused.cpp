#include "learn/fused.h"

#include "learn/kernels/depthwise.h"
#include "learn/kernels/norm.h"

namespace vpunas {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// libtorch's own threads.
kernels::Parallel torch_threads() {
  return {at::get_num_threads(), [](int tasks, const std::function<void(int)>& task) {
            at::parallel_for(0, tasks, 1, [&](int64_t begin, int64_t end) {
              for (int64_t i = begin; i < end; ++i) task(static_cast<int>(i));
            });
          }};
}

torch::Tensor channels_last(const torch::Tensor& x) {
  return x.contiguous(torch::MemoryFormat::ChannelsLast);
}
torch::Tensor empty_images(at::IntArrayRef sizes) {
  return torch::empty(sizes,
                      torch::TensorOptions().memory_format(torch::MemoryFormat::ChannelsLast));
}

struct Size {
  int64_t pixels;
  int c;
};
Size size_of(const torch::Tensor& x) {
  return {x.size(0) * x.size(2) * x.size(3), static_cast<int>(x.size(1))};
}
torch::Tensor new_sums(int c) { return torch::empty({2, c}, torch::kFloat64); }

torch::Tensor to_vector(const std::vector<float>& values) { return torch::tensor(values); }

// A batch norm of a batch whose sums are known.
class Norm {
 public:
  Norm(Size size, const torch::Tensor& sums, const torch::Tensor& weight, const torch::Tensor& bias,
       double eps, const kernels::Clamp& clamp)
      : size_(size),
        weight_(weight),
        clamp_(clamp),
        statistics_(kernels::norm_statistics(size.pixels, size.c, sums.data_ptr<double>(),
                                             weight.data_ptr<float>(), bias.data_ptr<float>(),
                                             eps)) {}

  kernels::Normalise view() const {
    return {statistics_.scale.data(), statistics_.shift.data(), clamp_};
  }
  kernels::NormGradients gradients(const torch::Tensor& sums) const {
    return kernels::norm_gradient(size_.pixels, size_.c, sums.data_ptr<double>(),
                                  weight_.data_ptr<float>(), statistics_);
  }
  // As libtorch: the unbiased variance.
  void move_running(const NormTensors& norm) const {
    if (!norm.running_mean.defined()) return;
    constexpr double momentum = 0.1;
    const auto n = static_cast<double>(size_.pixels);
    auto* mean = norm.running_mean.data_ptr<float>();
    auto* variance = norm.running_var.data_ptr<float>();
    for (size_t i = 0; i < statistics_.mean.size(); ++i) {
      const double unbiased = statistics_.variance[i] * n / (n - 1);
      mean[i] = static_cast<float>((1 - momentum) * mean[i] + momentum * statistics_.mean[i]);
      variance[i] = static_cast<float>((1 - momentum) * variance[i] + momentum * unbiased);
    }
  }

 private:
  Size size_;
  torch::Tensor weight_;
  kernels::Clamp clamp_;
  kernels::NormStatistics statistics_;
};

torch::Tensor normalised(const torch::Tensor& x, const Norm& norm, const torch::Tensor& residual) {
  auto z = empty_images(x.sizes());
  kernels::norm_apply(size_of(x).pixels, size_of(x).c, x.data_ptr<float>(), norm.view(),
                      residual.defined() ? residual.data_ptr<float>() : nullptr,
                      z.data_ptr<float>(), torch_threads());
  return z;
}

torch::Tensor sums_of(const torch::Tensor& x) {
  auto sums = new_sums(size_of(x).c);
  kernels::norm_sums(size_of(x).pixels, size_of(x).c, x.data_ptr<float>(), sums.data_ptr<double>(),
                     torch_threads());
  return sums;
}

torch::Tensor backward_sums(const torch::Tensor& x, const torch::Tensor& g, const Norm& norm) {
  auto sums = new_sums(size_of(x).c);
  kernels::norm_backward_sums(size_of(x).pixels, size_of(x).c, x.data_ptr<float>(),
                              g.data_ptr<float>(), norm.view(), sums.data_ptr<double>(),
                              torch_threads());
  return sums;
}

class FusedNorm : public torch::autograd::Function<FusedNorm> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& input,
                               const torch::Tensor& weight, const torch::Tensor& bias,
                               const std::optional<torch::Tensor>& residual,
                               const NormTensors& tensors) {
    const auto x = channels_last(input);
    const auto sums = sums_of(x);
    const Norm norm(size_of(x), sums, weight, bias, tensors.eps, tensors.clamp);
    norm.move_running(tensors);
    context->save_for_backward({x, weight, bias, sums});
    context->saved_data["eps"] = tensors.eps;
    context->saved_data["low"] = double{tensors.clamp.low};
    context->saved_data["high"] = double{tensors.clamp.high};
    context->saved_data["residual"] = residual.has_value();
    return normalised(x, norm, residual ? channels_last(*residual) : torch::Tensor());
  }

  static variable_list backward(AutogradContext* context, variable_list outputs) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &bias = saved[2], &sums = saved[3];
    const auto g = channels_last(outputs[0]);
    const Norm norm(size_of(x), sums, weight, bias, context->saved_data["eps"].toDouble(),
                    {static_cast<float>(context->saved_data["low"].toDouble()),
                     static_cast<float>(context->saved_data["high"].toDouble())});
    const auto gradients = norm.gradients(backward_sums(x, g, norm));
    auto dx = empty_images(x.sizes());
    kernels::norm_backward(size_of(x).pixels, size_of(x).c, x.data_ptr<float>(),
                           g.data_ptr<float>(), norm.view(), gradients.coefficients(),
                           dx.data_ptr<float>(), torch_threads());
    return {dx, to_vector(gradients.dweight), to_vector(gradients.dbias),
            context->saved_data["residual"].toBool() ? g : torch::Tensor(), torch::Tensor()};
  }
};

// The normalisations around a depthwise convolution, in the order of a context's saved scalars.
struct Around {
  bool has_before;
  double before_eps, after_eps;
  kernels::Clamp before, after;
  int stride;

  void save(AutogradContext* context) const {
    context->saved_data["around"] = std::vector<double>{has_before ? 1.0 : 0.0,
                                                        before_eps,
                                                        after_eps,
                                                        before.low,
                                                        before.high,
                                                        after.low,
                                                        after.high,
                                                        static_cast<double>(stride)};
  }
  static Around load(AutogradContext* context) {
    const auto v = context->saved_data["around"].toDoubleVector();
    return {v[0] != 0,
            v[1],
            v[2],
            {static_cast<float>(v[3]), static_cast<float>(v[4])},
            {static_cast<float>(v[5]), static_cast<float>(v[6])},
            static_cast<int>(v[7])};
  }
};

kernels::DepthwiseShape depthwise_shape(const torch::Tensor& x, const torch::Tensor& weight,
                                        int stride) {
  return {.n = x.size(0),
          .h = static_cast<int>(x.size(2)),
          .w = static_cast<int>(x.size(3)),
          .c = static_cast<int>(x.size(1)),
          .kernel = static_cast<int>(weight.size(2)),
          .stride = stride};
}

class FusedDepthwise : public torch::autograd::Function<FusedDepthwise> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& input,
                               const torch::Tensor& weight, const torch::Tensor& after_weight,
                               const torch::Tensor& after_bias,
                               const std::optional<torch::Tensor>& before_weight,
                               const std::optional<torch::Tensor>& before_bias,
                               const NormTensors* before_tensors, int stride,
                               const NormTensors& after_tensors) {
    const auto x = channels_last(input), taps = weight.contiguous();
    Around around{.has_before = before_tensors != nullptr,
                  .before_eps = 0,
                  .after_eps = after_tensors.eps,
                  .before = {},
                  .after = after_tensors.clamp,
                  .stride = stride};
    torch::Tensor before_sums;
    std::optional<Norm> before;
    if (before_tensors != nullptr) {
      around.before_eps = before_tensors->eps;
      around.before = before_tensors->clamp;
      before_sums = sums_of(x);
      before.emplace(size_of(x), before_sums, *before_weight, *before_bias, around.before_eps,
                     around.before);
      before->move_running(*before_tensors);
    }
    const auto shape = depthwise_shape(x, weight, stride);
    auto y = empty_images({shape.n, shape.c, shape.out_h(), shape.out_w()});
    auto sums = new_sums(shape.c);
    kernels::depthwise_forward(
        shape, x.data_ptr<float>(), before ? before->view() : kernels::Normalise{},
        taps.data_ptr<float>(), y.data_ptr<float>(), sums.data_ptr<double>(), torch_threads());
    const Norm after(size_of(y), sums, after_weight, after_bias, around.after_eps, around.after);
    after.move_running(after_tensors);
    context->save_for_backward({x, taps, y, after_weight, after_bias, sums,
                                before_weight.value_or(torch::Tensor()),
                                before_bias.value_or(torch::Tensor()), before_sums});
    around.save(context);
    return normalised(y, after, {});
  }

  static variable_list backward(AutogradContext* context, variable_list outputs) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &taps = saved[1], &y = saved[2];
    const Around around = Around::load(context);
    const auto g = channels_last(outputs[0]);
    const Norm after(size_of(y), saved[5], saved[3], saved[4], around.after_eps, around.after);
    const auto after_gradients = after.gradients(backward_sums(y, g, after));

    std::optional<Norm> before;
    if (around.has_before)
      before.emplace(size_of(x), saved[8], saved[6], saved[7], around.before_eps, around.before);
    auto dx = empty_images(x.sizes());
    auto sums = new_sums(size_of(x).c);
    const auto dweight = context->needs_input_grad(1) ? torch::empty_like(taps) : torch::Tensor();
    kernels::depthwise_backward<float>(
        depthwise_shape(x, taps, around.stride), x.data_ptr<float>(),
        before ? before->view() : kernels::Normalise{}, taps.data_ptr<float>(),
        {g.data_ptr<float>(), y.data_ptr<float>(), after.view(), after_gradients.coefficients()},
        dx.data_ptr<float>(), sums.data_ptr<double>(),
        dweight.defined() ? dweight.data_ptr<float>() : nullptr, torch_threads());

    torch::Tensor before_dweight, before_dbias;
    if (before) {
      const auto gradients = before->gradients(sums);
      before_dweight = to_vector(gradients.dweight);
      before_dbias = to_vector(gradients.dbias);
      kernels::norm_backward<float>(size_of(x).pixels, size_of(x).c, x.data_ptr<float>(),
                                    dx.data_ptr<float>(), {}, gradients.coefficients(),
                                    dx.data_ptr<float>(), torch_threads());
    }
    return {dx,
            dweight,
            to_vector(after_gradients.dweight),
            to_vector(after_gradients.dbias),
            before_dweight,
            before_dbias,
            torch::Tensor(),
            torch::Tensor(),
            torch::Tensor()};
  }
};

}  // namespace

bool can_fuse(const torch::Tensor& x) {
  return x.dim() == 4 && x.scalar_type() == torch::kFloat32 && x.device().is_cpu() && x.numel() > 0;
}

torch::Tensor fused_norm(const torch::Tensor& x, const NormTensors& norm,
                         const std::optional<torch::Tensor>& residual) {
  return FusedNorm::apply(x, norm.weight, norm.bias, residual, norm);
}

torch::Tensor fused_depthwise(const torch::Tensor& x, const NormTensors* before,
                              const torch::Tensor& weight, int stride, const NormTensors& after) {
  std::optional<torch::Tensor> before_weight, before_bias;
  if (before != nullptr) {
    before_weight = before->weight;
    before_bias = before->bias;
  }
  return FusedDepthwise::apply(x, weight, after.weight, after.bias, before_weight, before_bias,
                               before, stride, after);
}

}  // namespace vpunas
