// Attention's backward, whatever its products read: rounds of pairs of blocks. `Pair` is made of
// the rows, the arrays and a pair of blocks, and add() adds what the pair gives to the gradients.
#pragma once
#include <vector>

#include "compute/parallel.h"
#include "kernels/attention_plan.h"
#include "kernels/cpu/attention_pieces.h"
#include "kernels/cpu/row_kernels.h"

namespace slipway {

// As attention_backward() of attention_kernel.h has them. Rows of d_out are heads * width floats.
struct BackwardArrays {
  const float *out, *lse, *d_out;
  float *delta, *dq, *dk, *dv;
};

template <class Pair>
void attend_backward_in_rounds(const AttentionRows& in, const std::vector<PrefixTree>& trees,
                               const BackwardArrays& arrays) {
  const int64_t heads = in.heads, width = in.width;
  parallel_ranges(
      in.tokens, kValuesPerChunk / (heads * width) + 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin * heads; i < end * heads; ++i)
          arrays.delta[i] = kernels::dot(arrays.out + i * width, arrays.d_out + i * width, width);
      });
  for (const std::vector<BlockPair>& round : backward_rounds(trees, in.kv_heads, in.scores))
    parallel_chunks(static_cast<int64_t>(round.size()), [&](int64_t pair) {
      Pair(in, arrays, round[static_cast<size_t>(pair)]).add();
    });
}

}  // namespace slipway
