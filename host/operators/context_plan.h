// What a context says, as kernels read it: made once, read by every layer and by the backward pass.
#pragma once
#include "compute/torch.h"
#include "operators/attention_context.h"

namespace slipway {

struct ContextPlan {
  // kPacked; the trees of `attention` are these
  std::shared_ptr<const std::vector<PrefixTree>> trees;
  AttentionPlan attention{};
  // on a device:
  at::Tensor memory{};              // owns what the rest points into
  const int64_t* places = nullptr;  // kPacked with a cache: where each token's key and value go
  DecodeRows rows{};                // kDecode
  int64_t tile = 0;                 // kPacked: that the tables were made for
  std::shared_ptr<const ContextPlan> other{};  // of the same context and another tile
};

// The context's plan for heads of a width, by the kernels where models compute; kept in the
// context. Throws Error when these cannot attend with such heads.
std::shared_ptr<const ContextPlan> context_plan(const AttentionContext& context,
                                                int64_t head_width);

}  // namespace slipway
