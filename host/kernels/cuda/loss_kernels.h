// Kernels of the loss and of the gradients' norm: log-probabilities of targets with their gradient,
// sums, sums of squares.
#pragma once
#include "kernels/cuda/dialect.h"

namespace slipway::cuda {

constexpr int kLossThreads = 512;

// One block a row. `grad` may be the logits: a thread writes only what it alone has read.
__global__ __launch_bounds__(kLossThreads) inline void token_logprobs_kernel(
    const float* logits, const int64_t* targets, int64_t width, float coefficient, float smoothing,
    float* out, float* grad) {
  __shared__ float room[kLossThreads / kWarp];
  __shared__ double sums[kLossThreads / kWarp];
  const int64_t row = blockIdx.x, target = targets[row];
  const float* x = logits + row * width;
  float largest = -INFINITY;
  for (int64_t i = threadIdx.x; i < width; i += kLossThreads)
    largest = x[i] > largest ? x[i] : largest;
  largest = largest_of_block<kLossThreads>(largest, room);
  float sum = 0, plain = 0;
  for (int64_t i = threadIdx.x; i < width; i += kLossThreads) {
    sum += expf(x[i] - largest);
    plain += x[i];
  }
  const float lse =
      largest + static_cast<float>(log(sum_of_block<kLossThreads>(static_cast<double>(sum), sums)));
  const float chosen = target >= 0 && target < width ? x[target] : NAN;
  float logprob = chosen - lse;
  if (smoothing != 0)
    logprob += smoothing *
               (static_cast<float>(sum_of_block<kLossThreads>(static_cast<double>(plain), sums) /
                                   static_cast<double>(width)) -
                chosen);
  __syncthreads();  // every thread has read the target's logit before one of them overwrites it
  if (threadIdx.x == 0) out[row] = logprob;
  if (grad == nullptr) return;
  for (int64_t i = threadIdx.x; i < width; i += kLossThreads) {
    const float gradient =
        -coefficient * expf(x[i] - lse) + coefficient * smoothing / static_cast<float>(width);
    grad[row * width + i] = i == target ? gradient + coefficient * (1 - smoothing) : gradient;
  }
}

// One block a part; the parts' sums are added in order by squares_sum_kernel.
__global__ __launch_bounds__(kLossThreads) inline void squares_kernel(const float* x, int64_t count,
                                                                      double* partial) {
  __shared__ double room[kLossThreads / kWarp];
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kLossThreads;
  double sum = 0;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kLossThreads + threadIdx.x; i < count;
       i += stride)
    sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  sum = sum_of_block<kLossThreads>(sum, room);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}
__global__ __launch_bounds__(1) inline void squares_sum_kernel(const double* partial, int64_t parts,
                                                               double* sum) {
  double total = 0;
  for (int64_t p = 0; p < parts; ++p) total += partial[p];
  *sum = total;
}

// total[0] += the sum of x. One block.
__global__ __launch_bounds__(kLossThreads) inline void add_sum_kernel(const float* x, int64_t count,
                                                                      double* total) {
  __shared__ double room[kLossThreads / kWarp];
  double sum = 0;
  for (int64_t i = threadIdx.x; i < count; i += kLossThreads) sum += static_cast<double>(x[i]);
  sum = sum_of_block<kLossThreads>(sum, room);
  if (threadIdx.x == 0) total[0] += sum;
}

}  // namespace slipway::cuda
