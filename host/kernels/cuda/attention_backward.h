// Attention over a packed batch, backward: scores are computed anew from the forward's log-sums.
// One kernel gives dq by blocks of queries, one dk and dv by blocks of keys; no sum is shared
// between blocks, so gradients are the same on every call.
#pragma once
#include "kernels/cuda/attention_tiles.h"
#include "kernels/cuda/query_span.h"

namespace slipway::cuda {

struct BackwardInputs {
  AttentionRows in;
  const float *lse, *delta, *d_out;
};

// Shared memory of a block of threads, backward_shared(kWidth, kTile) bytes: four tiles, the
// scores' gradients, and lse and delta of the queries.
template <int kWidth, int kTile>
struct BackwardTiles {
  static constexpr int n = kThreadRows<kTile>, kSize = kTile * kStride<kWidth>;
  float *q, *d_out, *k, *v, *scores, *lse, *delta;
  __device__ BackwardTiles() {
    q = launched_shared<float>();
    d_out = q + kSize, k = d_out + kSize, v = k + kSize;
    scores = v + kSize, lse = scores + kTile * kScoreStride<kTile>, delta = lse + kTile;
  }
  // Queries first .. first + count of a head.
  __device__ void load_queries(const BackwardInputs& b, int64_t head, int64_t first, int count) {
    const int width = static_cast<int>(b.in.width);
    const auto token = [&](int r) { return first + r; };
    load_tile<kWidth, kTile>(b.in.q + head * width, b.in.q_row, width, count, token, q);
    load_tile<kWidth, kTile>(b.d_out + head * width, b.in.heads * width, width, count, token,
                             d_out);
    for (int r = static_cast<int>(threadIdx.x); r < kTile; r += kTileThreads) {
      lse[r] = r < count ? b.lse[(first + r) * b.in.heads + head] : 0;
      delta[r] = r < count ? b.delta[(first + r) * b.in.heads + head] : 0;
    }
  }
  // This thread's part of the weights p that keys have for queries, 0 where !sees(row, key), and of
  // the scores' gradients ds.
  template <class Sees>
  __device__ void weights_and_gradients(const Lane& lane, const ScoreRule& rule, const Sees& sees,
                                        Scores<kTile>& p, Scores<kTile>& ds) const {
    products_of_rows<kWidth, kTile>(lane, q, k, p);
    products_of_rows<kWidth, kTile>(lane, d_out, v, ds);
    for (int i = 0; i < n; ++i) {
      const int row = lane.y * n + i;
      for (int j = 0; j < n; ++j) {
        const Score score(rule, p[i][j]);
        p[i][j] = sees(row, lane.x + 16 * j) ? expf(score.value - lse[row]) : 0.0f;
        ds[i][j] = score.slope * p[i][j] * (ds[i][j] - delta[row]);
      }
    }
  }
  // Puts a thread's part where the whole block finds it.
  __device__ void share(const Lane& lane, const Scores<kTile>& part) {
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j)
        scores[(lane.y * n + i) * kScoreStride<kTile> + lane.x + 16 * j] = part[i][j];
  }
};

template <int kWidth, int kTile>
__global__ __launch_bounds__(kTileThreads) void attention_dq_kernel(BackwardInputs b,
                                                                    const QueryBlock* blocks,
                                                                    float* dq) {
  constexpr int n = kThreadRows<kTile>;
  BackwardTiles<kWidth, kTile> tiles;
  const VisibleKeys keys{blocks[blockIdx.x], b.in.scores};
  const Lane lane;
  const int64_t head = blockIdx.y, kv_head = head / (b.in.heads / b.in.kv_heads);
  const int width = static_cast<int>(b.in.width), total = keys.end();
  tiles.load_queries(b, head, keys.block.query, keys.block.queries);
  Accumulator<kWidth, kTile> sum;
  sum.clear();
  for (int first = keys.begin(); first < total; first += kTile) {
    const auto token = [&](int r) { return keys.token(first + r); };
    load_tile<kWidth, kTile>(b.in.k + kv_head * width, b.in.kv_row, width, total - first, token,
                             tiles.k);
    load_tile<kWidth, kTile>(b.in.v + kv_head * width, b.in.kv_row, width, total - first, token,
                             tiles.v);
    __syncthreads();
    Scores<kTile> p, ds;
    const auto sees = [&](int row, int key) {
      return row < keys.block.queries && keys.sees(row, first + key);
    };
    tiles.weights_and_gradients(lane, b.in.scores, sees, p, ds);
    tiles.share(lane, ds);
    __syncthreads();
    sum.template add<false>(lane, tiles.scores, tiles.k);
    __syncthreads();
  }
  for (int i = 0; i < n; ++i)
    if (const int row = lane.y * n + i; row < keys.block.queries)
      sum.write(lane, i, 1.0f, width, dq + (keys.block.query + row) * b.in.q_row + head * width);
}

template <int kWidth, int kTile>
__global__ __launch_bounds__(kTileThreads) void attention_dkv_kernel(BackwardInputs b,
                                                                     const KeyBlock* blocks,
                                                                     const QueryRun* runs,
                                                                     float* dk, float* dv) {
  constexpr int n = kThreadRows<kTile>;
  BackwardTiles<kWidth, kTile> tiles;
  const KeyBlock block = blocks[blockIdx.x];
  const Lane lane;
  const int64_t kv_head = blockIdx.y, group = b.in.heads / b.in.kv_heads, first_key = block.key;
  const int width = static_cast<int>(b.in.width);
  const auto key_token = [&](int r) { return first_key + r; };
  load_tile<kWidth, kTile>(b.in.k + kv_head * width, b.in.kv_row, width, block.keys, key_token,
                           tiles.k);
  load_tile<kWidth, kTile>(b.in.v + kv_head * width, b.in.kv_row, width, block.keys, key_token,
                           tiles.v);
  Accumulator<kWidth, kTile> sum_k, sum_v;
  sum_k.clear(), sum_v.clear();
  for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head)
    for (int run = 0; run < block.runs; ++run) {
      const QueryRun queries = runs[block.first_run + run];
      const QuerySpan span(b.in.scores, block, runs[block.first_run], queries);
      for (int first = span.begin; first < span.end; first += kTile) {
        const int count = span.end - first < kTile ? span.end - first : kTile;
        __syncthreads();
        tiles.load_queries(b, head, first, count);
        __syncthreads();
        Scores<kTile> p, ds;
        const auto sees = [&](int row, int key) {
          return row < count && key < block.keys && span.sees(first + row, block.key + key);
        };
        tiles.weights_and_gradients(lane, b.in.scores, sees, p, ds);
        tiles.share(lane, p);
        __syncthreads();
        sum_v.template add<true>(lane, tiles.scores, tiles.d_out);
        __syncthreads();
        tiles.share(lane, ds);
        __syncthreads();
        sum_k.template add<true>(lane, tiles.scores, tiles.q);
      }
    }
  for (int i = 0; i < n; ++i) {
    const int row = lane.y * n + i;
    if (row >= block.keys) continue;
    const int64_t at = (first_key + row) * b.in.kv_row + kv_head * width;
    sum_k.write(lane, i, 1.0f, width, dk + at);
    sum_v.write(lane, i, 1.0f, width, dv + at);
  }
}

}  // namespace slipway::cuda
