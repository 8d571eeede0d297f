// Products of small matrices by the 32 threads of a warp together: operands in bfloat16, sums in
// float32 (PTX ISA, mma.m16n8k16). Thread 4 g + t of a warp, t below 4, holds
//   of the left operand [16, 16]   rows g and g + 8, columns 2t, 2t + 1, 2t + 8, 2t + 9,
//   of the right operand [16, 8]   rows 2t, 2t + 1, 2t + 8, 2t + 9 of column g,
//   of the sums [16, 8]            rows g and g + 8, columns 2t, 2t + 1.
// Sums of two products side by side lie as a left operand of 16 columns does.
#pragma once
#include "kernels/cuda/dialect.h"

namespace slipway::cuda {

struct WarpPlace {
  int warp, group, pair;  // g and t
  __device__ WarpPlace()
      : warp(static_cast<int>(threadIdx.x) / kWarp),
        group(static_cast<int>(threadIdx.x) % kWarp / 4),
        pair(static_cast<int>(threadIdx.x) % 4) {}
};

struct LeftFragment {
  uint32_t at[4];
};
struct RightFragment {
  uint32_t at[2];
};
// at[0], at[1]: row g; at[2], at[3]: row g + 8.
struct SumFragment {
  float at[4];

  __device__ void clear() { at[0] = at[1] = at[2] = at[3] = 0; }
  __device__ void add(const LeftFragment& a, const RightFragment& b) {
    warp_multiply_add(at, a.at, b.at);
  }
};

__device__ inline LeftFragment as_left(const SumFragment& first, const SumFragment& second) {
  return {{bfloat16_pair(first.at[0], first.at[1]), bfloat16_pair(first.at[2], first.at[3]),
           bfloat16_pair(second.at[0], second.at[1]), bfloat16_pair(second.at[2], second.at[3])}};
}

}  // namespace slipway::cuda
