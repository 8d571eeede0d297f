// Operators on rows, each with its backward: norm, rotary positions, gated activation.
#include "operators/operators.h"

#include "operators/kernels_of.h"
#include "operators/linear.h"
#include "operators/operands.h"
#include "operators/rms_norm.h"
#include "operators/rotary.h"

namespace slipway {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

int64_t rows_of(const at::Tensor& x) { return x.numel() / std::max<int64_t>(1, x.size(-1)); }

struct RmsNorm : Function<RmsNorm> {
  static at::Tensor forward(AutogradContext* saved, const at::Tensor& x_in, const at::Tensor& w,
                            double eps) {
    const at::Tensor x = x_in.contiguous();
    at::Tensor y = at::empty_like(x), inverse_rms = at::empty({x.size(0)}, x.options());
    kernels_of(x).rms_norm(x.const_data_ptr<float>(), w.const_data_ptr<float>(),
                           static_cast<float>(eps), x.size(0), x.size(1), y.data_ptr<float>(),
                           inverse_rms.data_ptr<float>());
    saved->save_for_backward({x, w, inverse_rms});
    return y;
  }
  static tensor_list backward(AutogradContext* saved, const tensor_list& grads) {
    const auto kept = saved->get_saved_variables();
    const at::Tensor &x = kept[0], &w = kept[1], &inverse_rms = kept[2],
                     grad_y = grads[0].contiguous();
    at::Tensor grad_x = at::empty_like(x);
    const GradientTarget grad_w(w, saved->needs_input_grad(1));
    rms_norm_backward(grad_y.const_data_ptr<float>(), x, w, inverse_rms, nullptr,
                      grad_x.data_ptr<float>(), grad_w.data());
    return {grad_x, grad_w.tensor(), at::Tensor()};
  }
};

at::Tensor rotate(const at::Tensor& x_in, const at::Tensor& positions, double theta, float sign) {
  const at::Tensor x = x_in.contiguous();
  at::Tensor y = at::empty_like(x);
  const int64_t heads = x.size(1), half = x.size(2) / 2, row = heads * x.size(2);
  kernels_of(x).rope(x.const_data_ptr<float>(), row, positions.const_data_ptr<int64_t>(),
                     rotary_angles(positions, half, theta), sign, x.size(0), heads,
                     y.data_ptr<float>(), row);
  return y;
}

struct Rope : Function<Rope> {
  static at::Tensor forward(AutogradContext* saved, const at::Tensor& x,
                            const at::Tensor& positions_in, double theta) {
    const at::Tensor positions = positions_in.contiguous();
    saved->save_for_backward({positions});
    saved->saved_data["theta"] = theta;
    return rotate(x, positions, theta, 1.0f);
  }
  static tensor_list backward(AutogradContext* saved, const tensor_list& grads) {
    return {rotate(grads[0], saved->get_saved_variables()[0], saved->saved_data["theta"].toDouble(),
                   -1.0f),
            at::Tensor(), at::Tensor()};
  }
};

struct SwiGlu : Function<SwiGlu> {
  static at::Tensor forward(AutogradContext* saved, const at::Tensor& gate_in,
                            const at::Tensor& up_in) {
    const at::Tensor gate = gate_in.contiguous(), up = up_in.contiguous();
    at::Tensor out = at::empty_like(gate);
    kernels_of(gate).swiglu(gate.const_data_ptr<float>(), up.const_data_ptr<float>(), gate.size(-1),
                            rows_of(gate), gate.size(-1), out.data_ptr<float>());
    saved->save_for_backward({gate, up});
    return out;
  }
  static tensor_list backward(AutogradContext* saved, const tensor_list& grads) {
    const auto kept = saved->get_saved_variables();
    const at::Tensor grad = grads[0].contiguous();
    at::Tensor grad_gate = at::empty_like(grad), grad_up = at::empty_like(grad);
    kernels_of(grad).swiglu_backward(grad.const_data_ptr<float>(), kept[0].const_data_ptr<float>(),
                                     kept[1].const_data_ptr<float>(), grad.size(-1), rows_of(grad),
                                     grad.size(-1), grad_gate.data_ptr<float>(),
                                     grad_up.data_ptr<float>(), nullptr);
    return {grad_gate, grad_up};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& w_in, double eps) {
  const bool fit = floats_together({&x, &w_in}) && x.dim() > 0 && w_in.dim() == 1 &&
                   w_in.size(0) > 0 && x.size(-1) == w_in.size(0);
  require_operands(fit, "slipway::rms_norm_v1", "x [.., d] and weight [d], float32", {&x, &w_in});
  const at::Tensor w = w_in.contiguous();
  if (x.dim() == 2) return RmsNorm::apply(x, w, eps);
  return RmsNorm::apply(x.reshape({-1, w.size(0)}), w, eps).view(x.sizes());
}

at::Tensor rope(const at::Tensor& x, const at::Tensor& positions, double theta) {
  const bool fit = floats_together({&x}) && x.dim() == 3 && x.size(1) > 0 && x.size(2) > 0 &&
                   x.size(2) % 2 == 0 && positions.defined() &&
                   positions.scalar_type() == at::kLong && positions.dim() == 1 &&
                   positions.size(0) == x.size(0) && positions.device() == x.device();
  require_operands(fit, "slipway::rope_v1",
                   "x [T, H, D] float32 with D even, and positions [T] int64", {&x, &positions});
  return Rope::apply(x, positions, theta);
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  const bool fit = floats_together({&gate, &up}) && gate.dim() > 0 && gate.sizes() == up.sizes();
  require_operands(fit, "slipway::swiglu_v1", "gate and up of one shape, float32", {&gate, &up});
  return SwiGlu::apply(gate, up);
}

}  // namespace slipway
