// The attention half of a decoder block.
#include <torch/csrc/autograd/functions/utils.h>

#include "base/error.h"
#include "base/trace.h"
#include "operators/adapters.h"
#include "operators/attention.h"
#include "operators/between.h"
#include "operators/blocks.h"
#include "operators/call_memory.h"
#include "operators/context_plan.h"
#include "operators/kept.h"
#include "operators/linear.h"
#include "operators/operands.h"
#include "operators/rms_norm.h"
#include "operators/rotary.h"

namespace slipway {
namespace {

// Sizes of one call.
struct AttentionCall {
  HeadShape shape;
  int64_t rows, hidden;
  int64_t attended() const { return shape.heads * shape.width; }
  int64_t cached() const { return shape.kv_heads * shape.width; }
  int64_t columns() const { return attended() + 2 * cached(); }  // of the fused q, k, v rows
  AttentionRows parts(const float* qkv, float scale) const {
    return {qkv,         qkv + attended(), qkv + attended() + cached(),
            columns(),   columns(),        rows,
            shape.heads, shape.kv_heads,   shape.width,
            scale};
  }
};

AttentionCall check(const at::Tensor& x, const AttentionWeights& w, const at::Tensor& positions,
                    int64_t heads, int64_t kv_heads) {
  constexpr const char* kName = "slipway::attention_block_v1";
  require_operands(x.defined() && x.dim() == 2, kName, "x [T, d]", {&x});
  if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0 || w.q.dim() != 2 || w.q.size(0) < 1 ||
      w.q.size(0) % heads != 0)
    fail("{}: the rows of q must divide into {} heads, and these into {} groups; q is {}", kName,
         heads, kv_heads, described(w.q));
  const AttentionCall call{{heads, kv_heads, w.q.size(0) / heads}, x.size(0), x.size(1)};
  const auto fits = [](const at::Tensor& t, int64_t rows, int64_t columns) {
    return t.dim() == 2 && t.size(0) == rows && t.size(1) == columns;
  };
  const bool fit = floats_together({&x, &w.norm_D, &w.q, &w.k, &w.v, &w.o}) &&
                   fits(w.q, call.attended(), call.hidden) &&
                   fits(w.k, call.cached(), call.hidden) && fits(w.v, call.cached(), call.hidden) &&
                   fits(w.o, call.hidden, call.attended()) && w.norm_D.numel() == call.hidden &&
                   w.norm_D.is_contiguous();
  require_operands(
      fit, kName,
      "x [T, d], norm [d], q [H D, d], k and v [G D, d], o [d, H D], float32, norm without gaps",
      {&x, &w.norm_D, &w.q, &w.k, &w.v, &w.o});
  require_operands(positions.defined() && positions.dim() == 1 && positions.size(0) == call.rows &&
                       positions.scalar_type() == at::kLong && positions.device() == x.device(),
                   kName, "positions [T] int64 beside x [T, d]", {&positions, &x});
  if (call.shape.width % 2 != 0)
    fail("{}: a head's width must be even, it is {}", kName, call.shape.width);
  return call;
}

struct AttentionBlockNode : torch::autograd::Node {
  Kept x_kept;
  at::Tensor qkv, attended, lse, inverse_rms, positions;
  AttentionWeights w;
  ProductAdapters in_adapters, out_adapters;
  std::shared_ptr<const ContextPlan> plan;
  AttentionCall call{};
  RotaryAngles angles{};
  float scale = 0;
  double eps = 0;

  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override;
  void release_variables() override {
    x_kept = Kept();
    qkv = attended = lse = inverse_rms = positions = at::Tensor();
    w = {};
    in_adapters = out_adapters = ProductAdapters();
    plan.reset();
  }
};

// What was kept, as float32: in `memory` where it is not so already.
const float* widen(Kernels& kernels, const at::Tensor& kept, float* memory) {
  const Values values = Between::of(kept);
  if (values.bfloats == nullptr) return values.floats;
  kernels.widen_values(values.bfloats, kept.numel(), memory);
  return memory;
}

torch::autograd::variable_list AttentionBlockNode::apply(torch::autograd::variable_list&& grads) {
  constexpr const char* kName = "slipway::attention_block_v1";
  if (!x_kept.defined())
    fail("{}: backward a second time; what it needs was freed after the first", kName);
  const at::Tensor& x = x_kept.of(kName);
  const TraceScope trace("operator", "attention_block backward", "tokens", call.rows);
  const at::NoGradGuard no_grad;
  const at::Tensor dy_TD = grads[0].contiguous();
  const int64_t rows = call.rows, d = call.hidden, heads = call.shape.heads;
  const float* dy = dy_TD.const_data_ptr<float>();
  Kernels& kernels = kernels_of(x);
  static thread_local Scratch scratch;
  const Between between(qkv, kernels, kName);
  const int64_t widened = between.bfloat16() ? rows : 0;
  const CallMemory<8> memory(
      scratch, x,
      {rows * call.attended(), rows * call.columns(), rows * heads, between.floats(rows, d),
       rows * d, rows, widened * call.columns(), widened * call.attended()});
  const auto [d_attended, d_qkv, delta, h_memory, dh, again, qkv_memory, attended_memory] =
      memory.parts;
  const Values h = between.in(h_memory), attended_kept = Between::of(attended);
  const float *qkv_data = widen(kernels, qkv, qkv_memory),
              *attended_data = widen(kernels, attended, attended_memory);
  const GradientTarget d_norm(w.norm_D, w.norm_D.requires_grad()), dq(w.q, w.q.requires_grad()),
      dk(w.k, w.k.requires_grad()), dv(w.v, w.v.requires_grad()), d_o(w.o, w.o.requires_grad());
  const Weight o = weight_of(w.o, call.attended());
  kernels.input_gradient(dy, d, rows, {&o, 1}, call.attended(), d_attended, call.attended(), false);
  out_adapters.add_gradients(dy, d, attended_kept, rows, call.attended(), d_attended);
  const WeightGradient d_output{d_o.data(), d};
  kernels.weight_gradients(dy, d, attended_kept, call.attended(), rows, call.attended(),
                           {&d_output, 1});
  float *const d_k = d_qkv + call.attended(), *const d_v = d_k + call.cached();
  kernels.attention_backward(call.parts(qkv_data, scale), plan->attention, attended_data,
                             lse.const_data_ptr<float>(), d_attended, delta, d_qkv, d_k, d_v);
  kernels.rope(d_qkv, call.columns(), positions.const_data_ptr<int64_t>(), angles, -1.0f, rows,
               heads + call.shape.kv_heads, d_qkv, call.columns());
  // What the norm gave costs one pass; keeping it would cost its memory through all later blocks.
  kernels.rms_norm(x.const_data_ptr<float>(), w.norm_D.const_data_ptr<float>(),
                   static_cast<float>(eps), rows, d, h, again);
  const WeightGradient d_inputs[] = {
      {dq.data(), call.attended()}, {dk.data(), call.cached()}, {dv.data(), call.cached()}};
  kernels.weight_gradients(d_qkv, call.columns(), h, d, rows, d, d_inputs);
  const Weight inputs[] = {weight_of(w.q, d), weight_of(w.k, d), weight_of(w.v, d)};
  kernels.input_gradient(d_qkv, call.columns(), rows, inputs, d, dh, d, false);
  in_adapters.add_gradients(d_qkv, call.columns(), h, rows, d, dh);
  at::Tensor dx_TD = at::empty_like(x);
  rms_norm_backward(dh, x, w.norm_D, inverse_rms, dy, dx_TD.data_ptr<float>(), d_norm.data());
  return {dx_TD, d_norm.tensor(), dq.tensor(), dk.tensor(), dv.tensor(), d_o.tensor()};
}

}  // namespace

at::Tensor attention_block(const at::Tensor& x_in, const AttentionWeights& w,
                           const at::Tensor& positions_in, int64_t heads, int64_t kv_heads,
                           double eps, double theta, double scale, int64_t layer, int64_t handle) {
  const AttentionCall call = check(x_in, w, positions_in, heads, kv_heads);
  const TraceScope trace("operator", "attention_block", "tokens", call.rows);
  const AttentionContext& context = AttentionContext::of(handle, call.rows, call.shape, layer);
  const at::Tensor x = x_in.contiguous(), positions = positions_in.contiguous();
  const ProductAdapters in_adapters({&w.q, &w.k, &w.v}), out_adapters({&w.o});
  const bool recording = context.mode == AttentionContext::Mode::kPacked &&
                         (records({&x, &w.norm_D, &w.q, &w.k, &w.v, &w.o}) ||
                          in_adapters.recorded() || out_adapters.recorded());
  const int64_t rows = call.rows, d = call.hidden, not_kept = recording ? 0 : rows;
  Kernels& kernels = kernels_of(x);
  const auto options = x.options();
  at::Tensor y = at::empty({rows, d}, options), qkv, attended, lse, inverse_rms;
  static thread_local Scratch scratch;
  // Attention itself computes on float32: what is kept as bfloat16 has a float32 twin here.
  const Between between(kernels);
  const int64_t computed = between.bfloat16() ? rows : not_kept,
                rounded = between.bfloat16() ? not_kept : 0;
  const CallMemory<7> memory(
      scratch, x,
      {between.floats(rows, d), computed * call.columns(), computed * call.attended(),
       not_kept * heads, not_kept, between.floats(rounded, call.columns()),
       between.floats(rounded, call.attended())});
  auto [h_memory, qkv_data, attended_data, lse_data, rms_data, qkv_memory, attended_memory] =
      memory.parts;
  const Values h = between.in(h_memory);
  Values qkv_kept = between.in(qkv_memory), attended_kept = between.in(attended_memory);
  if (recording) {
    qkv = between.tensor(rows, call.columns(), options),
    attended = between.tensor(rows, call.attended(), options);
    lse = at::empty({rows, heads}, options), inverse_rms = at::empty({rows}, options);
    qkv_kept = Between::of(qkv), attended_kept = Between::of(attended),
    lse_data = lse.data_ptr<float>(), rms_data = inverse_rms.data_ptr<float>();
    if (!between.bfloat16()) qkv_data = qkv_kept.floats, attended_data = attended_kept.floats;
  }
  kernels.rms_norm(x.const_data_ptr<float>(), w.norm_D.const_data_ptr<float>(),
                   static_cast<float>(eps), rows, d, h, rms_data);
  product(h, rows, d, {&w.q, &w.k, &w.v}, nullptr, qkv_data);
  const RotaryAngles angles = rotary_angles(positions, call.shape.width / 2, theta);
  kernels.rope(qkv_data, call.columns(), positions.const_data_ptr<int64_t>(), angles, 1.0f, rows,
               heads + kv_heads, qkv_data, call.columns());
  if (between.bfloat16()) {
    // the backward pass will see rounded values, so the forward pass does
    kernels.round_values(qkv_data, rows * call.columns(), qkv_kept.bfloats);
    kernels.widen_values(qkv_kept.bfloats, rows * call.columns(), qkv_data);
  }
  attend(kernels, call.parts(qkv_data, static_cast<float>(scale)), layer, context, attended_data,
         lse_data);
  if (between.bfloat16())
    kernels.round_values(attended_data, rows * call.attended(), attended_kept.bfloats);
  product(between.bfloat16() ? attended_kept : attended_data, rows, call.attended(), {&w.o},
          x.const_data_ptr<float>(), y.data_ptr<float>());
  if (!recording) return y;
  const auto node = make_node<AttentionBlockNode>();
  node->set_next_edges(gradient_edges({&x, &w.norm_D, &w.q, &w.k, &w.v, &w.o}));
  node->x_kept = Kept(x), node->qkv = qkv, node->attended = attended, node->lse = lse,
  node->inverse_rms = inverse_rms, node->positions = positions;
  node->in_adapters = in_adapters, node->out_adapters = out_adapters;
  node->w = w, node->plan = context_plan(context, call.shape.width), node->call = call,
  node->angles = angles, node->scale = static_cast<float>(scale), node->eps = eps;
  torch::autograd::set_history(y, node);
  return y;
}

}  // namespace slipway
