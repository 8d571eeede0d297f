// SPDX-License-Identifier: Apache-2.0
// blocks.hpp -- C++ sugar over the halves of a decoder block (operators.h), each one operator:
// faster than its parts, and lighter. What a family does not have is left out:
//   x = attention_block(x, positions, layer, context,
//                       {.norm = w(kNorm), .q = w(kQuery), .k = w(kKey), .v = w(kValue),
//                        .o = w(kOutput), .inverse_frequencies = frequencies, .heads = 8,
//                        .kv_heads = 2, .width = 64, .scale = 0.125, .window = 512});
//   x = feed_forward_block(x, {.norm = w(kPostNorm), .gate = w(kGate), .up = w(kUp),
//                              .down = w(kDown)});
#pragma once
#include "operators.hpp"

namespace slipway {

// H query heads over G key-value heads of width D, d the hidden size. Hidden, as LibTorch's stable
// tensors are.
struct [[gnu::visibility("hidden")]] AttentionBlock {
  OptionalTensor norm{}, norm_bias{};  // [d] of what comes in; without norm it is taken as it is
  Tensor q{};                          // [H D, d]
  OptionalTensor k{}, v{};             // [G D, d]; neither: q holds the rows of q, k and v
  Tensor o{};                          // [d, H D]
  OptionalTensor q_bias{}, k_bias{}, v_bias{}, o_bias{};  // [H D], [G D], [G D], [d]
  OptionalTensor q_norm{}, k_norm{};     // [D]: of each head; or [H D] and [G D]: of the whole row
  OptionalTensor post_norm{};            // [d] of what is added to x
  OptionalTensor inverse_frequencies{};  // [r / 2]: the first r of a head's D rotate; none: none
  int64_t heads = 1, kv_heads = 1, width = 0;
  slw_norm norm_kind = SLW_NORM_RMS;
  double eps = 1e-5;
  double rotary_scale = 1;  // of cos and sin
  double scale = 1;         // of scores
  double softcap = 0;       // 0: none
  int64_t window = 0;       // keys that a query sees, itself among them; 0: all before it
  double residual = 1;      // of what is added to x
};

struct [[gnu::visibility("hidden")]] FeedForwardBlock {
  OptionalTensor norm{}, norm_bias{};  // [d]
  OptionalTensor gate{};               // [F, d]
  Tensor up{}, down{};                 // [F, d]; [d, F]
  OptionalTensor gate_bias{}, up_bias{}, down_bias{};
  OptionalTensor post_norm{};  // [d] of what is added to x
  bool fused = false;          // `up` [2 F, d] holds the rows of gate over up's
  slw_activation activation = SLW_ACTIVATION_SILU;
  slw_norm norm_kind = SLW_NORM_RMS;
  double eps = 1e-5;
  double residual = 1;
};

namespace ops {

inline Tensor attention_block(const Tensor &x_TD, const Tensor &positions_T, int64_t layer,
                              int64_t context, const AttentionBlock &b) {
  return call("slipway::attention_block_v2", x_TD, b.norm, b.norm_bias, b.q, b.k, b.v, b.o,
              b.q_bias, b.k_bias, b.v_bias, b.o_bias, b.q_norm, b.k_norm, b.post_norm, positions_T,
              b.inverse_frequencies, b.heads, b.kv_heads, b.width, int64_t{b.norm_kind}, b.eps,
              b.rotary_scale, b.scale, b.softcap, b.window, b.residual, layer, context);
}
inline Tensor feed_forward_block(const Tensor &x_TD, const FeedForwardBlock &b) {
  return call("slipway::feed_forward_block_v1", x_TD, b.norm, b.norm_bias, b.gate, b.up, b.down,
              b.gate_bias, b.up_bias, b.down_bias, b.post_norm, int64_t{b.fused},
              int64_t{b.activation}, int64_t{b.norm_kind}, b.eps, b.residual);
}

// The same with Llama's parts alone, as 1.0 had them.
inline Tensor attention_block(const Tensor &x_TD, const Tensor &norm_D, const Tensor &q,
                              const Tensor &k, const Tensor &v, const Tensor &o,
                              const Tensor &positions_T, int64_t heads, int64_t kv_heads,
                              double eps, double theta, double scale, int64_t layer,
                              int64_t context) {
  return call("slipway::attention_block_v1", x_TD, norm_D, q, k, v, o, positions_T, heads, kv_heads,
              eps, theta, scale, layer, context);
}
inline Tensor swiglu_block(const Tensor &x_TD, const Tensor &norm_D, const Tensor &gate_FD,
                           const Tensor &up_FD, const Tensor &down_DF, double eps) {
  return call("slipway::swiglu_block_v1", x_TD, norm_D, gate_FD, up_FD, down_DF, eps);
}

}  // namespace ops
}  // namespace slipway
