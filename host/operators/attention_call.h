// One call of an attention block: its sizes, and its operands checked.
#pragma once
#include "operators/blocks.h"

namespace slipway {

struct AttentionCall {
  const char* op;  // the operator's name
  HeadShape shape;
  int64_t rows, hidden;
  int64_t attended() const { return shape.heads * shape.width; }
  int64_t cached() const { return shape.kv_heads * shape.width; }
  int64_t columns() const { return attended() + 2 * cached(); }  // of the fused q, k, v rows
  // Rows of q, k and v side by side.
  AttentionRows parts(const float* qkv, const AttentionBlock& block) const {
    return {qkv,
            qkv + attended(),
            qkv + attended() + cached(),
            columns(),
            columns(),
            rows,
            shape.heads,
            shape.kv_heads,
            shape.width,
            {static_cast<float>(block.scale), static_cast<float>(block.softcap), block.window}};
  }
};

// Throws Error, in the operator's name, on operands that do not fit: it says which, what it must be
// and what it was.
AttentionCall checked_attention(const char* op, const at::Tensor& x, const AttentionBlock& block,
                                const at::Tensor& positions);

}  // namespace slipway
