// Norms of rows, biases, and the sums over rows that are their gradients.
#pragma once
#include "kernels/cuda/dialect.h"
#include "kernels/row_rules.h"

namespace slipway::cuda {

constexpr int kNormThreads = 256, kColumnThreads = 64;

// What a norm multiplies by, of its weight.
__device__ inline float norm_factor(NormKind kind, float w) {
  return kind == NormKind::kRmsPlusOne ? 1.0f + w : w;
}

// One block a row and run.
__global__ __launch_bounds__(kNormThreads) inline void norm_kernel(const float* x, NormRule rule,
                                                                   NormRows rows, float* y,
                                                                   NormMoments moments) {
  __shared__ float room[kNormThreads / kWarp];
  const int64_t run = blockIdx.x * rows.groups + blockIdx.y,
                at = blockIdx.x * rows.row + blockIdx.y * rows.width;
  const auto width = static_cast<float>(rows.width);
  float sum = 0, mean = 0;
  x += at, y += at;
  if (rule.kind == NormKind::kLayer) {
    for (int64_t i = threadIdx.x; i < rows.width; i += kNormThreads) sum += x[i];
    mean = sum_of_block<kNormThreads>(sum, room) / width;
    if (threadIdx.x == 0) moments.mean[run] = mean;
    sum = 0;
  }
  for (int64_t i = threadIdx.x; i < rows.width; i += kNormThreads)
    sum += (x[i] - mean) * (x[i] - mean);
  const float scale = 1.0f / sqrtf(sum_of_block<kNormThreads>(sum, room) / width + rule.eps);
  if (threadIdx.x == 0) moments.inverse[run] = scale;
  for (int64_t i = threadIdx.x; i < rows.width; i += kNormThreads)
    y[i] = (x[i] - mean) * scale * norm_factor(rule.kind, rule.w[i]) +
           (rule.bias != nullptr ? rule.bias[i] : 0.0f);
}

// One block a part of the rows; what it adds to the gradients of weight and bias goes to its rows
// of `partial` [2, parts, width].
__global__ __launch_bounds__(kNormThreads) inline void norm_backward_kernel(
    const float* grad_y, const float* x, NormRule rule, NormRows rows, NormMoments moments,
    const float* residual, float* grad_x, float* partial) {
  __shared__ float room[kNormThreads / kWarp];
  const int64_t part = (rows.rows + gridDim.x - 1) / gridDim.x, first = blockIdx.x * part;
  const int64_t last = first + part < rows.rows ? first + part : rows.rows, width = rows.width;
  const bool layer = rule.kind == NormKind::kLayer;
  const auto count = static_cast<float>(width);
  float *const to_w = partial + blockIdx.x * width, *const to_bias = to_w + gridDim.x * width;
  // A thread meets the same columns in every row: what lies in `partial` is its own.
  for (int64_t i = threadIdx.x; i < width; i += kNormThreads) to_w[i] = to_bias[i] = 0;
  for (int64_t run = first * rows.groups; run < last * rows.groups; ++run) {
    const int64_t at = run / rows.groups * rows.row + run % rows.groups * width;
    const float scale = moments.inverse[run], mean = layer ? moments.mean[run] : 0.0f;
    float dot = 0, sum = 0;
    for (int64_t i = threadIdx.x; i < width; i += kNormThreads) {
      const float g = grad_y[at + i] * norm_factor(rule.kind, rule.w[i]);
      dot += g * (x[at + i] - mean), sum += g;
    }
    const float pull = sum_of_block<kNormThreads>(dot, room) * scale * scale * scale / count,
                shift = layer ? sum_of_block<kNormThreads>(sum, room) * scale / count : 0.0f;
    for (int64_t i = threadIdx.x; i < width; i += kNormThreads) {
      const float g = grad_y[at + i], centred = x[at + i] - mean,
                  gradient = g * norm_factor(rule.kind, rule.w[i]) * scale - shift - centred * pull;
      to_w[i] += g * centred * scale;
      to_bias[i] += g;
      grad_x[at + i] = residual == nullptr ? gradient : gradient + residual[at + i];
    }
  }
}

// One block a part of the rows and a run of columns; its sums go to its row of `partial` [parts,
// width].
__global__ __launch_bounds__(kColumnThreads) inline void column_sums_kernel(
    const float* x, int64_t x_row, int64_t rows, int64_t width, float* partial) {
  const int64_t part = (rows + gridDim.x - 1) / gridDim.x, first = blockIdx.x * part;
  const int64_t last = first + part < rows ? first + part : rows,
                i = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  if (i >= width) return;
  float sum = 0;
  for (int64_t row = first; row < last; ++row) sum += x[row * x_row + i];
  partial[blockIdx.x * width + i] = sum;
}

// One block a row and a run of columns.
__global__ __launch_bounds__(kNormThreads) inline void add_bias_kernel(const float* bias,
                                                                       int64_t width, float* y,
                                                                       int64_t y_row) {
  const int64_t i = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  if (i < width) y[blockIdx.x * y_row + i] += bias[i];
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

}  // namespace slipway::cuda
