// Operators on rows, each with its backward pass: norms, rotary positions, activations, sums.
#include "operators/operators.h"

#include "base/error.h"
#include "operators/kernels_of.h"
#include "operators/linear.h"
#include "operators/operands.h"
#include "operators/norm.h"
#include "operators/rotary.h"

namespace slipway {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

int64_t rows_of(const at::Tensor& x) { return x.numel() / std::max<int64_t>(1, x.size(-1)); }

// x [T, d].
struct NormRow : Function<NormRow> {
  static at::Tensor forward(AutogradContext* saved, const at::Tensor& x_in, const at::Tensor& w,
                            const std::optional<at::Tensor>& bias_in, int64_t kind, double eps) {
    const at::Tensor x = x_in.contiguous(), bias = bias_in.value_or(at::Tensor());
    const Norm norm{w, bias, static_cast<NormKind>(kind), eps};
    const int64_t rows = x.size(0), width = x.size(1);
    at::Tensor y = at::empty_like(x), moments = at::empty({norm.numbers(), rows}, x.options());
    kernels_of(x).norm(x.const_data_ptr<float>(), norm.rule(), {rows, 1, width, width},
                       y.data_ptr<float>(), norm.moments(moments.data_ptr<float>(), rows));
    saved->save_for_backward({x, w, bias, moments});
    saved->saved_data["kind"] = kind, saved->saved_data["eps"] = eps;
    return y;
  }
  static tensor_list backward(AutogradContext* saved, const tensor_list& grads) {
    const auto kept = saved->get_saved_variables();
    const at::Tensor &x = kept[0], &w = kept[1], &bias = kept[2], grad_y = grads[0].contiguous();
    const Norm norm{w, bias, static_cast<NormKind>(saved->saved_data["kind"].toInt()),
                    saved->saved_data["eps"].toDouble()};
    const int64_t rows = x.size(0), width = x.size(1);
    at::Tensor grad_x = at::empty_like(x), moments = kept[3];
    const GradientTarget grad_w(w, saved->needs_input_grad(1)),
        grad_bias(bias, bias.defined() && saved->needs_input_grad(2));
    norm_backward(x, grad_y.const_data_ptr<float>(), x.const_data_ptr<float>(), norm,
                  {rows, 1, width, width}, norm.moments(moments.data_ptr<float>(), rows), nullptr,
                  grad_x.data_ptr<float>(), grad_w.data(), grad_bias.data());
    return {grad_x, grad_w.tensor(), grad_bias.tensor(), at::Tensor(), at::Tensor()};
  }
};

at::Tensor rotate(const at::Tensor& x_in, const at::Tensor& positions, const at::Tensor& inverse,
                  double scale, float sign) {
  const at::Tensor x = x_in.contiguous();
  at::Tensor y = at::empty_like(x);
  const int64_t heads = x.size(1), width = x.size(2), row = heads * width;
  kernels_of(x).rope(x.const_data_ptr<float>(), row, positions.const_data_ptr<int64_t>(),
                     rotary_angles(positions, inverse, scale), sign, x.size(0), heads, width,
                     y.data_ptr<float>(), row);
  return y;
}

struct Rope : Function<Rope> {
  static at::Tensor forward(AutogradContext* saved, const at::Tensor& x,
                            const at::Tensor& positions_in, const at::Tensor& inverse,
                            double scale) {
    const at::Tensor positions = positions_in.contiguous();
    saved->save_for_backward({positions, inverse});
    saved->saved_data["scale"] = scale;
    return rotate(x, positions, inverse, scale, 1.0f);
  }
  static tensor_list backward(AutogradContext* saved, const tensor_list& grads) {
    const auto kept = saved->get_saved_variables();
    return {rotate(grads[0], kept[0], kept[1], saved->saved_data["scale"].toDouble(), -1.0f),
            at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

GatedRows gated_rows_of(const at::Tensor& gate, const at::Tensor& up, int64_t activation) {
  return {gate.defined() ? ConstValues(gate.const_data_ptr<float>()) : ConstValues(nullptr),
          up.const_data_ptr<float>(),
          nullptr,
          nullptr,
          rows_of(up),
          up.size(-1),
          up.size(-1),
          static_cast<Activation>(activation)};
}

struct Gated : Function<Gated> {
  static at::Tensor forward(AutogradContext* saved, const std::optional<at::Tensor>& gate_in,
                            const at::Tensor& up_in, int64_t activation) {
    const at::Tensor gate = gate_in ? gate_in->contiguous() : at::Tensor(), up = up_in.contiguous();
    at::Tensor out = at::empty_like(up);
    kernels_of(up).gated(gated_rows_of(gate, up, activation), out.data_ptr<float>());
    saved->save_for_backward({gate, up});
    saved->saved_data["activation"] = activation;
    return out;
  }
  static tensor_list backward(AutogradContext* saved, const tensor_list& grads) {
    const auto kept = saved->get_saved_variables();
    const at::Tensor grad = grads[0].contiguous();
    at::Tensor grad_gate = kept[0].defined() ? at::empty_like(grad) : at::Tensor(),
               grad_up = at::empty_like(grad);
    kernels_of(grad).gated_backward(
        grad.const_data_ptr<float>(),
        gated_rows_of(kept[0], kept[1], saved->saved_data["activation"].toInt()),
        grad_gate.defined() ? Values(grad_gate.data_ptr<float>()) : Values(nullptr),
        grad_up.data_ptr<float>(), nullptr);
    return {grad_gate, grad_up, at::Tensor()};
  }
};

at::Tensor added(const at::Tensor* x, double factor, const at::Tensor& t) {
  at::Tensor y = at::empty_like(t);
  kernels_of(t).add_scaled(x == nullptr ? nullptr : x->const_data_ptr<float>(),
                           static_cast<float>(factor), t.const_data_ptr<float>(), t.numel(),
                           y.data_ptr<float>());
  return y;
}

struct Scaled : Function<Scaled> {
  static at::Tensor forward(AutogradContext* saved, const at::Tensor& x, double factor) {
    saved->saved_data["factor"] = factor;
    return added(nullptr, factor, x.contiguous());
  }
  static tensor_list backward(AutogradContext* saved, const tensor_list& grads) {
    return {added(nullptr, saved->saved_data["factor"].toDouble(), grads[0].contiguous()),
            at::Tensor()};
  }
};

struct Added : Function<Added> {
  static at::Tensor forward(AutogradContext*, const at::Tensor& a_in, const at::Tensor& b) {
    const at::Tensor a = a_in.contiguous();
    return added(&a, 1, b.contiguous());
  }
  static tensor_list backward(AutogradContext*, const tensor_list& grads) {
    return {grads[0], grads[0]};
  }
};

struct Softcap : Function<Softcap> {
  static at::Tensor forward(AutogradContext* saved, const at::Tensor& x_in, double cap) {
    const at::Tensor x = x_in.contiguous();
    at::Tensor y = at::empty_like(x);
    kernels_of(x).softcap(x.const_data_ptr<float>(), static_cast<float>(cap), x.numel(),
                          y.data_ptr<float>());
    saved->save_for_backward({y});
    saved->saved_data["cap"] = cap;
    return y;
  }
  static tensor_list backward(AutogradContext* saved, const tensor_list& grads) {
    const at::Tensor y = saved->get_saved_variables()[0], dy = grads[0].contiguous();
    at::Tensor dx = at::empty_like(dy);
    kernels_of(dy).softcap_backward(dy.const_data_ptr<float>(), y.const_data_ptr<float>(),
                                    static_cast<float>(saved->saved_data["cap"].toDouble()),
                                    dy.numel(), dx.data_ptr<float>());
    return {dx, at::Tensor()};
  }
};

// What autograd takes for a tensor that may be missing.
std::optional<at::Tensor> if_defined(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

at::Tensor norm_rows_of(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                        NormKind kind, double eps) {
  const auto number = static_cast<int64_t>(kind);
  if (x.dim() == 2) return NormRow::apply(x, w, if_defined(bias), number, eps);
  return NormRow::apply(x.reshape({-1, w.size(0)}), w, if_defined(bias), number, eps)
      .view(x.sizes());
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& w, double eps) {
  const bool fit = floats_together({&x, &w}) && x.dim() > 0 && w.dim() == 1 && w.size(0) > 0 &&
                   x.size(-1) == w.size(0);
  require_operands(fit, "slipway::rms_norm_v1", "x [.., d] and weight [d], float32", {&x, &w});
  return norm_rows_of(x, w.contiguous(), {}, NormKind::kRms, eps);
}

at::Tensor norm(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias, NormKind kind,
                double eps) {
  constexpr const char* kName = "slipway::norm_v2";
  const bool fit = floats_together({&x, &w}) && x.dim() > 0 && w.dim() == 1 && w.size(0) > 0 &&
                   x.size(-1) == w.size(0);
  require_operands(fit, kName, "x [.., d] and weight [d], float32", {&x, &w});
  if (bias.defined() && kind != NormKind::kLayer)
    fail("{}: bias was given, and only layer norms take one", kName);
  if (bias.defined()) require_operand(kName, "bias", bias, w.sizes(), x);
  return norm_rows_of(x, w.contiguous(), bias, kind, eps);
}

at::Tensor rope(const at::Tensor& x, const at::Tensor& positions, double theta) {
  const bool fit = floats_together({&x}) && x.dim() == 3 && x.size(1) > 0 && x.size(2) > 0 &&
                   x.size(2) % 2 == 0 && positions.defined() &&
                   positions.scalar_type() == at::kLong && positions.dim() == 1 &&
                   positions.size(0) == x.size(0) && positions.device() == x.device();
  require_operands(fit, "slipway::rope_v1",
                   "x [T, H, D] float32 with D even, and positions [T] int64", {&x, &positions});
  return Rope::apply(x, positions, rotary_frequency_tensor(x.size(2) / 2, theta), 1.0);
}

at::Tensor rope(const at::Tensor& x, const at::Tensor& positions, const at::Tensor& inverse,
                double scale) {
  const bool fit = floats_together({&x}) && x.dim() == 3 && x.size(1) > 0 && positions.defined() &&
                   positions.scalar_type() == at::kLong && positions.dim() == 1 &&
                   positions.size(0) == x.size(0) && positions.device() == x.device() &&
                   is_frequencies(inverse, x.size(2));
  require_operands(fit, "slipway::rope_v2",
                   "x [T, H, D] float32, positions [T] int64, and inverse_frequencies [r / 2] "
                   "float32 in the processor's memory, r at most D",
                   {&x, &positions, &inverse});
  return Rope::apply(x, positions, inverse, scale);
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  const bool fit = floats_together({&gate, &up}) && gate.dim() > 0 && gate.sizes() == up.sizes();
  require_operands(fit, "slipway::swiglu_v1", "gate and up of one shape, float32", {&gate, &up});
  return Gated::apply(if_defined(gate), up, static_cast<int64_t>(Activation::kSilu));
}

at::Tensor gated(const at::Tensor& gate, const at::Tensor& up, Activation activation) {
  const bool fit =
      floats_together({&up}) && up.dim() > 0 &&
      (!gate.defined() || (floats_together({&gate, &up}) && gate.sizes() == up.sizes()));
  require_operands(fit, "slipway::gated_v1", "gate, if any, and up of one shape, float32",
                   {&gate, &up});
  return Gated::apply(if_defined(gate), up, static_cast<int64_t>(activation));
}

at::Tensor scaled(const at::Tensor& x, double factor) {
  require_operands(floats_together({&x}), "slipway::scaled_v1", "x float32", {&x});
  return Scaled::apply(x, factor);
}

at::Tensor softcap(const at::Tensor& x, double cap) {
  require_operands(floats_together({&x}), "slipway::softcap_v1", "x float32", {&x});
  if (!(cap > 0)) fail("slipway::softcap_v1: cap must be positive, it is {}", cap);
  return Softcap::apply(x, cap);
}

at::Tensor add(const at::Tensor& a, const at::Tensor& b) {
  const bool fit = floats_together({&a, &b}) && a.sizes() == b.sizes();
  require_operands(fit, "slipway::add_v1", "a and b of one shape, float32", {&a, &b});
  return Added::apply(a, b);
}

}  // namespace slipway
