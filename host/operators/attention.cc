// Packed causal attention for training and prefill, cached attention for decoding.
#include "operators/attention.h"

#include <torch/csrc/autograd/functions/utils.h>

#include "base/error.h"
#include "base/trace.h"
#include "operators/call_memory.h"
#include "operators/context_plan.h"
#include "operators/kept.h"
#include "operators/key_value_cache.h"
#include "operators/operands.h"

namespace slipway {
namespace {

HeadShape shape_of(const char* op, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const bool fit = floats_together({&q, &k, &v}) && q.dim() == 3 && k.dim() == 3 &&
                   q.size(0) == k.size(0) && k.sizes() == v.sizes() && q.size(2) == k.size(2) &&
                   q.size(2) > 0 && q.size(1) > 0 && k.size(1) > 0 && q.size(1) % k.size(1) == 0;
  require_operands(fit, op, "q [T, H, D], k and v [T, G, D], float32, with H a multiple of G",
                   {&q, &k, &v});
  return {q.size(1), k.size(1), q.size(2)};
}

AttentionRows rows_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const HeadShape& shape, const ScoreRule& scores) {
  return {q.const_data_ptr<float>(),
          k.const_data_ptr<float>(),
          v.const_data_ptr<float>(),
          shape.heads * shape.width,
          shape.kv_heads * shape.width,
          q.size(0),
          shape.heads,
          shape.kv_heads,
          shape.width,
          scores};
}

struct AttentionNode : torch::autograd::Node {
  Kept q_kept, k_kept, v_kept, out_kept;
  at::Tensor lse;
  HeadShape shape;
  ScoreRule scores{};
  const char* op = nullptr;
  std::shared_ptr<const ContextPlan> plan;

  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override {
    if (!q_kept.defined())
      fail("{}: backward a second time; what it needs was freed after the first", op);
    const at::Tensor &q = q_kept.of(op), &k = k_kept.of(op), &v = v_kept.of(op),
                     &out = out_kept.of(op), d_out = grads[0].contiguous();
    at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
    static thread_local Scratch scratch;
    const CallMemory<1> delta(scratch, q, {lse.numel()});
    kernels_of(q).attention_backward(
        rows_of(q, k, v, shape, scores), plan->attention, out.const_data_ptr<float>(),
        lse.const_data_ptr<float>(), d_out.const_data_ptr<float>(), delta.parts[0],
        dq.data_ptr<float>(), dk.data_ptr<float>(), dv.data_ptr<float>());
    return {dq, dk, dv};
  }
  void release_variables() override {
    q_kept = k_kept = v_kept = out_kept = Kept();
    lse = at::Tensor();
    plan.reset();
  }
};

at::Tensor attend_to(const char* op, const at::Tensor& q_in, const at::Tensor& k_in,
                     const at::Tensor& v_in, const ScoreRule& scores, int64_t layer,
                     int64_t handle) {
  const TraceScope trace("operator", "attention");
  const HeadShape shape = shape_of(op, q_in, k_in, v_in);
  const AttentionContext& context = AttentionContext::of(handle, q_in.size(0), shape, layer);
  const at::Tensor q = q_in.contiguous(), k = k_in.contiguous(), v = v_in.contiguous();
  at::Tensor out = at::empty(q.sizes(), q.options()), lse;
  const bool packed = context.mode == AttentionContext::Mode::kPacked;
  if (packed) lse = at::empty({q.size(0), shape.heads}, q.options());
  attend(kernels_of(q), rows_of(q, k, v, shape, scores), layer, context, out.data_ptr<float>(),
         packed ? lse.data_ptr<float>() : nullptr);
  if (!packed || !at::GradMode::is_enabled() ||
      !(q.requires_grad() || k.requires_grad() || v.requires_grad()))
    return out;
  const auto node = make_node<AttentionNode>();
  node->set_next_edges(torch::autograd::collect_next_edges(q, k, v));
  node->q_kept = Kept(q), node->k_kept = Kept(k), node->v_kept = Kept(v),
  node->out_kept = Kept(out), node->lse = lse;
  node->shape = shape, node->scores = scores, node->op = op,
  node->plan = context_plan(context, shape.width);
  torch::autograd::set_history(out, node);
  return out;
}

}  // namespace

void attend(Kernels& kernels, const AttentionRows& in, int64_t layer,
            const AttentionContext& context, float* out, float* lse) {
  if (context.mode == AttentionContext::Mode::kDecode)
    return context.cache->decode(in, layer, context, out);
  if (context.cache != nullptr) return context.cache->prefill(in, layer, context, out, lse);
  kernels.attention(in, context_plan(context, in.width)->attention, out, lse);
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale,
                     int64_t layer, int64_t context) {
  return attend_to("slipway::attention_v1", q, k, v, {static_cast<float>(scale)}, layer, context);
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale,
                     double softcap, int64_t window, int64_t layer, int64_t context) {
  constexpr const char* kName = "slipway::attention_v2";
  if (!(softcap >= 0)) fail("{}: softcap must not be negative, it is {}", kName, softcap);
  if (window < 0) fail("{}: window must not be negative, it is {}", kName, window);
  return attend_to(kName, q, k, v, {static_cast<float>(scale), static_cast<float>(softcap), window},
                   layer, context);
}

}  // namespace slipway
