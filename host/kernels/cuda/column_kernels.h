// Biases, and the sums over rows that are gradients of biases and of norms' weights.
#pragma once
#include "kernels/cuda/value_access.h"

namespace slipway::cuda {

constexpr int kColumnThreads = 64, kBiasThreads = 256;

// One block a part of the rows and a run of columns; its sums go to its row of `partial` [parts,
// width].
__global__ __launch_bounds__(kColumnThreads) inline void column_sums_kernel(
    ConstValues x, int64_t x_row, int64_t rows, int64_t width, float* partial) {
  const int64_t part = (rows + gridDim.x - 1) / gridDim.x, first = blockIdx.x * part;
  const int64_t last = first + part < rows ? first + part : rows,
                i = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  if (i >= width) return;
  float sum = 0;
  for (int64_t row = first; row < last; ++row) sum += value_at(x, row * x_row + i);
  partial[blockIdx.x * width + i] = sum;
}

// One block a row and a run of columns.
__global__ __launch_bounds__(kBiasThreads) inline void add_bias_kernel(const float* bias,
                                                                       int64_t width, float* y,
                                                                       int64_t y_row) {
  const int64_t i = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  if (i < width) y[blockIdx.x * y_row + i] += bias[i];
}

// to[i] += the sum over parts of partial[part, i]. A block has 32 columns; each of its warps adds
// every kPartWarps-th part in ascending order, and the first adds the warps' sums likewise.
constexpr int kPartWarps = 4, kPartThreads = kPartWarps * kWarp;
__global__ __launch_bounds__(kPartThreads) inline void add_parts_kernel(const float* partial,
                                                                        int64_t parts,
                                                                        int64_t width, float* to) {
  __shared__ float sums[kPartThreads];
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kWarp + threadIdx.x % kWarp;
  float sum = 0;
  for (int64_t p = threadIdx.x / kWarp; i < width && p < parts; p += kPartWarps)
    sum += partial[p * width + i];
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x >= kWarp || i >= width) return;
  for (int warp = 1; warp < kPartWarps; ++warp) sum += sums[warp * kWarp + threadIdx.x];
  to[i] += sum;
}

}  // namespace slipway::cuda
