// Kernels of the loss and of the gradients' norm: log-probabilities of targets with their gradient,
// sums, sums of squares.
#pragma once
#include "kernels/cuda/value_access.h"

namespace slipway::cuda {

constexpr int kLossThreads = 512;

// The largest of some numbers, and the sum of exp(x - largest) over them.
struct SoftmaxSum {
  float largest = -INFINITY, sum = 0;
  __device__ void add(float x) {
    if (x > largest) {
      sum = sum * expf(largest - x) + 1, largest = x;
    } else if (x > -INFINITY || x != x) {
      sum += expf(x - largest);
    }
  }
};

// One block a row. `grad` may be the logits: a thread writes only what it alone has read.
__global__ __launch_bounds__(kLossThreads) inline void token_logprobs_kernel(
    const float* logits, const int64_t* targets, int64_t width, float coefficient, float smoothing,
    float* out, float* grad) {
  __shared__ float room[kLossThreads / kWarp];
  __shared__ double sums[kLossThreads / kWarp];
  const int64_t row = blockIdx.x, target = targets[row];
  const float* x = logits + row * width;
  const bool together = width % 4 == 0 && in_fours(x) && in_fours(grad);
  SoftmaxSum own;
  float plain = 0;
  for_places(width, together, threadIdx.x, kLossThreads, [&](auto places) {
    const auto v = values_at(x, places);
    SLIPWAY_UNROLL
    for (int p = 0; p < places.kCount; ++p) own.add(v.at[p]);
    plain += sum_over(places, [&](int p) { return v.at[p]; });
  });
  const float largest = largest_of_block<kLossThreads>(own.largest, room);
  const float sum = own.largest > -INFINITY ? own.sum * expf(own.largest - largest) : own.sum;
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
  const float spread = coefficient * smoothing / static_cast<float>(width);
  const auto gradient = [&](float logit, int64_t i) {
    const float g = -coefficient * expf(logit - lse) + spread;
    return i == target ? g + coefficient * (1 - smoothing) : g;
  };
  float* const to = grad + row * width;
  for_places(width, together, threadIdx.x, kLossThreads, [&](auto places) {
    const auto v = values_at(x, places);
    put_values(to, places,
               each_of(places, [&](int p) { return gradient(v.at[p], places.at + p); }));
  });
}

// One block a part; the parts' sums are added in order by squares_sum_kernel.
__global__ __launch_bounds__(kLossThreads) inline void squares_kernel(const float* x, int64_t count,
                                                                      double* partial) {
  __shared__ double room[kLossThreads / kWarp];
  double sum = 0;
  for_all_places(count, in_fours(x), [&](auto places) {
    const auto v = values_at(x, places);
    sum += sum_over(
        places, [&](int p) { return static_cast<double>(v.at[p]) * static_cast<double>(v.at[p]); });
  });
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
