// Attention over a packed batch, backward: scores are computed anew from the forward's log-sums. One kernel gives dq by blocks of
// queries, one dk and dv by blocks of keys; no sum is shared between blocks, so gradients are the same on every call.
#pragma once
#include "device/cuda/attention_tiles.h"

namespace slipway::cuda {

template <int kWidth>
constexpr int kBackwardShared = (4 * kTile * kStride<kWidth> + kTile * kScoreStride + 2 * kTile) * static_cast<int>(sizeof(float));

// delta [T, heads] = out . d_out. One warp a token and head.
__global__ inline void attention_delta_kernel(const float* out, const float* d_out, int64_t rows, int64_t width, float* delta) {
  const int64_t row = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / kWarp;
  float sum = 0;
  for (int64_t i = threadIdx.x % kWarp; row < rows && i < width; i += kWarp) sum += out[row * width + i] * d_out[row * width + i];
  sum = sum_of_lanes<kWarp>(sum);
  if (row < rows && threadIdx.x % kWarp == 0) delta[row] = sum;
}

struct BackwardInputs {
  AttentionRows in;
  const float *lse, *delta, *d_out;
};

// Shared memory of a block of threads: four tiles, the scores' gradients, and lse and delta of the queries.
template <int kWidth>
struct BackwardTiles {
  float *q, *d_out, *k, *v, *scores, *lse, *delta;
  __device__ BackwardTiles() {
    q = launched_shared<float>();
    d_out = q + kTile * kStride<kWidth>, k = d_out + kTile * kStride<kWidth>, v = k + kTile * kStride<kWidth>;
    scores = v + kTile * kStride<kWidth>, lse = scores + kTile * kScoreStride, delta = lse + kTile;
  }
  // Queries first .. first + count of a head.
  __device__ void load_queries(const BackwardInputs& b, int64_t head, int64_t first, int count) {
    const int width = static_cast<int>(b.in.width);
    const auto token = [&](int r) { return first + r; };
    load_tile<kWidth>(b.in.q + head * width, b.in.q_row, width, count, token, q);
    load_tile<kWidth>(b.d_out + head * width, b.in.heads * width, width, count, token, d_out);
    for (int r = static_cast<int>(threadIdx.x); r < kTile; r += kTileThreads) {
      lse[r] = r < count ? b.lse[(first + r) * b.in.heads + head] : 0;
      delta[r] = r < count ? b.delta[(first + r) * b.in.heads + head] : 0;
    }
  }
};

template <int kWidth>
__global__ void attention_dq_kernel(BackwardInputs b, const QueryBlock* blocks, float* dq) {
  BackwardTiles<kWidth> tiles;
  const VisibleKeys keys{blocks[blockIdx.x]};
  const Lane lane;
  const int64_t head = blockIdx.y, kv_head = head / (b.in.heads / b.in.kv_heads);
  const int width = static_cast<int>(b.in.width), total = keys.count();
  tiles.load_queries(b, head, keys.block.query, keys.block.queries);
  Accumulator<kWidth> sum;
  sum.clear();
  for (int first = 0; first < total; first += kTile) {
    const auto token = [&](int r) { return keys.token(first + r); };
    load_tile<kWidth>(b.in.k + kv_head * width, b.in.kv_row, width, total - first, token, tiles.k);
    load_tile<kWidth>(b.in.v + kv_head * width, b.in.kv_row, width, total - first, token, tiles.v);
    __syncthreads();
    float s[kRows][4], dp[kRows][4];
    products_of_rows<kWidth>(lane, tiles.q, tiles.k, s);
    products_of_rows<kWidth>(lane, tiles.d_out, tiles.v, dp);
    for (int i = 0; i < kRows; ++i) {
      const int row = lane.y * kRows + i;
      for (int j = 0; j < 4; ++j) {
        const int key = lane.x + 16 * j;
        const bool seen = row < keys.block.queries && keys.sees(row, first + key);
        tiles.scores[row * kScoreStride + key] = seen ? b.in.scale * expf(s[i][j] * b.in.scale - tiles.lse[row]) * (dp[i][j] - tiles.delta[row]) : 0.0f;
      }
    }
    __syncthreads();
    sum.template add<false>(lane, tiles.scores, tiles.k);
    __syncthreads();
  }
  for (int i = 0; i < kRows; ++i)
    if (const int row = lane.y * kRows + i; row < keys.block.queries) sum.write(lane, i, 1.0f, width, dq + (keys.block.query + row) * b.in.q_row + head * width);
}

template <int kWidth>
__global__ void attention_dkv_kernel(BackwardInputs b, const KeyBlock* blocks, const QueryRun* runs, float* dk, float* dv) {
  BackwardTiles<kWidth> tiles;
  const KeyBlock block = blocks[blockIdx.x];
  const Lane lane;
  const int64_t kv_head = blockIdx.y, group = b.in.heads / b.in.kv_heads, first_key = block.key;
  const int width = static_cast<int>(b.in.width);
  const auto key_token = [&](int r) { return first_key + r; };
  load_tile<kWidth>(b.in.k + kv_head * width, b.in.kv_row, width, block.keys, key_token, tiles.k);
  load_tile<kWidth>(b.in.v + kv_head * width, b.in.kv_row, width, block.keys, key_token, tiles.v);
  Accumulator<kWidth> sum_k, sum_v;
  sum_k.clear(), sum_v.clear();
  for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head)
    for (int run = 0; run < block.runs; ++run) {
      const QueryRun queries = runs[block.first_run + run];
      for (int first = queries.causal ? block.key : queries.begin; first < queries.end; first += kTile) {
        const int count = queries.end - first < kTile ? queries.end - first : kTile;
        __syncthreads();
        tiles.load_queries(b, head, first, count);
        __syncthreads();
        float s[kRows][4], dp[kRows][4];
        products_of_rows<kWidth>(lane, tiles.q, tiles.k, s);
        products_of_rows<kWidth>(lane, tiles.d_out, tiles.v, dp);
        for (int i = 0; i < kRows; ++i) {
          const int row = lane.y * kRows + i;
          for (int j = 0; j < 4; ++j) {
            const int key = lane.x + 16 * j;
            const bool seen = row < count && key < block.keys && (!queries.causal || first + row >= block.key + key);
            const float p = seen ? expf(s[i][j] * b.in.scale - tiles.lse[row]) : 0.0f;
            tiles.scores[row * kScoreStride + key] = p;
            dp[i][j] = b.in.scale * p * (dp[i][j] - tiles.delta[row]);
          }
        }
        __syncthreads();
        sum_v.template add<true>(lane, tiles.scores, tiles.d_out);
        __syncthreads();
        for (int i = 0; i < kRows; ++i)
          for (int j = 0; j < 4; ++j) tiles.scores[(lane.y * kRows + i) * kScoreStride + lane.x + 16 * j] = dp[i][j];
        __syncthreads();
        sum_k.template add<true>(lane, tiles.scores, tiles.q);
      }
    }
  for (int i = 0; i < kRows; ++i) {
    const int row = lane.y * kRows + i;
    if (row >= block.keys) continue;
    const int64_t at = (first_key + row) * b.in.kv_row + kv_head * width;
    sum_k.write(lane, i, 1.0f, width, dk + at);
    sum_v.write(lane, i, 1.0f, width, dv + at);
  }
}

}  // namespace slipway::cuda
