// Kernels over rows: embedding, RMSNorm, rotary positions, SwiGLU.
#pragma once
#include "kernels/cuda/dialect.h"

namespace slipway::cuda {

constexpr int kRowThreads = 256, kEmbeddingThreads = 128, kColumnThreads = 64, kRopeThreads = 64;

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
    matches[threadIdx.x] = mine < tokens && ids[mine] == id;
    __syncthreads();
    for (int m = 0; m < static_cast<int>(blockDim.x); ++m) {
      if (!matches[m]) continue;
      for (int64_t i = threadIdx.x; i < width; i += blockDim.x)
        dw[id * width + i] += dy[(first + m) * width + i];
    }
    __syncthreads();
  }
}

// One block a row.
__global__ __launch_bounds__(kRowThreads) inline void rms_norm_kernel(const float* x,
                                                                      const float* w, float eps,
                                                                      int64_t width, float* y,
                                                                      float* inverse_rms) {
  __shared__ float room[kRowThreads / kWarp];
  const int64_t row = blockIdx.x;
  x += row * width, y += row * width;
  float sum = 0;
  for (int64_t i = threadIdx.x; i < width; i += kRowThreads) sum += x[i] * x[i];
  const float scale =
      1.0f / sqrtf(sum_of_block<kRowThreads>(sum, room) / static_cast<float>(width) + eps);
  if (threadIdx.x == 0) inverse_rms[row] = scale;
  for (int64_t i = threadIdx.x; i < width; i += kRowThreads) y[i] = x[i] * scale * w[i];
}

// One block a part of the rows; what it adds to the weight's gradient goes to its row of `partial`
// [parts, width].
__global__ __launch_bounds__(kRowThreads) inline void rms_norm_backward_kernel(
    const float* grad_y, const float* x, const float* w, const float* inverse_rms,
    const float* residual, int64_t rows, int64_t width, float* grad_x, float* partial) {
  __shared__ float room[kRowThreads / kWarp];
  const int64_t part = (rows + gridDim.x - 1) / gridDim.x, first = blockIdx.x * part;
  const int64_t last = first + part < rows ? first + part : rows;
  partial += blockIdx.x * width;
  // A thread meets the same columns in every row: what lies in `partial` is its own.
  for (int64_t i = threadIdx.x; i < width; i += kRowThreads) partial[i] = 0;
  for (int64_t row = first; row < last; ++row) {
    const float *g = grad_y + row * width, *in = x + row * width, scale = inverse_rms[row];
    float dot = 0;
    for (int64_t i = threadIdx.x; i < width; i += kRowThreads) dot += g[i] * w[i] * in[i];
    const float pull =
        sum_of_block<kRowThreads>(dot, room) * scale * scale * scale / static_cast<float>(width);
    for (int64_t i = threadIdx.x; i < width; i += kRowThreads) {
      const float gradient = g[i] * w[i] * scale - in[i] * pull;
      partial[i] += g[i] * in[i] * scale;
      grad_x[row * width + i] =
          residual == nullptr ? gradient : gradient + residual[row * width + i];
    }
  }
}

// to[i] += the sum over parts of partial[part, i], in ascending order. One thread a column.
__global__ __launch_bounds__(kColumnThreads) inline void add_parts_kernel(const float* partial,
                                                                          int64_t parts,
                                                                          int64_t width,
                                                                          float* to) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= width) return;
  float sum = 0;
  for (int64_t p = 0; p < parts; ++p) sum += partial[p * width + i];
  to[i] += sum;
}

// One block a row; a thread turns one pair in every head. The angle is the float32 product that
// Hugging Face takes.
__global__ __launch_bounds__(kRopeThreads) inline void rope_kernel(const float* x, int64_t x_row,
                                                                   const int64_t* positions,
                                                                   const float* inverse, float sign,
                                                                   int64_t heads, int64_t half,
                                                                   float* y, int64_t y_row) {
  const int64_t row = blockIdx.x;
  const auto position = static_cast<float>(positions[row]);
  for (int64_t i = threadIdx.x; i < half; i += blockDim.x) {
    const float angle = position * inverse[i], c = cosf(angle), s = sign * sinf(angle);
    for (int64_t h = 0; h < heads; ++h) {
      const int64_t at = 2 * half * h + i;
      const float a = x[row * x_row + at], b = x[row * x_row + at + half];
      y[row * y_row + at] = a * c - b * s;
      y[row * y_row + at + half] = b * c + a * s;
    }
  }
}

// One block a row and a run of columns.
__global__ __launch_bounds__(kRowThreads) inline void swiglu_kernel(const float* gate,
                                                                    const float* up, int64_t in_row,
                                                                    int64_t width, float* out) {
  const int64_t row = blockIdx.x, i = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  if (i >= width) return;
  const float x = gate[row * in_row + i], s = 1.0f / (1.0f + expf(-x));
  out[row * width + i] = x * s * up[row * in_row + i];  // as backward computes it anew
}

__global__ __launch_bounds__(kRowThreads) inline void swiglu_backward_kernel(
    const float* grad, const float* gate, const float* up, int64_t in_row, int64_t width,
    float* d_gate, float* d_up, float* out) {
  const int64_t row = blockIdx.x, i = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  if (i >= width) return;
  const int64_t at = row * in_row + i;
  const float x = gate[at], u = up[at], g = grad[row * width + i], s = 1.0f / (1.0f + expf(-x)),
              silu = x * s;
  if (out != nullptr) out[row * width + i] = silu * u;
  d_up[at] = g * silu;
  d_gate[at] = g * u * s * (1.0f + x * (1.0f - s));
}

}  // namespace slipway::cuda
