// What the backward pass of attention needs of each query beside the forward's log-sum.
#pragma once
#include "kernels/cuda/dialect.h"

namespace slipway::cuda {

constexpr int kDeltaThreads = 8 * kWarp;

// delta [T, heads] = out . d_out. One warp a token and head.
__global__ __launch_bounds__(kDeltaThreads) inline void attention_delta_kernel(
    const float* out, const float* d_out, int64_t rows, int64_t width, float* delta) {
  const int64_t row = own_index() / kWarp;
  float sum = 0;
  for (int64_t i = threadIdx.x % kWarp; row < rows && i < width; i += kWarp)
    sum += out[row * width + i] * d_out[row * width + i];
  sum = sum_of_lanes<kWarp>(sum);
  if (row < rows && threadIdx.x % kWarp == 0) delta[row] = sum;
}

}  // namespace slipway::cuda
