// How the attention kernels that compute in bfloat16 bring tiles of 64 rows into shared memory.
// Values are rounded on the way; widths below kWidth are filled up with zeros.
#pragma once
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

  // Whether all columns of a tile lie in fours that can be read at once.
  __device__ bool in_whole_fours(int tile_width) const {
    return width == tile_width && row % 4 == 0 && in_fours(from);
  }
  // Columns c .. c + 3 of a row, those beyond the width 0.
  __device__ float4 at(int64_t token, int c) const {
    const float* const x = from + token * row + c;
    return {c < width ? x[0] : 0, c + 1 < width ? x[1] : 0, c + 2 < width ? x[2] : 0,
            c + 3 < width ? x[3] : 0};
  }
};

// A tile on its way into shared memory, a share of it in each thread's registers: reading all of it
// first lets the reads wait for memory together. Of wide tiles half at a time: registers are few.
template <int kWidth>
class TileInFlight {
 public:
  static constexpr int kPieces = kWidth <= 64 ? 1 : 2;

  // From rows token_of(0), token_of(1), ..; rows from `count` on are zeros.
  template <class TokenOf>
  __device__ TileInFlight(const HeadRows& from, int count, const TokenOf& token_of, int piece)
      : piece_(piece) {
    // Two loops: a branch at each read would keep them from waiting together.
    if (from.in_whole_fours(kWidth))
      read_all(count, [&](int r, int c) {
        return *reinterpret_cast<const float4*>(from.from + token_of(r) * from.row + c);
      });
    else read_all(count, [&](int r, int c) { return from.at(token_of(r), c); });
  }
  __device__ void put_rows(uint32_t* rows) const {
    SLIPWAY_UNROLL
    for (int i = 0; i < kShare; ++i) {
      uint32_t* const to = rows + 2 * pair(i) * kRowWords<kWidth> + column(i) / 2;
      *reinterpret_cast<uint2*>(to) =
          uint2{bfloat16_pair(low_[i].x, low_[i].y), bfloat16_pair(low_[i].z, low_[i].w)};
      *reinterpret_cast<uint2*>(to + kRowWords<kWidth>) =
          uint2{bfloat16_pair(high_[i].x, high_[i].y), bfloat16_pair(high_[i].z, high_[i].w)};
    }
  }
  __device__ void put_pairs(uint32_t* pairs) const {
    SLIPWAY_UNROLL
    for (int i = 0; i < kShare; ++i)
      *reinterpret_cast<uint4*>(pairs + pair(i) * kPairWords<kWidth> + column(i)) =
          uint4{bfloat16_pair(low_[i].x, high_[i].x), bfloat16_pair(low_[i].y, high_[i].y),
                bfloat16_pair(low_[i].z, high_[i].z), bfloat16_pair(low_[i].w, high_[i].w)};
  }

 private:
  static constexpr int kFours = kWidth / 4,
                       kShare = kFragmentTile / 2 * kFours / kFragmentThreads / kPieces;

  // Of the thread's i-th four columns of a pair of rows.
  __device__ int at(int i) const {
    return static_cast<int>(threadIdx.x) + (piece_ * kShare + i) * kFragmentThreads;
  }
  __device__ int pair(int i) const { return at(i) / kFours; }
  __device__ int column(int i) const { return at(i) % kFours * 4; }
  template <class Read>
  __device__ void read_all(int count, const Read& read) {
    SLIPWAY_UNROLL
    for (int i = 0; i < kShare; ++i) {
      const int r = 2 * pair(i), c = column(i);
      low_[i] = r < count ? read(r, c) : float4{0, 0, 0, 0};
      high_[i] = r + 1 < count ? read(r + 1, c) : float4{0, 0, 0, 0};
    }
  }

  int piece_;
  float4 low_[kShare], high_[kShare];
};

// A tile, put where `put` says.
template <int kWidth, class TokenOf, class Put>
__device__ inline void load_one_tile(const HeadRows& from, int count, const TokenOf& token_of,
                                     const Put& put) {
  SLIPWAY_ONE_BY_ONE
  for (int piece = 0; piece < TileInFlight<kWidth>::kPieces; ++piece)
    put(TileInFlight<kWidth>(from, count, token_of, piece));
}

// Two tiles of the same rows, put where `put_first` and `put_second` say. Both are read at once
// where registers suffice.
template <int kWidth, class TokenOf, class PutFirst, class PutSecond>
__device__ inline void load_two_tiles(const HeadRows& first, const HeadRows& second, int count,
                                      const TokenOf& token_of, const PutFirst& put_first,
                                      const PutSecond& put_second) {
  if constexpr (TileInFlight<kWidth>::kPieces == 1) {
    const TileInFlight<kWidth> one(first, count, token_of, 0), other(second, count, token_of, 0);
    put_first(one), put_second(other);
  } else {
    load_one_tile<kWidth>(first, count, token_of, put_first);
    load_one_tile<kWidth>(second, count, token_of, put_second);
  }
}

}  // namespace slipway::cuda
