// The largest logit of a row and the first token that has it.
#pragma once
#include "kernels/cuda/dialect.h"

namespace slipway::cuda {

constexpr int kMostLikelyThreads = 256;

// The logits' order as whole numbers.
__device__ inline uint32_t order_of(float x) {
  union {
    float value;
    uint32_t bits;
  } u;
  u.value = x;
  return u.bits & 0x80000000u ? ~u.bits : u.bits | 0x80000000u;
}

// Larger for what comes first: larger logits, then smaller tokens. What is no number comes before
// all, as LibTorch's argmax has it.
__device__ inline Whole rank_of(float x, int64_t token) {
  const uint32_t order = x != x ? kAllLanes : order_of(x == 0 ? 0.0f : x);
  return static_cast<Whole>(order) << 32 | (kAllLanes - static_cast<uint32_t>(token));
}

// Every thread of a block gets it; `room` has kThreads / 32 places.
template <int kThreads>
__device__ int64_t most_likely(const float* x, int64_t width, Whole* room) {
  Whole best = 0;
  for (int64_t i = threadIdx.x; i < width; i += kThreads) best = Largest()(best, rank_of(x[i], i));
  return kAllLanes - static_cast<uint32_t>(largest_of_block<kThreads>(best, room));
}

// One block a row.
__global__ __launch_bounds__(kMostLikelyThreads) inline void most_likely_kernel(const float* x,
                                                                                int64_t width,
                                                                                int64_t* out) {
  __shared__ Whole room[kMostLikelyThreads / kWarp];
  const int64_t row = blockIdx.x,
                token = most_likely<kMostLikelyThreads>(x + row * width, width, room);
  if (threadIdx.x == 0) out[row] = token;
}

}  // namespace slipway::cuda
