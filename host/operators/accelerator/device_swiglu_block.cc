// The feed-forward half of a decoder block on a device.
#include <torch/csrc/autograd/functions/utils.h>

#include "base/error.h"
#include "base/trace.h"
#include "operators/accelerator/device_blocks.h"
#include "operators/accelerator/device_rows.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/kept.h"

namespace slipway {
namespace {

struct DeviceSwiGluNode : torch::autograd::Node {
  Kept x_kept;
  at::Tensor gate_up, inverse_rms;
  SwiGluWeights w;
  double eps = 0;

  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override;
  void release_variables() override {
    x_kept = Kept();
    gate_up = inverse_rms = at::Tensor();
    w = {};
  }
};

torch::autograd::variable_list DeviceSwiGluNode::apply(torch::autograd::variable_list&& grads) {
  constexpr const char* kName = "slipway::swiglu_block_v1";
  if (!x_kept.defined())
    fail("{}: backward a second time; what it needs was freed after the first", kName);
  const at::Tensor& x = x_kept.of(kName);
  const TraceScope trace("operator", "swiglu_block backward", "tokens", x.size(0));
  const at::NoGradGuard no_grad;
  const at::Tensor dy = grads[0].contiguous();
  const int64_t rows = x.size(0), inner = w.gate.size(0);
  const GradientTarget d_norm(w.norm_D, w.norm_D.requires_grad()),
      d_gate(w.gate, w.gate.requires_grad()), d_up(w.up, w.up.requires_grad()),
      d_down(w.down, w.down.requires_grad());
  at::Tensor d_act = at::empty({rows, inner}, x.options()), act = at::empty_like(d_act),
             d_gate_up = at::empty_like(gate_up), h = at::empty_like(x), dh = at::empty_like(x),
             dx = at::empty_like(x), again = at::empty_like(inverse_rms);
  device_input_gradient(dy, {&w.down}, d_act);
  const float* gate = gate_up.const_data_ptr<float>();
  float* const to = d_gate_up.data_ptr<float>();
  device_kernels().swiglu_backward(d_act.const_data_ptr<float>(), gate, gate + inner, 2 * inner,
                                   rows, inner, to, to + inner, act.data_ptr<float>());
  device_weight_gradients(dy, act, {{d_down.data(), dy.size(1)}});
  device_rms_norm(x, w.norm_D, eps, h, again);
  device_weight_gradients(d_gate_up, h, {{d_gate.data(), inner}, {d_up.data(), inner}});
  device_input_gradient(d_gate_up, {&w.gate, &w.up}, dh);
  device_rms_norm_backward(dh, x, w.norm_D, inverse_rms, &dy, dx, d_norm.data());
  return {dx, d_norm.tensor(), d_gate.tensor(), d_up.tensor(), d_down.tensor()};
}

}  // namespace

at::Tensor device_swiglu_block(const at::Tensor& x, const SwiGluWeights& w, double eps) {
  const int64_t rows = x.size(0), d = x.size(1), inner = w.gate.size(0);
  at::Tensor y = at::empty_like(x), h = at::empty_like(x),
             gate_up = at::empty({rows, 2 * inner}, x.options()),
             act = at::empty({rows, inner}, x.options()),
             inverse_rms = at::empty({rows}, x.options());
  device_rms_norm(x, w.norm_D, eps, h, inverse_rms);
  device_product(h, {&w.gate, &w.up}, gate_up);
  const float* gate = gate_up.const_data_ptr<float>();
  device_kernels().swiglu(gate, gate + inner, 2 * inner, rows, inner, act.data_ptr<float>());
  device_kernels().forward_product(act.const_data_ptr<float>(), inner, rows,
                                   weight_of(w.down, inner).w, d, inner, x.const_data_ptr<float>(),
                                   y.data_ptr<float>(), d);
  if (!records({&x, &w.norm_D, &w.gate, &w.up, &w.down})) return y;
  const auto node = make_node<DeviceSwiGluNode>();
  node->set_next_edges(gradient_edges({&x, &w.norm_D, &w.gate, &w.up, &w.down}));
  node->x_kept = Kept(x), node->gate_up = gate_up, node->inverse_rms = inverse_rms;
  node->w = w, node->eps = eps;
  torch::autograd::set_history(y, node);
  return y;
}

}  // namespace slipway
