#include "learn/fused.h"

#include <ATen/Version.h>
#include <ATen/native/CPUBlas.h>

#include "kernels/dense.h"
#include "kernels/depthwise.h"
#include "kernels/norm.h"
#include "learn/runtime.h"

namespace vpunas {
namespace {

using kernels::Bfloat16;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// oneDNN's small products, as libtorch has them compiled at run time for the processor (from AVX2
// on; elsewhere, if it does not throw, the BLAS answers).
template <class T>
bool has_brgemm() {
  using Element = std::conditional_t<std::is_same_v<T, float>, float, at::BFloat16>;
  const Element one[2] = {1.0F, 0.0F};
  float product = 0;
  try {
    at::native::cpublas::brgemm(1, 1, 2, 2, 1, 1, false, one, one, &product, sizeof(T) == 2);
  } catch (const std::exception&) {
    return false;
  }
  return product == 1;
}

// Ours are faster than oneDNN's with AVX2 (docs/engine.md). With AVX-512 they were not compared;
// other processors have no small products of libtorch's.
kernels::Products<float> products_of_floats() {
  static const bool by_onednn =
      at::get_cpu_capability().starts_with("AVX512") && has_brgemm<float>();
  if (!by_onednn) return kernels::vector_products();
  return {.multiply = [](int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc,
                         bool add, const float* a, const float* b, float* c) {
    at::native::cpublas::brgemm(m, n, k, lda, ldb, ldc, add, a, b, c, false);
  }};
}
kernels::Products<Bfloat16> products_of_bfloat16() {
  return {.multiply =
              [](int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc, bool add,
                 const Bfloat16* a, const Bfloat16* b, float* c) {
                at::native::cpublas::brgemm(m, n, k, lda, ldb, ldc, add,
                                            reinterpret_cast<const at::BFloat16*>(a),
                                            reinterpret_cast<const at::BFloat16*>(b), c, true);
              },
          .release = [] { at::native::cpublas::brgemm_release(true); }};
}

// Calls use(products): with those of bfloat16 for such activations, where the processor has them.
template <class T, class Use>
void with_products(const Use& use) {
  if constexpr (std::is_same_v<T, Bfloat16>) {
    if (multiplies_bfloat16()) return use(products_of_bfloat16());
  }
  use(products_of_floats());
}

torch::Tensor channels_last(const torch::Tensor& x) {
  return x.contiguous(torch::MemoryFormat::ChannelsLast);
}
torch::Tensor images_like(const torch::Tensor& x, at::IntArrayRef sizes) {
  return torch::empty(sizes, x.options().memory_format(torch::MemoryFormat::ChannelsLast));
}
template <class T>
T* data(const torch::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

struct Size {
  int64_t pixels;
  int c;
};
Size size_of(const torch::Tensor& x) {
  return {x.size(0) * x.size(2) * x.size(3), static_cast<int>(x.size(1))};
}
torch::Tensor new_sums(const torch::Tensor& x) {
  return torch::empty({2, x.size(1)}, torch::kFloat64);
}
torch::Tensor to_vector(const std::vector<float>& values) { return torch::tensor(values); }

// A batch norm of a batch whose sums are known.
class Norm {
 public:
  Norm(const torch::Tensor& x, const torch::Tensor& sums, const torch::Tensor& weight,
       const torch::Tensor& bias, double eps, const kernels::Clamp& clamp)
      : size_(size_of(x)),
        weight_(weight),
        clamp_(clamp),
        statistics_(kernels::norm_statistics(size_.pixels, size_.c, sums.data_ptr<double>(),
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
      const double unbiased = statistics_.variance[i] * n / std::max(n - 1, 1.0);
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

bool is_depthwise(const torch::Tensor& x, const torch::Tensor& weight) {
  return weight.size(1) == 1 && weight.size(2) > 1 && weight.size(0) == x.size(1) && x.size(1) > 1;
}
// The part of a kernel, or of its gradient, that meets x: of an image of one pixel the centre.
torch::Tensor meeting(const torch::Tensor& x, const torch::Tensor& weight) {
  const int64_t kernel = weight.size(2);
  if (kernel == 1 || x.size(2) > 1 || x.size(3) > 1) return weight;
  return weight.narrow(2, kernel / 2, 1).narrow(3, kernel / 2, 1);
}
kernels::DenseShape dense_shape(const torch::Tensor& x, const torch::Tensor& weight, int stride) {
  return {.n = x.size(0),
          .h = static_cast<int>(x.size(2)),
          .w = static_cast<int>(x.size(3)),
          .in = static_cast<int>(x.size(1)),
          .out = static_cast<int>(weight.size(0)),
          .kernel = static_cast<int>(weight.size(2)),
          .stride = stride};
}
kernels::DepthwiseShape depthwise_shape(const torch::Tensor& x, const torch::Tensor& weight,
                                        int stride) {
  return {.n = x.size(0),
          .h = static_cast<int>(x.size(2)),
          .w = static_cast<int>(x.size(3)),
          .c = static_cast<int>(x.size(1)),
          .kernel = static_cast<int>(weight.size(2)),
          .stride = stride};
}

kernels::Normalise view_of(const std::optional<Norm>& norm) {
  return norm ? norm->view() : kernels::Normalise{};
}

// The raw output of a convolution on before(x), and its sums.
template <class T>
torch::Tensor convolve(const torch::Tensor& x, const std::optional<Norm>& before,
                       const torch::Tensor& weight, int stride, torch::Tensor& sums) {
  if (!is_depthwise(x, weight)) {
    const auto taps = channels_last(meeting(x, weight));
    const auto shape = dense_shape(x, taps, stride);
    const auto y = images_like(x, {shape.n, shape.out, shape.out_h(), shape.out_w()});
    sums = new_sums(y);
    with_products<T>([&](const auto& products) {
      kernels::dense_forward<T>(shape, data<T>(x), view_of(before), taps.data_ptr<float>(),
                                data<T>(y), sums.data_ptr<double>(), products, kernel_threads());
    });
    return y;
  }
  const auto shape = depthwise_shape(x, weight, stride);
  const auto y = images_like(x, {shape.n, shape.c, shape.out_h(), shape.out_w()});
  sums = new_sums(y);
  kernels::depthwise_forward<T>(shape, data<T>(x), view_of(before), weight.data_ptr<float>(),
                                data<T>(y), sums.data_ptr<double>(), kernel_threads());
  return y;
}

// The gradient behind before(x) from dy, that of the convolution's output, and its sums with x. A
// residual is added where nothing stands before, and there the gradient may not be wanted.
template <class T>
torch::Tensor convolve_back(const torch::Tensor& x, const std::optional<Norm>& before,
                            const torch::Tensor& weight, int stride,
                            const kernels::OutputGradient<T>& dy, const torch::Tensor& residual,
                            const torch::Tensor& sums, const torch::Tensor& dweight, bool wanted) {
  if (!is_depthwise(x, weight)) {
    const auto dz = wanted ? images_like(x, x.sizes()) : torch::Tensor();
    const auto taps = channels_last(meeting(x, weight));
    const bool some = taps.numel() < weight.numel();
    const auto dtaps = dweight.defined() && some ? torch::empty_like(taps) : dweight;
    with_products<T>([&](const auto& products) {
      kernels::dense_backward<T>(
          dense_shape(x, taps, stride), data<T>(x), view_of(before), taps.data_ptr<float>(), dy,
          residual.defined() ? data<T>(residual) : nullptr, wanted ? data<T>(dz) : nullptr,
          before ? sums.data_ptr<double>() : nullptr,
          dtaps.defined() ? dtaps.data_ptr<float>() : nullptr, products, kernel_threads());
    });
    if (dweight.defined() && some) meeting(x, dweight.zero_()).copy_(dtaps);
    return dz;
  }
  const auto dz = images_like(x, x.sizes());
  kernels::depthwise_backward<T>(depthwise_shape(x, weight, stride), data<T>(x), view_of(before),
                                 weight.data_ptr<float>(), dy, data<T>(dz), sums.data_ptr<double>(),
                                 dweight.defined() ? dweight.data_ptr<float>() : nullptr,
                                 kernel_threads());
  return residual.defined() ? dz.add_(residual) : dz;
}

// What a chain is besides tensors.
struct Plan : torch::CustomClassHolder {
  struct Norm {
    double eps = 0;
    kernels::Clamp clamp;
  };
  enum class Residual { none, input, other };
  Residual residual = Residual::none;
  std::optional<Norm> before;
  struct Stage {
    int stride = 1;
    Norm norm;
  };
  std::vector<Stage> stages;
};

// The differentiable tensors of a chain in a row: x, the residual where it is another tensor,
// weight and bias of the norm before, and of every stage the weight and its norm's weight and bias.
// Behind them is saved: the stages' outputs, the sums of x and those of the outputs.
class Places {
 public:
  explicit Places(const Plan& plan)
      : other_(plan.residual == Plan::Residual::other),
        before_(plan.before.has_value()),
        stages_(plan.stages.size()) {}
  size_t residual() const { return 1; }
  size_t before() const { return 1 + size_t{other_}; }
  size_t stage(size_t i) const { return before() + 2 * size_t{before_} + 3 * i; }
  size_t inputs() const { return stage(stages_); }
  size_t raw(size_t i) const { return i == 0 ? 0 : inputs() + i - 1; }  // in front of stage i
  size_t sums(size_t i) const { return inputs() + stages_ + i; }
  size_t all() const { return sums(stages_) + 1; }

 private:
  bool other_, before_;
  size_t stages_;
};

// The norm in front of stage i (behind stage i - 1); none in front of the first without `before`.
std::optional<Norm> norm_at(const Plan& plan, const Places& at, size_t i,
                            const variable_list& saved) {
  if (i == 0 && !plan.before) return {};
  const Plan::Norm& norm = i == 0 ? *plan.before : plan.stages[i - 1].norm;
  const size_t weight = i == 0 ? at.before() : at.stage(i - 1) + 1;
  return Norm(saved[at.raw(i)], saved[at.sums(i)], saved[weight], saved[weight + 1], norm.eps,
              norm.clamp);
}

template <class T>
torch::Tensor run_forward(const Plan& plan, const std::vector<const NormTensors*>& running,
                          variable_list& saved) {
  const Places at(plan);
  const torch::Tensor& x = saved[0];
  if (plan.before) {
    torch::Tensor& sums = saved[at.sums(0)] = new_sums(x);
    kernels::norm_sums<T>(size_of(x).pixels, size_of(x).c, data<T>(x), sums.data_ptr<double>(),
                          kernel_threads());
  }
  auto norm = norm_at(plan, at, 0, saved);
  if (norm) norm->move_running(*running[0]);
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    saved[at.raw(i + 1)] = convolve<T>(saved[at.raw(i)], norm, saved[at.stage(i)],
                                       plan.stages[i].stride, saved[at.sums(i + 1)]);
    norm.emplace(*norm_at(plan, at, i + 1, saved));
    norm->move_running(*running[i + 1]);
  }
  const torch::Tensor& last = saved[at.raw(plan.stages.size())];
  const T* residual = plan.residual == Plan::Residual::none    ? nullptr
                      : plan.residual == Plan::Residual::input ? data<T>(x)
                                                               : data<T>(saved[at.residual()]);
  const auto z = images_like(last, last.sizes());
  kernels::norm_apply<T>(size_of(last).pixels, size_of(last).c, data<T>(last), norm->view(),
                         residual, data<T>(z), kernel_threads());
  return z;
}

template <class T>
variable_list run_backward(const Plan& plan, const variable_list& saved, const torch::Tensor& gz,
                           const AutogradContext& context) {
  const Places at(plan);
  const auto parallel = kernel_threads();
  variable_list gradients(at.inputs() + 2);  // two arguments are no tensors
  if (plan.residual == Plan::Residual::other) gradients[at.residual()] = gz;
  const auto set_norm = [&](size_t weight, const kernels::NormGradients& of_norm) {
    gradients[weight] = to_vector(of_norm.dweight);
    gradients[weight + 1] = to_vector(of_norm.dbias);
  };

  size_t i = plan.stages.size();
  auto norm = norm_at(plan, at, i, saved);
  const torch::Tensor& last = saved[at.raw(i)];
  torch::Tensor sums = new_sums(last);
  kernels::norm_backward_sums<T>(size_of(last).pixels, size_of(last).c, data<T>(last), data<T>(gz),
                                 norm->view(), sums.data_ptr<double>(), parallel);
  auto of_norm = norm->gradients(sums);
  torch::Tensor g = gz;  // of what stands behind the norm
  while (i-- > 0) {
    const size_t weight = at.stage(i);
    set_norm(weight + 1, of_norm);
    const auto dweight =
        context.needs_input_grad(weight) ? torch::empty_like(saved[weight]) : torch::Tensor();
    const auto before = norm_at(plan, at, i, saved);
    const torch::Tensor &x = saved[at.raw(i)], &y = saved[at.raw(i + 1)];
    sums = new_sums(x);
    const bool add = i == 0 && !before && plan.residual == Plan::Residual::input;
    g = convolve_back<T>(x, before, saved[weight], plan.stages[i].stride,
                         {data<T>(g), data<T>(y), norm->view(), of_norm.coefficients()},
                         add ? gz : torch::Tensor(), sums, dweight,
                         before.has_value() || context.needs_input_grad(0));
    gradients[weight] = dweight;
    if (!before) {
      gradients[0] = g;
      return gradients;
    }
    norm.emplace(*before);
    of_norm = norm->gradients(sums);
  }
  set_norm(at.before(), of_norm);
  const torch::Tensor& x = saved[0];
  const auto dx = g.is_same(gz) ? images_like(x, x.sizes()) : g;
  kernels::norm_backward<T>(size_of(x).pixels, size_of(x).c, data<T>(x), data<T>(g), norm->view(),
                            of_norm.coefficients(), data<T>(dx), parallel);
  gradients[0] = plan.residual == Plan::Residual::input ? dx + gz : dx;
  return gradients;
}

class FusedChain : public torch::autograd::Function<FusedChain> {
 public:
  static torch::Tensor forward(AutogradContext* context, const at::TensorList& inputs,
                               const c10::intrusive_ptr<Plan>& plan,
                               const std::vector<const NormTensors*>& running) {
    variable_list saved(inputs.begin(), inputs.end());
    saved.resize(Places(*plan).all());
    const auto z = saved[0].scalar_type() == torch::kBFloat16
                       ? run_forward<Bfloat16>(*plan, running, saved)
                       : run_forward<float>(*plan, running, saved);
    context->save_for_backward(std::move(saved));
    context->saved_data["plan"] = torch::IValue::make_capsule(plan);
    return z;
  }

  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto plan =
        c10::static_intrusive_pointer_cast<Plan>(context->saved_data["plan"].toCapsule());
    const auto saved = context->get_saved_variables();
    const auto gz = channels_last(outputs[0]);
    return saved[0].scalar_type() == torch::kBFloat16
               ? run_backward<Bfloat16>(*plan, saved, gz, *context)
               : run_backward<float>(*plan, saved, gz, *context);
  }
};

}  // namespace

bool multiplies_bfloat16() {
  static const bool can = has_brgemm<Bfloat16>();
  return can;
}

bool can_fuse(const torch::Tensor& x) {
  return x.dim() == 4 && x.device().is_cpu() && x.numel() > 0 &&
         (x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16);
}

torch::Tensor fused_chain(const torch::Tensor& x, const NormTensors* before,
                          const std::vector<ConvNorm>& stages,
                          const std::optional<torch::Tensor>& residual) {
  auto plan = c10::make_intrusive<Plan>();
  std::vector<torch::Tensor> inputs = {channels_last(x)};
  std::vector<const NormTensors*> running = {before};
  if (residual) {
    const bool is_input = residual->is_same(x);
    plan->residual = is_input ? Plan::Residual::input : Plan::Residual::other;
    if (!is_input) inputs.push_back(channels_last(residual->to(x.scalar_type())));
  }
  const auto add_norm = [&](const NormTensors& norm) {
    inputs.insert(inputs.end(), {norm.weight, norm.bias});
    return Plan::Norm{norm.eps, norm.clamp};
  };
  if (before != nullptr) plan->before = add_norm(*before);
  for (const ConvNorm& stage : stages) {
    inputs.push_back(channels_last(stage.weight));
    plan->stages.push_back({stage.stride, add_norm(stage.norm)});
    running.push_back(&stage.norm);
  }
  return FusedChain::apply(at::TensorList(inputs), plan, running);
}

}  // namespace vpunas
