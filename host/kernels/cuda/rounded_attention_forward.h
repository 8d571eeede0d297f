// Attention over a packed batch in bfloat16, forward: one block of threads a block of queries and
// head, the softmax kept running over tiles of keys (FlashAttention-2, Dao 2023, algorithm 1).
#pragma once
#include "kernels/cuda/attention_fragments.h"

namespace slipway::cuda {

// The running softmax of the thread's two rows, of PowerScores.
struct RunningSoftmax {
  float largest[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};

  // Makes weights of scores, which are -INFINITY where a query does not see; gives what earlier
  // sums are to be multiplied by. The first tile holds a key that every query sees: `largest` is
  // finite from there on.
  __device__ void take(TileScores& s, float (&shrink)[2]) {
    SLIPWAY_UNROLL
    for (int half = 0; half < 2; ++half) {
      float most = -INFINITY;
      SLIPWAY_UNROLL
      for (const SumFragment& each : s.at) {
        most = each.at[2 * half] > most ? each.at[2 * half] : most;
        most = each.at[2 * half + 1] > most ? each.at[2 * half + 1] : most;
      }
      most = largest_of_lanes<4>(most);
      most = most > largest[half] ? most : largest[half];
      shrink[half] = quick_exp2(largest[half] - most);
      float terms = 0;
      SLIPWAY_UNROLL
      for (SumFragment& each : s.at) {
        SLIPWAY_UNROLL
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          each.at[i] = quick_exp2(each.at[i] - most);
          terms += each.at[i];
        }
      }
      sum[half] = sum[half] * shrink[half] + sum_of_lanes<4>(terms);
      largest[half] = most;
    }
  }
};

// Shared memory: rounded_forward_shared(kWidth).
template <int kWidth>
__global__ __launch_bounds__(kFragmentThreads) void rounded_attention_kernel(
    AttentionRows in, const QueryBlock* blocks, float* out, float* lse) {
  auto* const rows = launched_shared<uint32_t>();
  uint32_t* const pairs = rows + kRowTileWords<kWidth>;
  const VisibleKeys keys{blocks[blockIdx.x], in.scores};
  const WarpPlace place;
  const int64_t head = blockIdx.y, kv_head = head / (in.heads / in.kv_heads),
                first_query = keys.block.query;
  const int width = static_cast<int>(in.width), total = keys.end();
  const HeadRows q{in.q + head * width, in.q_row, width},
      k{in.k + kv_head * width, in.kv_row, width}, v{in.v + kv_head * width, in.kv_row, width};
  load_one_tile<kWidth>(
      q, keys.block.queries, [&](int r) { return first_query + r; },
      [&](const auto& tile) { tile.put_rows(rows); });
  __syncthreads();
  LeftFragment query[kWidth / 16];
  SLIPWAY_UNROLL
  for (int w = 0; w < kWidth / 16; ++w) query[w] = left_of<kWidth>(place, rows, w);
  __syncthreads();
  WideSums<kWidth> o;
  o.clear();
  RunningSoftmax softmax;
  const PowerScores powers(in.scores);
  const SeenByRows seen(keys, place);
  const int row = TileScores::row(place, 0);
  for (int first = keys.begin(); first < total; first += kFragmentTile) {
    const auto token = [&](int r) { return keys.token(first + r); };
    load_two_tiles<kWidth>(
        k, v, total - first, token, [&](const auto& tile) { tile.put_rows(rows); },
        [&](const auto& tile) { tile.put_pairs(pairs); });
    __syncthreads();
    TileScores s;
    s.multiply<kWidth>(place, [&](int w) { return query[w]; }, rows);
    powers.of(s);
    seen.hide_others(place, first, s);
    float shrink[2];
    softmax.take(s, shrink);
    o.scale_rows(shrink);
    o.add(place, s, pairs);
    __syncthreads();
  }
  SLIPWAY_UNROLL
  for (int half = 0; half < 2; ++half) {
    if (row + 8 * half >= keys.block.queries) continue;
    const int64_t at = (first_query + row + 8 * half) * in.heads + head;
    o.write(place, half, 1.0f / softmax.sum[half], width, out + at * width);
    if (place.pair == 0)
      lse[at] = softmax.largest[half] * PowerScores::kLn2 + logf(softmax.sum[half]);
  }
}

}  // namespace slipway::cuda
