// The two halves of a decoder block as one operator each, with hand-written backward: what lies
// between their products is never kept longer than it is used, and the backward pass computes anew
// what is cheap.
#pragma once
#include "compute/torch.h"
#include "operators/attention.h"

namespace slipway {

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

// Rows that it works on together where nothing is recorded: bounds the memory of a long prompt.
constexpr int64_t kSwiGluRows = 1024;

// x + down(silu(gate h) * (up h)), h = rms_norm(x): x [T, d]. Throws Error on shapes that do not
// fit. Differentiable.
at::Tensor swiglu_block(const at::Tensor& x_TD, const SwiGluWeights& weights, double eps);

}  // namespace slipway
