// Norms of rows, forward and backward.
#pragma once
#include "kernels/cuda/value_access.h"
#include "kernels/row_rules.h"

namespace slipway::cuda {

constexpr int kNormThreads = 256;

// What a norm multiplies by, of its weight.
__device__ inline float norm_factor(NormKind kind, float w) {
  return kind == NormKind::kRmsPlusOne ? 1.0f + w : w;
}

// Work of a thread on a row of `width` values.
template <class Work>
__device__ inline void for_row(int64_t width, bool together, const Work& work) {
  for_places(width, together, threadIdx.x, kNormThreads, work);
}

// One block a row and run.
__global__ __launch_bounds__(kNormThreads) inline void norm_kernel(const float* x, NormRule rule,
                                                                   NormRows rows, Values y,
                                                                   NormMoments moments) {
  __shared__ float room[kNormThreads / kWarp];
  const int64_t run = blockIdx.x * rows.groups + blockIdx.y,
                at = blockIdx.x * rows.row + blockIdx.y * rows.width;
  const auto width = static_cast<float>(rows.width);
  const bool together = rows.width % 4 == 0 && rows.row % 4 == 0 && in_fours(x) && in_fours(y) &&
                        in_fours(rule.w) && in_fours(rule.bias);
  float sum = 0, mean = 0;
  x += at;
  if (rule.kind == NormKind::kLayer) {
    for_row(rows.width, together, [&](auto places) {
      const auto v = values_at(x, places);
      sum += sum_over(places, [&](int p) { return v.at[p]; });
    });
    mean = sum_of_block<kNormThreads>(sum, room) / width;
    if (threadIdx.x == 0) moments.mean[run] = mean;
    sum = 0;
  }
  for_row(rows.width, together, [&](auto places) {
    const auto v = values_at(x, places);
    SLIPWAY_UNROLL
    for (int p = 0; p < places.kCount; ++p) sum += (v.at[p] - mean) * (v.at[p] - mean);
  });
  const float scale = 1.0f / sqrtf(sum_of_block<kNormThreads>(sum, room) / width + rule.eps);
  if (threadIdx.x == 0) moments.inverse[run] = scale;
  for_row(rows.width, together, [&](auto places) {
    const auto v = values_at(x, places), w = values_at(rule.w, places),
               bias = values_or_zeros(rule.bias, places);
    put_values(y + at, places, each_of(places, [&](int p) {
                 return (v.at[p] - mean) * scale * norm_factor(rule.kind, w.at[p]) + bias.at[p];
               }));
  });
}

// One block a part of the rows; what it adds to the gradients of weight and, of kLayer alone, of
// bias goes to its rows of `partial` [2, parts, width].
__global__ __launch_bounds__(kNormThreads) inline void norm_backward_kernel(
    const float* grad_y, const float* x, NormRule rule, NormRows rows, NormMoments moments,
    const float* residual, float* grad_x, float* partial) {
  __shared__ float room[kNormThreads / kWarp];
  const int64_t part = (rows.rows + gridDim.x - 1) / gridDim.x, first = blockIdx.x * part;
  const int64_t last = first + part < rows.rows ? first + part : rows.rows, width = rows.width;
  const bool layer = rule.kind == NormKind::kLayer,
             together = width % 4 == 0 && rows.row % 4 == 0 && in_fours(grad_y) && in_fours(x) &&
                        in_fours(rule.w) && in_fours(residual) && in_fours(grad_x) &&
                        in_fours(partial);
  const auto count = static_cast<float>(width);
  float *const to_w = partial + blockIdx.x * width, *const to_bias = to_w + gridDim.x * width;
  // A thread meets the same columns in every row: what lies in `partial` is its own.
  for_row(width, together, [&](auto places) {
    const auto zeros = values_or_zeros(nullptr, places);
    put_values(to_w, places, zeros);
    if (layer) put_values(to_bias, places, zeros);
  });
  for (int64_t run = first * rows.groups; run < last * rows.groups; ++run) {
    const int64_t at = run / rows.groups * rows.row + run % rows.groups * width;
    const float scale = moments.inverse[run], mean = layer ? moments.mean[run] : 0.0f;
    float dot = 0, sum = 0;
    for_row(width, together, [&](auto places) {
      const auto gy = values_at(grad_y + at, places), v = values_at(x + at, places),
                 w = values_at(rule.w, places);
      SLIPWAY_UNROLL
      for (int p = 0; p < places.kCount; ++p) {
        const float g = gy.at[p] * norm_factor(rule.kind, w.at[p]);
        dot += g * (v.at[p] - mean), sum += g;
      }
    });
    const float pull = sum_of_block<kNormThreads>(dot, room) * scale * scale * scale / count,
                shift = layer ? sum_of_block<kNormThreads>(sum, room) * scale / count : 0.0f;
    for_row(width, together, [&](auto places) {
      const auto gy = values_at(grad_y + at, places), v = values_at(x + at, places),
                 w = values_at(rule.w, places), of_w = values_at(to_w, places),
                 more = values_or_zeros(residual == nullptr ? nullptr : residual + at, places);
      put_values(to_w, places, each_of(places, [&](int p) {
                   return of_w.at[p] + gy.at[p] * (v.at[p] - mean) * scale;
                 }));
      if (layer) {
        const auto of_bias = values_at(to_bias, places);
        put_values(to_bias, places,
                   each_of(places, [&](int p) { return of_bias.at[p] + gy.at[p]; }));
      }
      put_values(grad_x + at, places, each_of(places, [&](int p) {
                   return gy.at[p] * norm_factor(rule.kind, w.at[p]) * scale - shift -
                          (v.at[p] - mean) * pull + more.at[p];
                 }));
    });
  }
}

}  // namespace slipway::cuda
