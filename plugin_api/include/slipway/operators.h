/* SPDX-License-Identifier: Apache-2.0 */
/* operators.h -- the host's operators for models on path A (model.h), each with its backward pass,
 * called by name through torch_call_dispatcher; in C++ by operators.hpp.
 *
 * Operands are float32 (ids and positions int64), on one device, and of the shapes below; anything
 * else is refused by the operator's name. "Tensor?" may be absent. T tokens of a packed batch, d
 * the hidden size, H query heads over G key-value heads (H a multiple of G) of width D. x, and what
 * an operator was given or gave, must not be changed in place while training.
 *
 * slipway::embedding_v1(Tensor weight, Tensor ids) -> Tensor
 *   rows of weight [V, d]: ids [T] -> [T, d]
 * slipway::linear_v1(Tensor x, Tensor weight) -> Tensor
 *   x [T, k], weight [n, k] -> [T, n]; the layout that decoding wants is the host's affair
 * slipway::linear_v2(Tensor x, Tensor weight, Tensor? bias) -> Tensor                        (1.3)
 *   the same, plus a bias [n]
 * slipway::rms_norm_v1(Tensor x, Tensor weight, float eps) -> Tensor
 *   x [.., d] of any dimensions, over the last
 * slipway::norm_v2(Tensor x, Tensor weight, Tensor? bias, int kind, float eps) -> Tensor     (1.3)
 *   the same, of a kind: SLW_NORM_RMS, ...; a bias for SLW_NORM_LAYER alone
 * slipway::rope_v1(Tensor x, Tensor positions, float theta) -> Tensor
 *   x [T, H, D], positions [T]: rotary positions, the first half of a head against the second
 * slipway::rope_v2(Tensor x, Tensor positions, Tensor inverse_frequencies, float scale)
 *     -> Tensor                                                                               (1.3)
 *   the same for the first r of a head's D, r / 2 inverse frequencies in the processor's memory;
 *   cos and sin are multiplied by `scale`
 * slipway::swiglu_v1(Tensor gate, Tensor up) -> Tensor
 *   silu(gate) * up
 * slipway::gated_v1(Tensor? gate, Tensor up, int activation) -> Tensor                       (1.3)
 *   act(gate) * up, without a gate act(up): SLW_ACTIVATION_SILU, ...
 * slipway::attention_v1(Tensor q, Tensor k, Tensor v, float scale, int layer, int context)
 *     -> Tensor
 *   q [T, H, D], k and v [T, G, D] -> [T, H, D]: causal in each sequence, or over the host's cache;
 *   `context` is what forward() was given
 * slipway::attention_v2(Tensor q, Tensor k, Tensor v, float scale, float softcap, int window,
 *     int layer, int context) -> Tensor                                                       (1.3)
 *   softcap c > 0: scores s become c tanh(s / c). window w > 0: the query at position p of its
 *   sequence sees the keys at p - w + 1 .. p
 * slipway::scaled_v1(Tensor x, float factor) -> Tensor                                       (1.3)
 *   x times a number
 * slipway::softcap_v1(Tensor x, float cap) -> Tensor                                         (1.3)
 *   cap tanh(x / cap)
 * slipway::add_v1(Tensor a, Tensor b) -> Tensor                                              (1.3)
 *   a + b of one shape
 *
 * The halves of a decoder block, whose intermediate values are never kept:
 * slipway::attention_block_v1(Tensor x, Tensor norm, Tensor q, Tensor k, Tensor v, Tensor o,
 *     Tensor positions, int heads, int kv_heads, float eps, float theta, float scale, int layer,
 *     int context) -> Tensor
 *   x + o(attention(rope(q h), rope(k h), v h)), h = rms_norm(x): x [T, d], q [H D, d], k and v
 *   [G D, d], o [d, H D]
 * slipway::swiglu_block_v1(Tensor x, Tensor norm, Tensor gate, Tensor up, Tensor down, float eps)
 *     -> Tensor
 *   x + down(silu(gate h) * (up h)), h = rms_norm(x): gate, up [F, d], down [d, F]
 * slipway::attention_block_v2(Tensor x, Tensor? norm, Tensor? norm_bias, Tensor q, Tensor? k,
 *     Tensor? v, Tensor o, Tensor? q_bias, Tensor? k_bias, Tensor? v_bias, Tensor? o_bias,
 *     Tensor? q_norm, Tensor? k_norm, Tensor? post_norm, Tensor positions,
 *     Tensor? inverse_frequencies, int heads, int kv_heads, int width, int norm_kind, float eps,
 *     float rotary_scale, float scale, float softcap, int window, float residual, int layer,
 *     int context) -> Tensor                                                                  (1.3)
 *   x + residual * post_norm(o(attention(rope(qn(q h + q_bias)), rope(kn(k h + k_bias)),
 *   v h + v_bias)) + o_bias), h = norm(x). What is absent does nothing: without norm h = x, without
 *   inverse_frequencies nothing is rotated. Without k and v, q holds the rows of q, k and v one
 *   under the other, and so does q_bias. q_norm and k_norm are [D], a norm of each head, or [H D]
 *   and [G D], of the whole row. All norms are of one kind and eps; norm_bias is for
 * SLW_NORM_LAYER. Rotary positions as rope_v2, softcap and window as attention_v2.
 * slipway::feed_forward_block_v1(Tensor x, Tensor? norm, Tensor? norm_bias, Tensor? gate,
 *     Tensor up, Tensor down, Tensor? gate_bias, Tensor? up_bias, Tensor? down_bias,
 *     Tensor? post_norm, int fused, int activation, int norm_kind, float eps, float residual)
 *     -> Tensor                                                                               (1.3)
 *   x + residual * post_norm(down(act(gate h + gate_bias) * (up h + up_bias)) + down_bias),
 *   h = norm(x); without a gate act(up h + up_bias). fused = 1: `up` [2 F, d] holds the rows of
 * gate over those of up, and so does up_bias; gate and gate_bias are absent.
 */
#ifndef SLW_OPERATORS_H
#define SLW_OPERATORS_H
#include "abi.h"
SLW_EXTERN_C_BEGIN

/* How a row x becomes y, with a weight w: */
typedef int32_t slw_norm;
enum {
  SLW_NORM_RMS,          /* x / sqrt(mean(x^2) + eps) * w */
  SLW_NORM_RMS_PLUS_ONE, /* x / sqrt(mean(x^2) + eps) * (1 + w) */
  SLW_NORM_LAYER         /* (x - mean(x)) / sqrt(variance(x) + eps) * w + bias */
};

typedef int32_t slw_activation;
enum {
  SLW_ACTIVATION_SILU,      /* x / (1 + exp(-x)) */
  SLW_ACTIVATION_GELU,      /* x (1 + erf(x / sqrt(2))) / 2 */
  SLW_ACTIVATION_GELU_TANH, /* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
  SLW_ACTIVATION_RELU       /* max(x, 0) */
};

SLW_EXTERN_C_END
#endif
