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
  for_all_places(count, in_fours(from) && in_fours(to),
                 [&](auto places) { put_values(to, places, values_at(from, places)); });
}

// to [rows, width] = rows of `from`, `row` apart, rounded. One block a row and a run of columns.
__global__ __launch_bounds__(kValueThreads) inline void round_rows_kernel(const float* from,
                                                                          int64_t row,
                                                                          int64_t width,
                                                                          uint16_t* to) {
  const int64_t first = static_cast<int64_t>(blockIdx.y) * 4 * blockDim.x,
                count = width - first < 4 * blockDim.x ? width - first : 4 * blockDim.x;
  const ConstValues x = from + blockIdx.x * row + first;
  const Values y = to + blockIdx.x * width + first;
  for_places(count, in_fours(x) && in_fours(y), threadIdx.x, blockDim.x,
             [&](auto places) { put_values(y, places, values_at(x, places)); });
}

}  // namespace slipway::cuda
