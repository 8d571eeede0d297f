// Attention over a packed batch, forward: one block of threads a block of queries and head, the
// softmax kept running over tiles of keys.
#pragma once
#include "kernels/cuda/attention_tiles.h"

namespace slipway::cuda {

// Shared memory: forward_shared(kWidth, kTile).
template <int kWidth, int kTile>
__global__ __launch_bounds__(kTileThreads) void attention_forward_kernel(AttentionRows in,
                                                                         const QueryBlock* blocks,
                                                                         float* out, float* lse) {
  constexpr int n = kThreadRows<kTile>;
  float* const q = launched_shared<float>();
  float *const kv = q + kTile * kStride<kWidth>, *const p = kv + kTile * kStride<kWidth>;
  const VisibleKeys keys{blocks[blockIdx.x], in.scores};
  const Lane lane;
  const int64_t head = blockIdx.y, kv_head = head / (in.heads / in.kv_heads),
                first_query = keys.block.query;
  const int width = static_cast<int>(in.width), total = keys.end();
  const auto query = [&](int r) { return first_query + r; };
  load_tile<kWidth, kTile>(in.q + head * width, in.q_row, width, keys.block.queries, query, q);
  Accumulator<kWidth, kTile> o;
  o.clear();
  float largest[n], sum[n];
  for (int i = 0; i < n; ++i) largest[i] = -INFINITY, sum[i] = 0;
  for (int first = keys.begin(); first < total; first += kTile) {
    const auto token = [&](int r) { return keys.token(first + r); };
    load_tile<kWidth, kTile>(in.k + kv_head * width, in.kv_row, width, total - first, token, kv);
    __syncthreads();
    Scores<kTile> s;
    products_of_rows<kWidth, kTile>(lane, q, kv, s);
    for (int i = 0; i < n; ++i) {
      const int row = lane.y * n + i;
      float most = -INFINITY;
      for (int j = 0; j < n; ++j) {
        s[i][j] =
            keys.sees(row, first + lane.x + 16 * j) ? Score(in.scores, s[i][j]).value : -INFINITY;
        most = s[i][j] > most ? s[i][j] : most;
      }
      // A row's scores are with 16 neighbouring threads. The first tile holds a key that every
      // query sees: `most` is finite from there on.
      most = largest_of_lanes<16>(most);
      most = most > largest[i] ? most : largest[i];
      const float shrink = expf(largest[i] - most);
      float terms = 0;
      for (int j = 0; j < n; ++j) {
        const float term = expf(s[i][j] - most);
        p[row * kScoreStride<kTile> + lane.x + 16 * j] = term;
        terms += term;
      }
      sum[i] = sum[i] * shrink + sum_of_lanes<16>(terms);
      largest[i] = most;
      o.scale_row(i, shrink);
    }
    __syncthreads();
    load_tile<kWidth, kTile>(in.v + kv_head * width, in.kv_row, width, total - first, token, kv);
    __syncthreads();
    o.template add<false>(lane, p, kv);
    __syncthreads();
  }
  for (int i = 0; i < n; ++i) {
    const int row = lane.y * n + i;
    if (row >= keys.block.queries) continue;
    o.write(lane, i, 1.0f / sum[i], width, out + ((first_query + row) * in.heads + head) * width);
    if (lane.x == 0) lse[(first_query + row) * in.heads + head] = largest[i] + logf(sum[i]);
  }
}

}  // namespace slipway::cuda
