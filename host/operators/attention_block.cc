// The attention half of a decoder block.
#include <torch/csrc/autograd/functions/utils.h>

#include "base/error.h"
#include "base/trace.h"
#include "operators/adapters.h"
#include "operators/attention.h"
#include "operators/attention_call.h"
#include "operators/between.h"
#include "operators/block_ends.h"
#include "operators/block_gradients.h"
#include "operators/blocks.h"
#include "operators/call_memory.h"
#include "operators/context_plan.h"
#include "operators/kept.h"
#include "operators/linear.h"
#include "operators/operands.h"
#include "operators/projected_heads.h"
#include "operators/rotary.h"
#include "operators/rounded_once.h"

namespace slipway {
namespace {

const at::Tensor kNoBias;

Norm first_norm(const AttentionBlock& b) { return {b.norm, b.norm_bias, b.norm_kind, b.eps}; }
BlockEnd attention_end(const AttentionBlock& b) {
  return {b.o, b.o_bias, {b.post_norm, kNoBias, b.norm_kind, b.eps}, b.residual};
}

// One product gives the rows of q, k and v.
ProductWeights inputs_of(const AttentionBlock& b) { return {&b.q, &b.k, &b.v}; }

// What the backward pass needs. qkv [T, columns] as attention took them, or, where q or k are
// normed, as they were before that.
struct AttentionKept {
  Kept x;
  at::Tensor qkv, attended, lse, moments, positions;
  at::Tensor before, after;  // of a norm of the result: what it was of, and its moments
};

struct AttentionBlockNode : torch::autograd::Node {
  AttentionKept kept;
  AttentionBlock block;
  ProductAdapters in_adapters, out_adapters;
  std::shared_ptr<const ContextPlan> plan;
  AttentionCall call{};
  RotaryAngles angles{};

  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override;
  void release_variables() override {
    kept = {};
    block = {};
    in_adapters = out_adapters = {};
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

// The same in `memory` in any case.
float* copy(Kernels& kernels, const at::Tensor& kept, float* memory) {
  if (const float* values = widen(kernels, kept, memory); values != memory)
    kernels.add_scaled(nullptr, 1.0f, values, kept.numel(), memory);
  return memory;
}

// Attention's own backward pass: gradients of the rows that it took, in d_qkv [T, columns].
void attend_backward(Kernels& kernels, const AttentionBlockNode& n, const float* qkv,
                     const float* attended, const float* d_attended, float* delta, float* d_qkv) {
  float *const d_k = d_qkv + n.call.attended(), *const d_v = d_k + n.call.cached();
  kernels.attention_backward(n.call.parts(qkv, n.block), n.plan->attention, attended,
                             n.kept.lse.const_data_ptr<float>(), d_attended, delta, d_qkv, d_k,
                             d_v);
}

torch::autograd::variable_list AttentionBlockNode::apply(torch::autograd::variable_list&& grads) {
  if (!kept.x.defined())
    fail("{}: backward a second time; what it needs was freed after the first", call.op);
  const at::Tensor& x = kept.x.of(call.op);
  const TraceScope trace("operator", "attention_block backward", "tokens", call.rows);
  const at::NoGradGuard no_grad;
  const at::Tensor dy_TD = grads[0].contiguous();
  const int64_t rows = call.rows, d = call.hidden, attended_columns = call.attended();
  const float* const dy = dy_TD.const_data_ptr<float>();
  Kernels& kernels = kernels_of(x);
  const Norm norm = first_norm(block);
  const BlockEnd end = attention_end(block);
  const ProjectedHeads heads(call, block, angles, kept.positions.const_data_ptr<int64_t>());
  const Between between(kept.qkv, kernels, call.op);
  const int64_t widened = between.bfloat16() ? rows : 0,
                copied = heads.are_normed() ? rows : widened;
  static thread_local Scratch scratch;
  const CallMemory<12> memory(
      scratch, x,
      {rows * attended_columns, rows * call.columns(), rows * call.shape.heads,
       between.floats(rows, d), rows * d, 2 * rows, copied * call.columns(),
       widened * attended_columns, end.wants_room() ? rows * d : 0, heads.moments(),
       room_for_rounded(x, kernels, rows * d),
       room_for_rounded(x, kernels, rows * call.columns())});
  const auto [d_attended, d_qkv, delta, h_memory, dh, again, qkv_memory, attended_memory, end_room,
              head_moments, d_out_memory, d_qkv_memory] = memory.parts;
  const auto targets = gradient_targets(block.weights());
  const auto& [d_norm, d_norm_bias, dq, dk, dv, d_o, d_q_bias, d_k_bias, d_v_bias, d_o_bias,
               d_q_norm, d_k_norm, d_post] = targets;
  const Values attended = Between::of(kept.attended);
  const float* const d_out =
      end.backward(x, dy, rows, d, end.post ? kept.before.const_data_ptr<float>() : nullptr,
                   end.post ? end.post.moments(kept.after.data_ptr<float>(), rows) : NormMoments{},
                   end_room, d_o_bias.data(), d_post.data());
  const ConstValues d_out_once = rounded_once(x, kernels, d_out, rows * d, d_out_memory);
  input_gradient(d_out_once, d, rows, {&block.o}, attended_columns, d_attended);
  out_adapters.add_gradients(d_out, d, attended, rows, attended_columns, d_attended);
  const WeightGradient d_output{d_o.data(), d};
  kernels.weight_gradients(d_out_once, d, attended, attended_columns, rows, attended_columns,
                           {&d_output, 1});
  // Where q and k are normed, what attention took is computed anew.
  const float* qkv = heads.are_normed() ? copy(kernels, kept.qkv, qkv_memory)
                                        : widen(kernels, kept.qkv, qkv_memory);
  if (heads.are_normed()) heads.turn(kernels, qkv_memory, head_moments);
  attend_backward(kernels, *this, qkv, widen(kernels, kept.attended, attended_memory), d_attended,
                  delta, d_qkv);
  if (heads.are_normed()) qkv = widen(kernels, kept.qkv, qkv_memory);
  heads.turn_back(x, qkv, head_moments, d_qkv, d_q_norm.data(), d_k_norm.data());
  heads.bias_gradients(x, d_qkv, d_q_bias.data(), d_k_bias.data(), d_v_bias.data());
  // What the norm gave costs one pass; keeping it would cost its memory through all later blocks.
  const ConstValues h = begin_block(kernels, norm, x.const_data_ptr<float>(), rows, d,
                                    between.in(h_memory), norm.moments(again, rows));
  const WeightGradient d_inputs[] = {
      {dq.data(), block.q.size(0)}, {dk.data(), call.cached()}, {dv.data(), call.cached()}};
  const ProductWeights inputs = inputs_of(block);
  const ConstValues d_qkv_once =
      rounded_once(x, kernels, d_qkv, rows * call.columns(), d_qkv_memory);
  kernels.weight_gradients(d_qkv_once, call.columns(), h, d, rows, d, {d_inputs, inputs.size()});
  input_gradient(d_qkv_once, call.columns(), rows, inputs, d, dh);
  in_adapters.add_gradients(d_qkv, call.columns(), h, rows, d, dh);
  at::Tensor dx_TD = at::empty_like(x);
  begin_block_backward(x, norm, dh, norm.moments(again, rows), dy, dx_TD.data_ptr<float>(),
                       d_norm.data(), d_norm_bias.data());
  return with_gradients(dx_TD, targets);
}

// The forward pass; what it keeps, if it is recorded.
class AttentionForward {
 public:
  AttentionForward(const AttentionCall& call, const AttentionBlock& block, const at::Tensor& x,
                   const at::Tensor& positions, bool recording)
      : call_(call),
        block_(block),
        x_(x),
        positions_(positions),
        recording_(recording),
        kernels_(kernels_of(x)),
        between_(kernels_) {}

  at::Tensor run(const AttentionContext& context, int64_t layer, const RotaryAngles& angles) {
    const int64_t rows = call_.rows, d = call_.hidden;
    const Norm norm = first_norm(block_);
    const BlockEnd end = attention_end(block_);
    const ProjectedHeads heads(call_, block_, angles, positions_.const_data_ptr<int64_t>());
    const int64_t not_kept = recording_ ? 0 : rows, rounded = between_.bfloat16() ? not_kept : 0;
    // Attention itself computes on float32: what is kept otherwise has a float32 twin here.
    const bool twin = between_.bfloat16() || !recording_;
    static thread_local Scratch scratch;
    const CallMemory<10> memory(
        scratch, x_,
        {between_.floats(rows, d), twin || heads.are_normed() ? rows * call_.columns() : 0,
         twin ? rows * call_.attended() : 0, not_kept * call_.shape.heads, 2 * not_kept,
         between_.floats(rounded, call_.columns()), between_.floats(rounded, call_.attended()),
         heads.moments(), end.post ? not_kept * d : 0, 2 * not_kept});
    auto [h_memory, qkv, attended, lse, moments, qkv_memory, attended_memory, head_moments, before,
          after] = memory.parts;
    Values qkv_kept = between_.in(qkv_memory), attended_kept = between_.in(attended_memory);
    if (recording_) {
      keep_memory(end);
      qkv_kept = Between::of(kept.qkv), attended_kept = Between::of(kept.attended);
      lse = kept.lse.data_ptr<float>(), moments = kept.moments.data_ptr<float>();
      if (end.post) before = kept.before.data_ptr<float>(), after = kept.after.data_ptr<float>();
      if (!twin) attended = attended_kept.floats;
      if (!twin && !heads.are_normed()) qkv = qkv_kept.floats;
    }
    const float* const x = x_.const_data_ptr<float>();
    const ConstValues h =
        begin_block(kernels_, norm, x, rows, d, between_.in(h_memory), norm.moments(moments, rows));
    product(h, rows, d, inputs_of(block_), nullptr, qkv);
    heads.add_biases(kernels_, qkv);
    if (heads.are_normed()) settle(qkv, qkv_kept);
    heads.turn(kernels_, qkv, head_moments);
    if (!heads.are_normed()) settle(qkv, qkv_kept);
    attend(kernels_, call_.parts(qkv, block_), layer, context, attended, lse);
    if (between_.bfloat16())
      kernels_.round_values(attended, rows * call_.attended(), attended_kept.bfloats);
    at::Tensor y = at::empty({rows, d}, x_.options());
    end.forward(kernels_, between_.bfloat16() ? attended_kept : attended, rows, call_.attended(), x,
                before, end.post.moments(after, rows), y.data_ptr<float>());
    return y;
  }

  AttentionKept kept;

 private:
  void keep_memory(const BlockEnd& end) {
    const auto options = x_.options();
    kept.x = Kept(x_), kept.positions = positions_;
    kept.qkv = between_.tensor(call_.rows, call_.columns(), options);
    kept.attended = between_.tensor(call_.rows, call_.attended(), options);
    kept.lse = at::empty({call_.rows, call_.shape.heads}, options);
    const Norm norm = first_norm(block_);
    kept.moments = at::empty({norm.numbers(), call_.rows}, options);
    if (!end.post) return;
    kept.before = at::empty({call_.rows, call_.hidden}, options);
    kept.after = at::empty({end.post.numbers(), call_.rows}, options);
  }
  // Puts qkv where it is kept. The backward pass will see rounded values, so the forward pass does.
  void settle(float* qkv, const Values& to) {
    const int64_t count = call_.rows * call_.columns();
    if (between_.bfloat16()) {
      kernels_.round_values(qkv, count, to.bfloats);
      kernels_.widen_values(to.bfloats, count, qkv);
    } else if (recording_ && to.floats != qkv) {
      kernels_.add_scaled(nullptr, 1.0f, qkv, count, to.floats);
    }
  }

  const AttentionCall& call_;
  const AttentionBlock& block_;
  const at::Tensor &x_, &positions_;
  const bool recording_;
  Kernels& kernels_;
  const Between between_;
};

at::Tensor run_attention(const char* op, const at::Tensor& x_in, const AttentionBlock& block,
                         const at::Tensor& positions_in, int64_t layer, int64_t handle) {
  const AttentionCall call = checked_attention(op, x_in, block, positions_in);
  const TraceScope trace("operator", "attention_block", "tokens", call.rows);
  const AttentionContext& context = AttentionContext::of(handle, call.rows, call.shape, layer);
  const at::Tensor x = x_in.contiguous(), positions = positions_in.contiguous();
  const auto weights = block.weights();
  const ProductAdapters in_adapters(inputs_of(block)), out_adapters({&block.o});
  const bool recording = context.mode == AttentionContext::Mode::kPacked &&
                         (records(x, weights) || in_adapters.recorded() || out_adapters.recorded());
  const RotaryAngles angles =
      block.inverse_frequencies.defined()
          ? rotary_angles(positions, block.inverse_frequencies, block.rotary_scale)
          : RotaryAngles{};
  AttentionForward forward(call, block, x, positions, recording);
  const at::Tensor y = forward.run(context, layer, angles);
  if (!recording) return y;
  const auto node = make_node<AttentionBlockNode>();
  node->set_next_edges(gradient_edges(x, weights));
  node->kept = std::move(forward.kept), node->block = block;
  node->in_adapters = in_adapters, node->out_adapters = out_adapters;
  node->plan = context_plan(context, call.shape.width), node->call = call, node->angles = angles;
  torch::autograd::set_history(y, node);
  return y;
}

}  // namespace

at::Tensor attention_block(const at::Tensor& x, const AttentionBlock& block,
                           const at::Tensor& positions, int64_t layer, int64_t context) {
  return run_attention("slipway::attention_block_v2", x, block, positions, layer, context);
}

at::Tensor attention_block(const at::Tensor& x, const AttentionWeights& w,
                           const at::Tensor& positions, int64_t heads, int64_t kv_heads, double eps,
                           double theta, double scale, int64_t layer, int64_t context) {
  constexpr const char* kName = "slipway::attention_block_v1";
  if (heads < 1 || !w.q.defined() || w.q.dim() != 2 || w.q.size(0) < 1 || w.q.size(0) % heads != 0)
    fail("{}: the rows of q must divide into {} heads; q is {}", kName, heads, described(w.q));
  AttentionBlock block;
  block.norm = w.norm_D, block.q = w.q, block.k = w.k, block.v = w.v, block.o = w.o;
  block.heads = heads, block.kv_heads = kv_heads, block.width = w.q.size(0) / heads;
  if (block.width % 2 != 0) fail("{}: a head's width must be even, it is {}", kName, block.width);
  block.eps = eps, block.scale = scale;
  block.inverse_frequencies = rotary_frequency_tensor(block.width / 2, theta);
  if (!w.norm_D.defined() || !w.k.defined() || !w.v.defined())
    fail("{}: expects norm, q, k, v and o", kName);
  return run_attention(kName, x, block, positions, layer, context);
}

}  // namespace slipway
