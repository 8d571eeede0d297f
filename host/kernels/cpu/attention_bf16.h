// Attention whose products round their operands to bfloat16, as torch.autocast has it: queries,
// keys, values, gradients of outputs, and what scores become; scores, softmax and all sums are
// float32. Contracts as of attention_forward() and attention_backward() in attention_kernel.h.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/attention_plan.h"
#include "kernels/cpu/product_rounding.h"

namespace slipway::attention_bf16 {

// Narrower heads are computed in float32: what products read would be padding for the most part.
constexpr int64_t kNarrowest = 32;
inline bool is_chosen(int64_t width) {
  return product_rounding == Rounding::kBfloat16 && width >= kNarrowest;
}

void forward(const AttentionRows& in, const std::vector<PrefixTree>& trees, float* out, float* lse);

void backward(const AttentionRows& in, const std::vector<PrefixTree>& trees, const float* out,
              const float* lse, const float* d_out, float* delta, float* dq, float* dk, float* dv);

}  // namespace slipway::attention_bf16
