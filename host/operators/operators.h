// The host's fused operators, each with its backward, under the names that model plugins call
// (plugin_api/include/slipway/model.h).
#pragma once
#include "compute/torch.h"
#include "kernels/row_rules.h"

namespace slipway {

// Registers them with LibTorch's dispatcher: those below, and those of operators/linear.h,
// attention.h and blocks.h. Idempotent, any thread.
void register_operators();

// Each throws Error, with its plugin's name for it, on operands that do not fit.
// x [.., d], w [d] -> [.., d]: over the last dimension
at::Tensor rms_norm(const at::Tensor& x_TD, const at::Tensor& w_D, double eps);
// x [T, H, D] rotated by positions [T] (int64), base theta
at::Tensor rope(const at::Tensor& x_THD, const at::Tensor& positions_T, double theta);
// silu(gate) * up, of one shape
at::Tensor swiglu(const at::Tensor& gate_TF, const at::Tensor& up_TF);
// x [.., d], w [d] -> [.., d]: over the last dimension; bias [d] for kLayer alone, may be undefined
at::Tensor norm(const at::Tensor& x_TD, const at::Tensor& w_D, const at::Tensor& bias_D,
                NormKind kind, double eps);
// x [T, H, D], whose first r of D are rotated: r / 2 inverse frequencies in the processor's memory;
// cos and sin are multiplied by `scale`
at::Tensor rope(const at::Tensor& x_THD, const at::Tensor& positions_T,
                const at::Tensor& inverse_frequencies, double scale);
// act(gate) * up, of one shape; act(up) where gate is undefined
at::Tensor gated(const at::Tensor& gate_TF, const at::Tensor& up_TF, Activation activation);
at::Tensor scaled(const at::Tensor& x, double factor);
at::Tensor softcap(const at::Tensor& x, double cap);  // cap tanh(x / cap)
at::Tensor add(const at::Tensor& a, const at::Tensor& b);
// Log-probability of targets [N] (int64, all valid) under softmax(logits [N, V]); not recorded by
// autograd. With `grad_NV`
// ([N, V], contiguous; may be the logits themselves): written there is `coefficient` times the
// gradient of their sum in the logits. With `smoothing` e each is (1 - e) log p(target) + e times
// the mean of log p over the vocabulary.
at::Tensor token_logprobs(const at::Tensor& logits_NV, const at::Tensor& targets_N,
                          double coefficient = 0, at::Tensor* grad_NV = nullptr,
                          double smoothing = 0);

}  // namespace slipway
