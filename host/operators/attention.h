// The attention operator.
#pragma once
#include "compute/torch.h"
#include "operators/attention_context.h"
#include "operators/kernels_of.h"

namespace slipway {

// Attends in rows of queries, keys and values, nothing recorded: packed (storing keys and values
// where the context says so; lse [T, heads] is written) or decoding (lse is left alone). out [T,
// heads * width]. Throws Error when the kernels cannot attend with such heads.
void attend(Kernels& kernels, const AttentionRows& in, int64_t layer,
            const AttentionContext& context, float* out, float* lse);

// q [T, H, D], k and v [T, G, D] with H a multiple of G; returns [T, H, D]. Softmax of q k^T *
// scale over the tokens that the context allows. Differentiable in kPacked. Throws Error on shapes
// that do not fit.
at::Tensor attention(const at::Tensor& q_THD, const at::Tensor& k_TGD, const at::Tensor& v_TGD,
                     double scale, int64_t layer, int64_t context);
// softcap c > 0: scores s become c tanh(s / c). window w > 0: the query at position p of its
// sequence sees the keys at p - w + 1 .. p.
at::Tensor attention(const at::Tensor& q_THD, const at::Tensor& k_TGD, const at::Tensor& v_TGD,
                     double scale, double softcap, int64_t window, int64_t layer, int64_t context);

}  // namespace slipway
