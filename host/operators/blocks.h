// The two halves of a decoder block as one operator each, with hand-written backward: what lies
// between their products is never kept longer than it is used, and the backward pass computes anew
// what is cheap.
#pragma once
#include <array>

#include "compute/torch.h"
#include "kernels/row_rules.h"
#include "operators/attention.h"

namespace slipway {

// The attention half: x + residual * post_norm(o(attention(rope(qn(q h + q_bias)), rope(kn(k h +
// k_bias)), v h + v_bias)) + o_bias), h = norm(x). An undefined tensor does nothing: without norm h
// = x, without inverse frequencies nothing is rotated.
struct AttentionBlock {
  at::Tensor norm, norm_bias;                 // [d]; a bias for kLayer alone
  at::Tensor q, k, v, o;                      // [H D, d], [G D, d] twice, [d, H D]
  at::Tensor q_bias, k_bias, v_bias, o_bias;  // without k and v, q and q_bias hold all three
  at::Tensor q_norm, k_norm;                  // [D]: each head; [H D] and [G D]: the whole row
  at::Tensor post_norm;                       // [d]
  at::Tensor inverse_frequencies;             // [r / 2] on the processor: a head's first r rotate
  int64_t heads = 1, kv_heads = 1, width = 0;
  NormKind norm_kind = NormKind::kRms;
  double eps = 1e-5;
  double rotary_scale = 1;  // of cos and sin
  double scale = 1;         // of scores
  double softcap = 0;       // c > 0: scores s become c tanh(s / c)
  int64_t window = 0;       // w > 0: the query at position p sees keys p - w + 1 .. p
  double residual = 1;

  // All that gradients go to.
  std::array<const at::Tensor*, 13> weights() const {
    return {&norm,   &norm_bias, &q,      &k,      &v,      &o,        &q_bias,
            &k_bias, &v_bias,    &o_bias, &q_norm, &k_norm, &post_norm};
  }
};

// x [T, d], positions [T] int64. Throws Error, by the operator's name, on what does not fit.
// Differentiable in x and the weights where `context` is packed.
at::Tensor attention_block(const at::Tensor& x_TD, const AttentionBlock& block,
                           const at::Tensor& positions_T, int64_t layer, int64_t context);

// The feed-forward half: x + residual * post_norm(down(act(gate h + gate_bias) * (up h + up_bias))
// + down_bias), h = norm(x); without a gate act(up h + up_bias).
struct FeedForwardBlock {
  at::Tensor norm, norm_bias;  // [d]
  at::Tensor gate, up, down;   // [F, d] twice, [d, F]
  at::Tensor gate_bias, up_bias, down_bias;
  at::Tensor post_norm;  // [d]
  bool fused = false;    // up [2 F, d] and up_bias hold the gate's rows over up's
  Activation activation = Activation::kSilu;
  NormKind norm_kind = NormKind::kRms;
  double eps = 1e-5;
  double residual = 1;

  std::array<const at::Tensor*, 9> weights() const {
    return {&norm, &norm_bias, &gate, &up, &down, &gate_bias, &up_bias, &down_bias, &post_norm};
  }
};

// x [T, d]. Throws Error, by the operator's name, on what does not fit. Differentiable in x and the
// weights.
at::Tensor feed_forward_block(const at::Tensor& x_TD, const FeedForwardBlock& block);

// Rows that it works on together where nothing is recorded: bounds the memory of a long prompt.
constexpr int64_t kSwiGluRows = 1024;

// ---- Llama's ------------------------------------------------------------------------------------

struct AttentionWeights {
  at::Tensor norm_D, q, k, v, o;  // q [H D, d], k and v [G D, d], o [d, H D]
};

// x + o(attention(rope(q h), rope(k h), v h)), h = rms_norm(x): x [T, d], positions [T] int64.
// `heads` query heads over `kv_heads` key-value heads. Throws Error on shapes that do not fit.
// Differentiable in x and the weights where `context` is packed.
at::Tensor attention_block(const at::Tensor& x_TD, const AttentionWeights& weights,
                           const at::Tensor& positions_T, int64_t heads, int64_t kv_heads,
                           double eps, double theta, double scale, int64_t layer, int64_t context);

struct SwiGluWeights {
  at::Tensor norm_D, gate, up, down;  // gate and up [F, d], down [d, F]
};

// x + down(silu(gate h) * (up h)), h = rms_norm(x): x [T, d]. Throws Error on shapes that do not
// fit. Differentiable.
at::Tensor swiglu_block(const at::Tensor& x_TD, const SwiGluWeights& weights, double eps);

}  // namespace slipway
