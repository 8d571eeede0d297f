// What the attention kernels share that compute in bfloat16: a block of four warps works on tiles
// of 64 rows, a warp on 16 of them. Operands are bfloat16, sums and the softmax float32.
#pragma once
#include "kernels/cuda/attention_tiles.h"
#include "kernels/cuda/matrix_fragment.h"
#include "kernels/cuda/tile_in_flight.h"

namespace slipway::cuda {

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
  // work(value) of every value.
  template <class Work>
  __device__ void each(const Work& work) {
    SLIPWAY_UNROLL
    for (SumFragment& fragment : at) {
      SLIPWAY_UNROLL
      for (float& value : fragment.at) work(value);
    }
  }
  // work(j, i): value i of fragment j.
  template <class Work>
  __device__ static void each_place(const Work& work) {
    SLIPWAY_UNROLL
    for (int j = 0; j < kFragmentTile / 8; ++j) {
      SLIPWAY_UNROLL
      for (int i = 0; i < 4; ++i) work(j, i);
    }
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

// Which keys a thread's two rows of queries see.
class SeenByRows {
 public:
  __device__ SeenByRows(const VisibleKeys& keys, const WarpPlace& place) : keys_(keys) {
    const int row = TileScores::row(place, 0);
    first_[0] = keys.first(row), first_[1] = keys.first(row + 8);
    last_[0] = keys.last(row), last_[1] = keys.last(row + 8);
  }
  // Scores of keys `first` .. that a row does not see become -INFINITY.
  __device__ void hide_others(const WarpPlace& place, int first, TileScores& s) const {
    constexpr int kLast = kFragmentTile - 1;
    if (keys_.sees(0, first + kLast) && keys_.sees(kLast, first)) return;
    TileScores::each_place([&](int j, int i) {
      const int key = first + TileScores::column(place, j, i);
      if (key < first_[i / 2] || key > last_[i / 2]) s.at[j].at[i] = -INFINITY;
    });
  }

 private:
  const VisibleKeys& keys_;
  int first_[2], last_[2];
};

// Scores in powers of two: what exp2 takes to give exp of ScoreRule's.
struct PowerScores {
  static constexpr float kLog2E = 1.4426950408889634f, kLn2 = 0.6931471805599453f;
  float scale, cap, inverse_cap;  // cap 0: none

  __device__ explicit PowerScores(const ScoreRule& rule)
      : scale(rule.scale * kLog2E),
        cap(rule.softcap > 0 ? rule.softcap * kLog2E : 0),
        inverse_cap(rule.softcap > 0 ? 1 / (rule.softcap * kLog2E) : 0) {}

  // Products of queries and keys become scores.
  __device__ void of(TileScores& s) const {
    s.each([&](float& score) { score *= scale; });
    if (cap > 0) s.each([&](float& score) { score = cap * tanhf(score * inverse_cap); });
  }
  // The slope of a score, as ScoreRule has it, in the product.
  __device__ float slope(float score) const {
    const float t = score * inverse_cap;
    return scale * kLn2 * (1 - t * t);
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
  // The thread's two rows, times a factor each.
  __device__ void scale_rows(const float (&factors)[2]) {
    SLIPWAY_UNROLL
    for (SumFragment& each : at) {
      SLIPWAY_UNROLL
      for (int i = 0; i < 4; ++i) each.at[i] *= factors[i / 2];
    }
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
