// Attention of a context (attention.h) by the accelerator's kernels.
#pragma once
#include <memory>

#include "kernels/kernels.h"
#include "operators/attention.h"

namespace slipway {

// What a context says, in the device's memory: made once, read by every layer and by the backward
// pass.
struct DevicePlan {
  at::Tensor memory;                // owns what the rest points into
  AttentionPlan tables{};           // kPacked
  const int64_t* places = nullptr;  // kPacked with a cache: where each token's key and value go
  DecodeRows rows{};                // kDecode
  int64_t tile = 0;                 // kPacked: that the tables were made for
  std::shared_ptr<const DevicePlan> other{};  // of the same context and another tile
};

// The context's plan for heads of a width; kept in the context. Throws Error when the device cannot
// attend with such heads.
std::shared_ptr<const DevicePlan> device_plan(const AttentionContext& context, int64_t head_width);

// Rows as the kernels take them.
AttentionRows device_rows(const AttentionInputs& in, const HeadShape& shape, float scale,
                          int64_t tokens);

// As attend(), on memory of the device. Throws Error when the device cannot attend with such heads.
void device_attend(const AttentionRows& in, int64_t layer, const AttentionContext& context,
                   float* out, float* lse);

// dq, dk and dv lie as q, k and v do, and are written.
void device_attention_backward(const AttentionRows& in, const DevicePlan& plan,
                               const at::Tensor& out, const at::Tensor& lse,
                               const at::Tensor& d_out, float* dq, float* dk, float* dv);

}  // namespace slipway
