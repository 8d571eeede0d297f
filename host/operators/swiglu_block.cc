// The feed-forward half of a decoder block.
#include <torch/csrc/autograd/functions/utils.h>

#include <algorithm>

#include "base/error.h"
#include "base/trace.h"
#include "operators/adapters.h"
#include "operators/between.h"
#include "operators/blocks.h"
#include "operators/call_memory.h"
#include "operators/kept.h"
#include "operators/linear.h"
#include "operators/operands.h"
#include "operators/rms_norm.h"

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
  ProductAdapters in_adapters, out_adapters;
  SwiGluCall call{};
  double eps = 0;

  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override;
  void release_variables() override {
    x_kept = Kept();
    gate_up = inverse_rms = at::Tensor();
    w = {};
    in_adapters = out_adapters = ProductAdapters();
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
  const float* const dy = dy_TD.const_data_ptr<float>();
  const Values gate = Between::of(gate_up);
  Kernels& kernels = kernels_of(x);
  const Between between(gate_up, kernels, kName);
  static thread_local Scratch scratch;
  const CallMemory<6> memory(
      scratch, x,
      {rows * inner, between.floats(rows, inner), between.floats(rows, 2 * inner),
       between.floats(rows, d), rows * d, rows});
  const auto [d_act, act_memory, d_gate_up_memory, h_memory, dh, again] = memory.parts;
  const Values act = between.in(act_memory), d_gate_up = between.in(d_gate_up_memory),
               h = between.in(h_memory);
  const GradientTarget d_norm(w.norm_D, w.norm_D.requires_grad()),
      d_gate(w.gate, w.gate.requires_grad()), d_up(w.up, w.up.requires_grad()),
      d_down(w.down, w.down.requires_grad());
  const Weight down = weight_of(w.down, inner);
  kernels.input_gradient(dy, d, rows, {&down, 1}, inner, d_act, inner, false);
  if (!out_adapters.empty()) {  // they need what the activation gave before its gradient does
    kernels.swiglu(gate, gate + inner, 2 * inner, rows, inner, act);
    out_adapters.add_gradients(dy, d, act, rows, inner, d_act);
  }
  kernels.swiglu_backward(d_act, gate, gate + inner, 2 * inner, rows, inner, d_gate_up,
                          d_gate_up + inner, act);
  const WeightGradient d_output{d_down.data(), d};
  kernels.weight_gradients(dy, d, act, inner, rows, inner, {&d_output, 1});
  kernels.rms_norm(x.const_data_ptr<float>(), w.norm_D.const_data_ptr<float>(),
                   static_cast<float>(eps), rows, d, h, again);
  const WeightGradient d_inputs[] = {{d_gate.data(), inner}, {d_up.data(), inner}};
  kernels.weight_gradients(d_gate_up, 2 * inner, h, d, rows, d, d_inputs);
  const Weight inputs[] = {weight_of(w.gate, d), weight_of(w.up, d)};
  kernels.input_gradient(d_gate_up, 2 * inner, rows, inputs, d, dh, d, false);
  in_adapters.add_gradients(d_gate_up, 2 * inner, h, rows, d, dh);
  at::Tensor dx_TD = at::empty_like(x);
  rms_norm_backward(dh, x, w.norm_D, inverse_rms, dy, dx_TD.data_ptr<float>(), d_norm.data());
  return {dx_TD, d_norm.tensor(), d_gate.tensor(), d_up.tensor(), d_down.tensor()};
}

}  // namespace

at::Tensor swiglu_block(const at::Tensor& x_in, const SwiGluWeights& w, double eps) {
  const SwiGluCall call = check(x_in, w);
  const TraceScope trace("operator", "swiglu_block", "tokens", call.rows);
  const at::Tensor x = x_in.contiguous();
  const ProductAdapters in_adapters({&w.gate, &w.up}), out_adapters({&w.down});
  const bool recording = records({&x, &w.norm_D, &w.gate, &w.up, &w.down}) ||
                         in_adapters.recorded() || out_adapters.recorded();
  const int64_t rows = call.rows, d = call.hidden, inner = call.inner,
                together = recording ? rows : std::min(rows, kSwiGluRows),
                not_kept = recording ? 0 : together;
  Kernels& kernels = kernels_of(x);
  at::Tensor y = at::empty({rows, d}, x.options()), gate_up, inverse_rms;
  static thread_local Scratch scratch;
  const Between between(kernels);
  const CallMemory<4> memory(scratch, x,
                             {between.floats(together, d), between.floats(together, inner),
                              between.floats(not_kept, 2 * inner), not_kept});
  float* rms_data = memory.parts[3];
  const Values h = between.in(memory.parts[0]), act = between.in(memory.parts[1]);
  Values gate_up_data = between.in(memory.parts[2]);
  if (recording) {
    gate_up = between.tensor(rows, 2 * inner, x.options());
    inverse_rms = at::empty({rows}, x.options());
    gate_up_data = Between::of(gate_up), rms_data = inverse_rms.data_ptr<float>();
  }
  for (int64_t first = 0; first < rows; first += together) {
    const int64_t count = std::min(together, rows - first);
    const float* const x_data = x.const_data_ptr<float>() + first * d;
    kernels.rms_norm(x_data, w.norm_D.const_data_ptr<float>(), static_cast<float>(eps), count, d, h,
                     rms_data);
    product(h, count, d, {&w.gate, &w.up}, nullptr, gate_up_data);
    kernels.swiglu(gate_up_data, gate_up_data + inner, 2 * inner, count, inner, act);
    product(act, count, inner, {&w.down}, x_data, y.data_ptr<float>() + first * d);
  }
  if (!recording) return y;
  const auto node = make_node<SwiGluBlockNode>();
  node->set_next_edges(gradient_edges({&x, &w.norm_D, &w.gate, &w.up, &w.down}));
  node->x_kept = Kept(x), node->gate_up = gate_up, node->inverse_rms = inverse_rms;
  node->w = w, node->call = call, node->eps = eps;
  node->in_adapters = in_adapters, node->out_adapters = out_adapters;
  torch::autograd::set_history(y, node);
  return y;
}

}  // namespace slipway
