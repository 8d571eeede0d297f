// The host's fused operators, each with its backward, under the names that model plugins call
// (plugin_api/include/slipway/model.h).
#pragma once
#include "compute/torch.h"

namespace slipway {

// Registers them with LibTorch's dispatcher: slipway::embedding_v1 and linear_v1
// (operators/linear.h), rms_norm_v1, rope_v1, swiglu_v1, attention_v1 (operators/attention.h),
// attention_block_v1 and swiglu_block_v1 (operators/blocks.h). Idempotent, any thread.
void register_operators();

// Each throws Error, with its plugin's name for it, on operands that do not fit.
// x [.., d], w [d] -> [.., d]: over the last dimension
at::Tensor rms_norm(const at::Tensor& x_TD, const at::Tensor& w_D, double eps);
// x [T, H, D] rotated by positions [T] (int64), base theta
at::Tensor rope(const at::Tensor& x_THD, const at::Tensor& positions_T, double theta);
// silu(gate) * up, of one shape
at::Tensor swiglu(const at::Tensor& gate_TF, const at::Tensor& up_TF);
// Log-probability of targets [N] (int64, all valid) under softmax(logits [N, V]); not recorded by
// autograd. With `grad_NV`
// ([N, V], contiguous; may be the logits themselves): written there is `coefficient` times the
// gradient of their sum in the logits. With `smoothing` e each is (1 - e) log p(target) + e times
// the mean of log p over the vocabulary.
at::Tensor token_logprobs(const at::Tensor& logits_NV, const at::Tensor& targets_N,
                          double coefficient = 0, at::Tensor* grad_NV = nullptr,
                          double smoothing = 0);

}  // namespace slipway
