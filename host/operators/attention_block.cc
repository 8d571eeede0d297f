// The attention half of a decoder block.
#include <torch/csrc/autograd/functions/utils.h>

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
  AttentionInputs inputs(const float* qkv) const {
    return {qkv, qkv + attended(), qkv + attended() + cached(), columns(), columns()};
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
  std::shared_ptr<const std::vector<PrefixTree>> trees;
  AttentionCall call{};
  RotaryTable table{};
  float scale = 0;
  double eps = 0;

  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override;
  void release_variables() override {
    x_kept = Kept();
    qkv = attended = lse = inverse_rms = positions = at::Tensor();
    w = {};
  }
};

torch::autograd::variable_list AttentionBlockNode::apply(torch::autograd::variable_list&& grads) {
  constexpr const char* kName = "slipway::attention_block_v1";
  if (!x_kept.defined())
    fail("{}: backward a second time; what it needs was freed after the first", kName);
  const at::Tensor& x = x_kept.of(kName);
  const TraceScope trace("operator", "attention_block backward", "tokens", call.rows);
  const at::NoGradGuard no_grad;
  const at::Tensor dy_TD = grads[0].contiguous();
  const int64_t rows = call.rows, d = call.hidden, half = call.shape.width / 2;
  const float* dy = dy_TD.const_data_ptr<float>();
  static thread_local Scratch scratch;
  float* const d_attended = scratch.take(rows * (call.attended() + call.columns() + 2 * d + 1));
  float *const d_qkv = d_attended + rows * call.attended(),
               *const h = d_qkv + rows * call.columns(), *const dh = h + rows * d,
               *const again = dh + rows * d;
  const GradientTarget d_norm(w.norm_D, w.norm_D.requires_grad()), dq(w.q, w.q.requires_grad()),
      dk(w.k, w.k.requires_grad()), dv(w.v, w.v.requires_grad()), d_o(w.o, w.o.requires_grad());
  const Weight o = weight_of(w.o, call.attended());
  input_gradient(dy, d, rows, {&o, 1}, call.attended(), d_attended, call.attended(), false);
  const WeightGradient d_output{d_o.data(), d};
  weight_gradients(dy, d, attended.const_data_ptr<float>(), call.attended(), rows, call.attended(),
                   {&d_output, 1});
  float *const d_k = d_qkv + call.attended(), *const d_v = d_k + call.cached();
  attention_backward(call.inputs(qkv.const_data_ptr<float>()), call.shape, scale, *trees,
                     attended.const_data_ptr<float>(), lse.const_data_ptr<float>(), d_attended,
                     d_qkv, d_k, d_v);
  rotate_rows(d_qkv, call.columns(), positions.const_data_ptr<int64_t>(), table, -1.0f, rows,
              call.shape.heads + call.shape.kv_heads, half, d_qkv, call.columns());
  // What the norm gave costs one pass; keeping it would cost its memory through all later blocks.
  rms_norm_rows(x.const_data_ptr<float>(), w.norm_D.const_data_ptr<float>(), eps, rows, d, h,
                again);
  const WeightGradient d_inputs[] = {
      {dq.data(), call.attended()}, {dk.data(), call.cached()}, {dv.data(), call.cached()}};
  weight_gradients(d_qkv, call.columns(), h, d, rows, d, d_inputs);
  const Weight inputs[] = {weight_of(w.q, d), weight_of(w.k, d), weight_of(w.v, d)};
  input_gradient(d_qkv, call.columns(), rows, inputs, d, dh, d, false);
  at::Tensor dx_TD = at::empty_like(x);
  rms_norm_rows_backward(dh, x.const_data_ptr<float>(), w.norm_D.const_data_ptr<float>(),
                         inverse_rms.const_data_ptr<float>(), dy, rows, d, dx_TD.data_ptr<float>(),
                         d_norm.data());
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
  if (on_device(x))
    return device_attention_block(x, w, positions, call.shape, eps, theta, scale, layer, context);
  const bool recording = context.mode == AttentionContext::Mode::kPacked &&
                         records({&x, &w.norm_D, &w.q, &w.k, &w.v, &w.o});
  const int64_t rows = call.rows, d = call.hidden;
  const auto options = x.options();
  at::Tensor y = at::empty({rows, d}, options), qkv, attended, lse, inverse_rms;
  static thread_local Scratch scratch;
  float *h = nullptr, *qkv_data = nullptr, *attended_data = nullptr, *lse_data = nullptr,
        *rms_data = nullptr;
  if (recording) {
    qkv = at::empty({rows, call.columns()}, options),
    attended = at::empty({rows, call.attended()}, options);
    lse = at::empty({rows, heads}, options), inverse_rms = at::empty({rows}, options);
    h = scratch.take(rows * d);
    qkv_data = qkv.data_ptr<float>(), attended_data = attended.data_ptr<float>(),
    lse_data = lse.data_ptr<float>(), rms_data = inverse_rms.data_ptr<float>();
  } else {
    h = scratch.take(rows * (d + call.columns() + call.attended() + heads + 1));
    qkv_data = h + rows * d, attended_data = qkv_data + rows * call.columns(),
    lse_data = attended_data + rows * call.attended(), rms_data = lse_data + rows * heads;
  }
  const float* x_data = x.const_data_ptr<float>();
  rms_norm_rows(x_data, w.norm_D.const_data_ptr<float>(), eps, rows, d, h, rms_data);
  product(h, rows, d, {&w.q, &w.k, &w.v}, qkv_data, false);
  const RotaryTable table =
      rotary_table_for(positions.const_data_ptr<int64_t>(), rows, call.shape.width / 2, theta);
  rotate_rows(qkv_data, call.columns(), positions.const_data_ptr<int64_t>(), table, 1.0f, rows,
              heads + kv_heads, call.shape.width / 2, qkv_data, call.columns());
  attend(call.inputs(qkv_data), call.shape, static_cast<float>(scale), layer, context,
         attended_data, lse_data);
  copy_rows(x_data, rows, d, y.data_ptr<float>());
  product(attended_data, rows, call.attended(), {&w.o}, y.data_ptr<float>(), true);
  if (!recording) return y;
  const auto node = make_node<AttentionBlockNode>();
  node->set_next_edges(gradient_edges({&x, &w.norm_D, &w.q, &w.k, &w.v, &w.o}));
  node->x_kept = Kept(x), node->qkv = qkv, node->attended = attended, node->lse = lse,
  node->inverse_rms = inverse_rms, node->positions = positions;
  node->w = w, node->trees = context.trees, node->call = call, node->table = table,
  node->scale = static_cast<float>(scale), node->eps = eps;
  torch::autograd::set_history(y, node);
  return y;
}

}  // namespace slipway
