// The operators of blocks.h and rotary positions by the accelerator's kernels.
#pragma once
#include "operators/blocks.h"

namespace slipway {

// Operands are checked already, and contiguous.
at::Tensor device_attention_block(const at::Tensor& x_TD, const AttentionWeights& weights,
                                  const at::Tensor& positions_T, const HeadShape& shape, double eps,
                                  double theta, double scale, int64_t layer,
                                  const AttentionContext& context);
at::Tensor device_swiglu_block(const at::Tensor& x_TD, const SwiGluWeights& weights, double eps);

// rotary_frequencies(half, theta) in the device's memory, for the process's life.
const float* device_frequencies(int64_t half, double theta);

}  // namespace slipway
