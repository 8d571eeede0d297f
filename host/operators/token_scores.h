// What the logits of label tokens say about them, and the way back, for losses that are functions
// of it.
#pragma once
#include "compute/torch.h"

namespace slipway {

struct TokenScores {
  at::Tensor logprobs_N, log_normalizers_N;  // log p(target), log(sum(exp(logits))); on the CPU
};

// logits [N, V] float32, targets [N] int64, all valid. Not recorded by autograd.
TokenScores token_scores(const at::Tensor& logits_NV, const at::Tensor& targets_N);

// The logits, contiguous, become the gradient in them of a loss whose gradients in the scores are
// given, [N] each.
void token_gradients(at::Tensor& logits_NV, const at::Tensor& targets_N, const TokenScores& scores,
                     const float* d_logprobs, const float* d_log_normalizers);

}  // namespace slipway
