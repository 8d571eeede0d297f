// What the attention kernels share that compute in bfloat16: a block of four warps works on tiles
// of 64 rows in shared memory, a warp on 16 of them. Operands are rounded as they are loaded, sums
// and the softmax are float32. Widths below kWidth are filled up with zeros.
#pragma once
#include "kernels/cuda/attention_tiles.h"
#include "kernels/cuda/matrix_fragment.h"
#include "kernels/cuda/value_access.h"

namespace slipway::cuda {

constexpr int kFragmentTile = 64, kFragmentThreads = kFragmentTile / 16 * kWarp;

// A tile for products along its width: a word is two neighbours of a row. Rows are so many words
// apart that the threads of a warp meet different banks.
template <int kWidth>
constexpr int kRowWords = kWidth / 2 + 4;
// A tile for products along its rows: a word is one column of rows 2 i and 2 i + 1.
template <int kWidth>
constexpr int kPairWords = kWidth + 8;

template <int kWidth>
constexpr int kRowTileWords = kFragmentTile * kRowWords<kWidth>;
template <int kWidth>
constexpr int kPairTileWords = kFragmentTile / 2 * kPairWords<kWidth>;

// Rows of heads in global memory.
struct HeadRows {
  const float* from;  // the head's columns of row 0
  int64_t row;
  int width;

  // Columns c .. c + 3 of a row, those beyond the width 0; nothing of a row that is `absent`.
  __device__ float4 at(int64_t token, int c, bool absent) const {
    if (absent || c >= width) return {0, 0, 0, 0};
    const float* const x = from + token * row + c;
    if (reinterpret_cast<uintptr_t>(x) % 16 == 0 && c + 4 <= width)
      return *reinterpret_cast<const float4*>(x);
    return {x[0], c + 1 < width ? x[1] : 0, c + 2 < width ? x[2] : 0, c + 3 < width ? x[3] : 0};
  }
};

// Fills a tile by rows, by pairs of rows, or both (nullptr: not wanted), from rows token_of(0),
// token_of(1), ..; rows from `count` on are zeros.
template <int kWidth, class TokenOf>
__device__ inline void load_fragments(const HeadRows& from, int count, const TokenOf& token_of,
                                      uint32_t* rows, uint32_t* pairs) {
  constexpr int kFours = kWidth / 4;
  for (int at = static_cast<int>(threadIdx.x); at < kFragmentTile / 2 * kFours;
       at += kFragmentThreads) {
    const int pair = at / kFours, c = at % kFours * 4, r = 2 * pair;
    const float4 low = from.at(r < count ? token_of(r) : 0, c, r >= count),
                 high = from.at(r + 1 < count ? token_of(r + 1) : 0, c, r + 1 >= count);
    if (rows != nullptr) {
      uint32_t* const to = rows + r * kRowWords<kWidth> + c / 2;
      *reinterpret_cast<uint2*>(to) =
          uint2{bfloat16_pair(low.x, low.y), bfloat16_pair(low.z, low.w)};
      *reinterpret_cast<uint2*>(to + kRowWords<kWidth>) =
          uint2{bfloat16_pair(high.x, high.y), bfloat16_pair(high.z, high.w)};
    }
    if (pairs != nullptr)
      *reinterpret_cast<uint4*>(pairs + pair * kPairWords<kWidth> + c) =
          uint4{bfloat16_pair(low.x, high.x), bfloat16_pair(low.y, high.y),
                bfloat16_pair(low.z, high.z), bfloat16_pair(low.w, high.w)};
  }
}

// Columns 16 k .. 16 k + 15 of a warp's 16 rows of a tile by rows.
template <int kWidth>
__device__ inline LeftFragment left_of(const WarpPlace& place, const uint32_t* rows, int k) {
  const uint32_t* const x =
      rows + (place.warp * 16 + place.group) * kRowWords<kWidth> + 8 * k + place.pair;
  constexpr int kEight = 8 * kRowWords<kWidth>;
  return {{x[0], x[kEight], x[4], x[kEight + 4]}};
}

// A warp's 16 rows of a product of two tiles, [16, 64].
struct TileScores {
  SumFragment at[kFragmentTile / 8];

  // The row (0 or 1 of the thread's two) and column in the tile of value i of fragment j.
  __device__ static int row(const WarpPlace& place, int i) {
    return place.warp * 16 + place.group + 8 * (i / 2);
  }
  __device__ static int column(const WarpPlace& place, int j, int i) {
    return 8 * j + 2 * place.pair + i % 2;
  }
  // Of left(k), columns 16 k .. of the warp's rows, with the rows of a tile by rows.
  template <int kWidth, class Left>
  __device__ void multiply(const WarpPlace& place, const Left& left, const uint32_t* rows) {
    SLIPWAY_UNROLL
    for (int j = 0; j < kFragmentTile / 8; ++j) at[j].clear();
    SLIPWAY_UNROLL
    for (int k = 0; k < kWidth / 16; ++k) {
      const LeftFragment a = left(k);
      SLIPWAY_UNROLL
      for (int j = 0; j < kFragmentTile / 8; ++j) {
        const uint32_t* const x =
            rows + (8 * j + place.group) * kRowWords<kWidth> + 8 * k + place.pair;
        at[j].add(a, {{x[0], x[4]}});
      }
    }
  }
};

// A warp's 16 rows of [64, kWidth].
template <int kWidth>
struct WideSums {
  SumFragment at[kWidth / 8];

  __device__ void clear() {
    SLIPWAY_UNROLL
    for (int n = 0; n < kWidth / 8; ++n) at[n].clear();
  }
  // += scores [16, 64], rounded, times a tile by pairs of rows.
  __device__ void add(const WarpPlace& place, const TileScores& scores, const uint32_t* pairs) {
    SLIPWAY_UNROLL
    for (int k = 0; k < kFragmentTile / 16; ++k) {
      const LeftFragment a = as_left(scores.at[2 * k], scores.at[2 * k + 1]);
      SLIPWAY_UNROLL
      for (int n = 0; n < kWidth / 8; ++n) {
        const uint32_t* const x =
            pairs + (8 * k + place.pair) * kPairWords<kWidth> + 8 * n + place.group;
        at[n].add(a, {{x[0], x[4 * kPairWords<kWidth>]}});
      }
    }
  }
  // Row `half` (0: g, 1: g + 8) of the thread's two, times `factor`, to `to` [width].
  __device__ void write(const WarpPlace& place, int half, float factor, int width,
                        float* to) const {
    SLIPWAY_UNROLL
    for (int n = 0; n < kWidth / 8; ++n) {
      const int c = 8 * n + 2 * place.pair;
      if (c < width) to[c] = at[n].at[2 * half] * factor;
      if (c + 1 < width) to[c + 1] = at[n].at[2 * half + 1] * factor;
    }
  }
};

}  // namespace slipway::cuda
