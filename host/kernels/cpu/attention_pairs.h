// Attention's backward, whatever its products read: rounds of pairs of blocks. `Pair` is made of
// the rows, the arrays and a pair of blocks, and add() adds what the pair gives to the gradients.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "compute/parallel.h"
#include "kernels/attention_plan.h"
#include "kernels/cpu/attention_pieces.h"
#include "kernels/cpu/attention_rows.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/row_kernels.h"

namespace slipway {

// As attention_backward() of attention_kernel.h has them. Rows of d_out are heads * width floats.
struct BackwardArrays {
  const float *out, *lse, *d_out;
  float *delta, *dq, *dk, *dv;
};

// to [keys, width], rows `to_row` apart, becomes or, where `add` says so, grows by x [width, keys],
// rows `x_row` apart. `room`: gemm::packed_size(width, keys) floats.
inline void turn_back(const float* x, int64_t x_row, int64_t keys, int64_t width, float* room,
                      float* to, int64_t to_row, bool add) {
  const int64_t w = gemm::panel_width(), panel = gemm::panel_floats(keys);
  gemm::pack_transposed(x, x_row, width, keys, 0, gemm::panels(width), room, panel);
  for (int64_t first = 0; first < width; first += w)
    kernels::put_rows(room + first / w * panel, w, keys, std::min(w, width - first), to + first,
                      to_row, add);
}

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
