// The parts of a row's keys (decode_attention.h) joined, in their order.
#pragma once
#include "kernels/cuda/decode_split.h"
#include "kernels/cuda/dialect.h"

namespace slipway::cuda {

constexpr int kJoinThreads = 64;

// One block a row and head.
__global__ __launch_bounds__(kJoinThreads) inline void join_parts_kernel(
    DecodeRows rows, int64_t heads, int64_t width, DecodeSplit split, const float* partial,
    float* out) {
  const int64_t row = blockIdx.x, head = row * heads + blockIdx.y;
  const int64_t parts =
      rows.slots[row] < 0
          ? 0
          : decode_parts(decode_tiles(rows.prompt_lengths[row], rows.lengths[row] + 1));
  for (int64_t i = threadIdx.x; i < width; i += kJoinThreads) {
    float sum = 0, largest = -INFINITY, total = 0;
    for (int64_t part = 0; part < parts; ++part) {
      const float* from = partial + (head * split.parts + part) * (width + 2);
      if (from[width + 1] == 0) continue;  // the row sees none of its keys
      const float most = from[width] > largest ? from[width] : largest;
      const float before = expf(largest - most), now = expf(from[width] - most);
      // Written out, so that every compiler rounds alike.
      sum = fmaf(sum, before, from[i] * now);
      total = fmaf(total, before, from[width + 1] * now);
      largest = most;
    }
    out[head * width + i] = parts == 0 ? 0 : sum / total;
  }
}

}  // namespace slipway::cuda
