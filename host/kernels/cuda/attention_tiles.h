// What the attention kernels share: a block of 256 threads works on tiles of kTile rows in shared
// memory. With n = kTile / 16, thread (x, y) of 16 x 16 owns rows n y .. n y + n - 1 of a tile; of
// a product of two tiles columns x, x + 16, ..; of a tile's width kWidth columns 4 x .. 4 x + 3 and
// those 64 further. Widths below kWidth are filled up with zeros. Which kWidth and kTile:
// attention_choice.h.
#pragma once
#include "kernels/cuda/score.h"

namespace slipway::cuda {

constexpr int kTileThreads = 256;

// Rows of a tile that a thread owns, and as many columns.
template <int kTile>
constexpr int kThreadRows = kTile / 16;
template <int kTile>
constexpr int kScoreStride = kTile + 4;
// Four floats more than the width: threads that read one column of neighbouring rows meet different
// banks.
template <int kWidth>
constexpr int kStride = kWidth + 4;

// A thread's part of a product of two tiles.
template <int kTile>
using Scores = float[kThreadRows<kTile>][kThreadRows<kTile>];

struct Lane {
  int x, y;
  __device__ Lane()
      : x(static_cast<int>(threadIdx.x) % 16), y(static_cast<int>(threadIdx.x) / 16) {}
};

// Fills a tile from rows token_of(0), token_of(1), ... of `from`, `row` floats apart; rows from
// `count` on are zeros.
template <int kWidth, int kTile, class TokenOf>
__device__ inline void load_tile(const float* from, int64_t row, int width, int count,
                                 const TokenOf& token_of, float* tile) {
  for (int at = static_cast<int>(threadIdx.x); at < kTile * kWidth; at += kTileThreads) {
    const int r = at / kWidth, c = at % kWidth;
    tile[r * kStride<kWidth> + c] = r < count && c < width ? from[token_of(r) * row + c] : 0.0f;
  }
}

// out[i][j] = row n y + i of `a` times row x + 16 j of `b`.
template <int kWidth, int kTile>
__device__ inline void products_of_rows(const Lane& lane, const float* a, const float* b,
                                        Scores<kTile>& out) {
  constexpr int n = kThreadRows<kTile>;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) out[i][j] = 0;
  SLIPWAY_UNROLL_BY_4
  for (int w = 0; w < kWidth; w += 4) {
    float4 left[n], right[n];
    for (int i = 0; i < n; ++i)
      left[i] = *reinterpret_cast<const float4*>(a + (lane.y * n + i) * kStride<kWidth> + w);
    for (int j = 0; j < n; ++j)
      right[j] = *reinterpret_cast<const float4*>(b + (lane.x + 16 * j) * kStride<kWidth> + w);
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j)
        out[i][j] += left[i].x * right[j].x + left[i].y * right[j].y + left[i].z * right[j].z +
                     left[i].w * right[j].w;
  }
}

// A thread's part of [kTile, kWidth].
template <int kWidth, int kTile>
struct Accumulator {
  static constexpr int kParts = kWidth / 64, n = kThreadRows<kTile>;
  float4 at[n][kParts];

  __device__ void clear() {
    for (int i = 0; i < n; ++i)
      for (int p = 0; p < kParts; ++p) at[i][p] = float4{0, 0, 0, 0};
  }
  __device__ void scale_row(int i, float factor) {
    for (int p = 0; p < kParts; ++p)
      at[i][p].x *= factor, at[i][p].y *= factor, at[i][p].z *= factor, at[i][p].w *= factor;
  }
  // += scores [kTile, kTile] times the tile, or with kTransposed the scores' transpose.
  template <bool kTransposed>
  __device__ void add(const Lane& lane, const float* scores, const float* tile) {
    SLIPWAY_UNROLL_BY_4
    for (int k = 0; k < kTile; ++k) {
      float factor[n];
      for (int i = 0; i < n; ++i)
        factor[i] = kTransposed ? scores[k * kScoreStride<kTile> + lane.y * n + i]
                                : scores[(lane.y * n + i) * kScoreStride<kTile> + k];
      for (int p = 0; p < kParts; ++p) {
        const float4 v =
            *reinterpret_cast<const float4*>(tile + k * kStride<kWidth> + lane.x * 4 + p * 64);
        for (int i = 0; i < n; ++i)
          at[i][p].x += factor[i] * v.x, at[i][p].y += factor[i] * v.y,
              at[i][p].z += factor[i] * v.z, at[i][p].w += factor[i] * v.w;
      }
    }
  }
  // Writes row i, times `factor`, to `to` [width].
  __device__ void write(const Lane& lane, int i, float factor, int width, float* to) const {
    for (int p = 0; p < kParts; ++p) {
      const int c = lane.x * 4 + p * 64;
      if (c < width) to[c] = at[i][p].x * factor;
      if (c + 1 < width) to[c + 1] = at[i][p].y * factor;
      if (c + 2 < width) to[c + 2] = at[i][p].z * factor;
      if (c + 3 < width) to[c + 3] = at[i][p].w * factor;
    }
  }
};

// The keys of a block of queries: the prefix, then the run's own tokens.
struct VisibleKeys {
  QueryBlock block;
  ScoreRule scores;
  // Keys [begin(), end()) are seen by some query; the tile that begins there has one for each.
  __device__ int begin() const {
    const int64_t first = scores.first_key(position(0));
    return first > 0 ? static_cast<int>(first) : 0;
  }
  __device__ int end() const {
    return block.prefix_length + block.query + block.queries - block.own;
  }
  __device__ int64_t token(int key) const {
    return key < block.prefix_length ? block.prefix + key : block.own + key - block.prefix_length;
  }
  // Of the block's query `i`: the keys it sees are first(i) .. last(i).
  __device__ int first(int i) const {
    const int64_t key = scores.first_key(position(i));
    return key > 0 ? static_cast<int>(key) : 0;
  }
  __device__ int last(int i) const { return position(i); }
  // Whether the block's query `i` sees it.
  __device__ bool sees(int i, int key) const { return key >= first(i) && key <= last(i); }

 private:
  __device__ int position(int i) const { return block.prefix_length + block.query - block.own + i; }
};

}  // namespace slipway::cuda
