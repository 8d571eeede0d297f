// Kernels over rows: embedding and rotary positions. Norms and biases: norm_kernels.h; activations:
// gated_kernels.h.
#pragma once
#include "kernels/cuda/dialect.h"

namespace slipway::cuda {

constexpr int kRowThreads = 256, kEmbeddingThreads = 128, kRopeThreads = 128;

// One block a token.
__global__ __launch_bounds__(kEmbeddingThreads) inline void embedding_kernel(
    const float* w, int64_t vocab, const int64_t* ids, int64_t width, float* out) {
  const int64_t token = blockIdx.x, id = ids[token];
  for (int64_t i = threadIdx.x; i < width; i += blockDim.x)
    out[token * width + i] = id >= 0 && id < vocab ? w[id * width + i] : NAN;
}

// One block a token. The block of an id's first occurrence adds them all, in order: no atomics, so
// sums never change. An id that is none is left out.
__global__ __launch_bounds__(kRowThreads) inline void embedding_backward_kernel(
    const float* dy, const int64_t* ids, int64_t tokens, int64_t vocab, int64_t width, float* dw) {
  __shared__ int earlier;
  __shared__ int matches[kRowThreads];
  __shared__ int room[kRowThreads / kWarp];
  const int64_t token = blockIdx.x, id = ids[token];
  if (id < 0 || id >= vocab) return;
  if (threadIdx.x == 0) earlier = 0;
  __syncthreads();
  for (int64_t t = threadIdx.x; t < token; t += blockDim.x)
    if (ids[t] == id) earlier = 1;
  __syncthreads();
  if (earlier) return;
  for (int64_t first = token; first < tokens; first += blockDim.x) {
    const int64_t mine = first + threadIdx.x;
    const int match = mine < tokens && ids[mine] == id;
    if (largest_of_block<kRowThreads>(match, room) == 0) continue;
    matches[threadIdx.x] = match;
    __syncthreads();
    for (int m = 0; m < static_cast<int>(blockDim.x); ++m) {
      if (!matches[m]) continue;
      for (int64_t i = threadIdx.x; i < width; i += blockDim.x)
        dw[id * width + i] += dy[(first + m) * width + i];
    }
    __syncthreads();
  }
}

// One block a row. The angle is the float32 product that Hugging Face takes; its sine and cosine
// are made once for all heads.
__global__ __launch_bounds__(kRopeThreads) inline void rope_kernel(
    const float* x, int64_t x_row, const int64_t* positions, const float* inverse, float scale,
    float sign, int64_t heads, int64_t half, int64_t width, float* y, int64_t y_row) {
  constexpr int kAngles = 128;
  __shared__ float cosines[kAngles], sines[kAngles];
  const int64_t row = blockIdx.x;
  const auto position = static_cast<float>(positions[row]);
  const int threads = static_cast<int>(blockDim.x), mine = static_cast<int>(threadIdx.x);
  for (int64_t first = 0; first < half; first += kAngles) {
    const int angles = half - first < kAngles ? static_cast<int>(half - first) : kAngles;
    for (int i = mine; i < angles; i += threads) {
      const float angle = position * inverse[first + i];
      cosines[i] = scale * cosf(angle), sines[i] = sign * scale * sinf(angle);
    }
    __syncthreads();
    for (int p = mine; p < angles * static_cast<int>(heads); p += threads) {
      const int i = p % angles;
      const int64_t at = width * (p / angles) + first + i;
      const float a = x[row * x_row + at], b = x[row * x_row + at + half], c = cosines[i],
                  s = sines[i];
      y[row * y_row + at] = a * c - b * s;
      y[row * y_row + at + half] = b * c + a * s;
    }
    __syncthreads();
  }
  const int64_t rest = width - 2 * half;
  for (int64_t i = threadIdx.x; x != y && i < heads * rest; i += blockDim.x) {
    const int64_t at = i / rest * width + 2 * half + i % rest;
    y[row * y_row + at] = x[row * x_row + at];
  }
}

}  // namespace slipway::cuda
