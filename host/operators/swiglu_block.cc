// The feed-forward half of a decoder block.
#include <torch/csrc/autograd/functions/utils.h>

#include <algorithm>

#include "base/error.h"
#include "base/trace.h"
#include "compute/scratch.h"
#include "kernels/cpu/rows.h"
#include "operators/accelerator/device_blocks.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/blocks.h"
#include "operators/kept.h"
#include "operators/linear.h"
#include "operators/operands.h"

namespace slipway {
namespace {

struct SwiGluCall {
  int64_t rows, hidden, inner;
};

SwiGluCall check(const at::Tensor& x, const SwiGluWeights& w) {
  require_operands(x.defined() && x.dim() == 2, "slipway::swiglu_block_v1", "x [T, d]", {&x});
  const int64_t d = x.size(1), inner = w.gate.dim() == 2 ? w.gate.size(0) : 0;
  const auto fits = [](const at::Tensor& t, int64_t rows, int64_t columns) {
    return t.dim() == 2 && t.size(0) == rows && t.size(1) == columns;
  };
  const bool fit = floats_together({&x, &w.norm_D, &w.gate, &w.up, &w.down}) &&
                   fits(w.gate, inner, d) && fits(w.up, inner, d) && fits(w.down, d, inner) &&
                   w.norm_D.numel() == d && w.norm_D.is_contiguous();
  require_operands(
      fit, "slipway::swiglu_block_v1",
      "x [T, d], norm [d], gate and up [F, d], down [d, F], float32, norm without gaps",
      {&x, &w.norm_D, &w.gate, &w.up, &w.down});
  return {x.size(0), d, inner};
}

struct SwiGluBlockNode : torch::autograd::Node {
  Kept x_kept;
  at::Tensor gate_up, inverse_rms;
  SwiGluWeights w;
  SwiGluCall call{};
  double eps = 0;

  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override;
  void release_variables() override {
    x_kept = Kept();
    gate_up = inverse_rms = at::Tensor();
    w = {};
  }
};

torch::autograd::variable_list SwiGluBlockNode::apply(torch::autograd::variable_list&& grads) {
  constexpr const char* kName = "slipway::swiglu_block_v1";
  if (!x_kept.defined())
    fail("{}: backward a second time; what it needs was freed after the first", kName);
  const at::Tensor& x = x_kept.of(kName);
  const TraceScope trace("operator", "swiglu_block backward", "tokens", call.rows);
  const at::NoGradGuard no_grad;
  const at::Tensor dy_TD = grads[0].contiguous();
  const int64_t rows = call.rows, d = call.hidden, inner = call.inner;
  const float* dy = dy_TD.const_data_ptr<float>();
  static thread_local Scratch scratch;
  float* const d_act = scratch.take(rows * (4 * inner + 2 * d + 1));
  float *const act = d_act + rows * inner, *const d_gate_up = act + rows * inner,
               *const h = d_gate_up + rows * 2 * inner, *const dh = h + rows * d,
               *const again = dh + rows * d;
  const GradientTarget d_norm(w.norm_D, w.norm_D.requires_grad()),
      d_gate(w.gate, w.gate.requires_grad()), d_up(w.up, w.up.requires_grad()),
      d_down(w.down, w.down.requires_grad());
  const Weight down = weight_of(w.down, inner);
  input_gradient(dy, d, rows, {&down, 1}, inner, d_act, inner, false);
  swiglu_rows_backward(d_act, gate_up.const_data_ptr<float>(), rows, inner, d_gate_up, act);
  const WeightGradient d_output{d_down.data(), d};
  weight_gradients(dy, d, act, inner, rows, inner, {&d_output, 1});
  rms_norm_rows(x.const_data_ptr<float>(), w.norm_D.const_data_ptr<float>(), eps, rows, d, h,
                again);
  const WeightGradient d_inputs[] = {{d_gate.data(), inner}, {d_up.data(), inner}};
  weight_gradients(d_gate_up, 2 * inner, h, d, rows, d, d_inputs);
  const Weight inputs[] = {weight_of(w.gate, d), weight_of(w.up, d)};
  input_gradient(d_gate_up, 2 * inner, rows, inputs, d, dh, d, false);
  at::Tensor dx_TD = at::empty_like(x);
  rms_norm_rows_backward(dh, x.const_data_ptr<float>(), w.norm_D.const_data_ptr<float>(),
                         inverse_rms.const_data_ptr<float>(), dy, rows, d, dx_TD.data_ptr<float>(),
                         d_norm.data());
  return {dx_TD, d_norm.tensor(), d_gate.tensor(), d_up.tensor(), d_down.tensor()};
}

}  // namespace

at::Tensor swiglu_block(const at::Tensor& x_in, const SwiGluWeights& w, double eps) {
  const SwiGluCall call = check(x_in, w);
  const TraceScope trace("operator", "swiglu_block", "tokens", call.rows);
  const at::Tensor x = x_in.contiguous();
  if (on_device(x)) return device_swiglu_block(x, w, eps);
  const bool recording = records({&x, &w.norm_D, &w.gate, &w.up, &w.down});
  const int64_t rows = call.rows, d = call.hidden, inner = call.inner;
  at::Tensor y = at::empty({rows, d}, x.options()), gate_up, inverse_rms;
  static thread_local Scratch scratch;
  const int64_t together = recording ? rows : std::min(rows, kSwiGluRows);
  float* const h = scratch.take(together * (d + inner + (recording ? 0 : 2 * inner + 1)));
  float* const act = h + together * d;
  float *gate_up_data = act + together * inner, *rms_data = gate_up_data + together * 2 * inner;
  if (recording) {
    gate_up = at::empty({rows, 2 * inner}, x.options()),
    inverse_rms = at::empty({rows}, x.options());
    gate_up_data = gate_up.data_ptr<float>(), rms_data = inverse_rms.data_ptr<float>();
  }
  for (int64_t first = 0; first < rows; first += together) {
    const int64_t count = std::min(together, rows - first);
    const float* const x_data = x.const_data_ptr<float>() + first * d;
    float* const y_data = y.data_ptr<float>() + first * d;
    rms_norm_rows(x_data, w.norm_D.const_data_ptr<float>(), eps, count, d, h, rms_data);
    product(h, count, d, {&w.gate, &w.up}, gate_up_data, false);
    swiglu_rows(gate_up_data, count, inner, act);
    copy_rows(x_data, count, d, y_data);
    product(act, count, inner, {&w.down}, y_data, true);
  }
  if (!recording) return y;
  const auto node = make_node<SwiGluBlockNode>();
  node->set_next_edges(gradient_edges({&x, &w.norm_D, &w.gate, &w.up, &w.down}));
  node->x_kept = Kept(x), node->gate_up = gate_up, node->inverse_rms = inverse_rms;
  node->w = w, node->call = call, node->eps = eps;
  torch::autograd::set_history(y, node);
  return y;
}

}  // namespace slipway
