// Rounding values to bfloat16, and widening them again.
#pragma once
#include "kernels/cuda/value_access.h"

namespace slipway::cuda {

constexpr int kValueThreads = 256;

// to[i] = from[i], whatever the types of the two. Any number of blocks, four values a thread at a
// time.
__global__ __launch_bounds__(kValueThreads) inline void convert_values_kernel(ConstValues from,
                                                                              int64_t count,
                                                                              Values to) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x,
                mine = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t fours = in_fours(from) && in_fours(to) ? count / 4 : 0;
  for (int64_t i = mine; i < fours; i += stride)
    put_four_values(to, 4 * i, four_values_at(from, 4 * i));
  for (int64_t i = 4 * fours + mine; i < count; i += stride) put_value(to, i, value_at(from, i));
}

// to [rows, width] = rows of `from`, `row` apart, rounded. One block a row and a run of columns.
__global__ __launch_bounds__(kValueThreads) inline void round_rows_kernel(const float* from,
                                                                          int64_t row,
                                                                          int64_t width,
                                                                          uint16_t* to) {
  const float* const x = from + blockIdx.x * row;
  uint16_t* const y = to + blockIdx.x * width;
  const int64_t first = 4 * (static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x);
  if (first + 4 <= width && in_fours(x) && in_fours(y))
    return put_four_values(y, first, four_values_at(x, first));
  for (int64_t i = first; i < first + 4 && i < width; ++i) put_value(y, i, x[i]);
}

}  // namespace slipway::cuda
