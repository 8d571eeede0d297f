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

// Calls at(first, count) with the places of a row of `width` that are this thread's: runs of four
// where `fours`, else single ones.
template <class At>
__device__ inline void for_row(int64_t width, bool fours, const At& at) {
  const int64_t step = fours ? 4 : 1;
  for (int64_t i = threadIdx.x * step; i < width; i += kNormThreads * step) at(i);
}
__device__ inline float4 run_at(ConstValues from, int64_t at, bool fours) {
  return fours ? four_values_at(from, at) : float4{value_at(from, at), 0, 0, 0};
}
__device__ inline void put_run(Values to, int64_t at, bool fours, const float4& values) {
  if (fours) put_four_values(to, at, values);
  else put_value(to, at, values.x);
}
// each(place) of the four, or of the first alone.
template <class Each>
__device__ inline float4 in_run(bool fours, const Each& each) {
  if (!fours) return {each(0), 0, 0, 0};
  return {each(0), each(1), each(2), each(3)};
}
__device__ inline float part_of(const float4& run, int place) {
  return place == 0 ? run.x : place == 1 ? run.y : place == 2 ? run.z : run.w;
}

// One block a row and run.
__global__ __launch_bounds__(kNormThreads) inline void norm_kernel(const float* x, NormRule rule,
                                                                   NormRows rows, Values y,
                                                                   NormMoments moments) {
  __shared__ float room[kNormThreads / kWarp];
  const int64_t run = blockIdx.x * rows.groups + blockIdx.y,
                at = blockIdx.x * rows.row + blockIdx.y * rows.width;
  const auto width = static_cast<float>(rows.width);
  const bool fours = rows.width % 4 == 0 && rows.row % 4 == 0 && in_fours(x) && in_fours(y) &&
                     in_fours(rule.w) && in_fours(rule.bias);
  const int places = fours ? 4 : 1;
  float sum = 0, mean = 0;
  if (rule.kind == NormKind::kLayer) {
    for_row(rows.width, fours, [&](int64_t i) {
      const float4 v = run_at(x, at + i, fours);
      sum += (v.x + v.y) + (v.z + v.w);
    });
    mean = sum_of_block<kNormThreads>(sum, room) / width;
    if (threadIdx.x == 0) moments.mean[run] = mean;
    sum = 0;
  }
  for_row(rows.width, fours, [&](int64_t i) {
    const float4 v = run_at(x, at + i, fours);
    for (int p = 0; p < places; ++p) sum += (part_of(v, p) - mean) * (part_of(v, p) - mean);
  });
  const float scale = 1.0f / sqrtf(sum_of_block<kNormThreads>(sum, room) / width + rule.eps);
  if (threadIdx.x == 0) moments.inverse[run] = scale;
  for_row(rows.width, fours, [&](int64_t i) {
    const float4 v = run_at(x, at + i, fours), w = run_at(rule.w, i, fours),
                 bias = rule.bias != nullptr ? run_at(rule.bias, i, fours) : float4{0, 0, 0, 0};
    put_run(y, at + i, fours, in_run(fours, [&](int p) {
              return (part_of(v, p) - mean) * scale * norm_factor(rule.kind, part_of(w, p)) +
                     part_of(bias, p);
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
             fours = width % 4 == 0 && rows.row % 4 == 0 && in_fours(grad_y) && in_fours(x) &&
                     in_fours(rule.w) && in_fours(residual) && in_fours(grad_x) &&
                     in_fours(partial);
  const int places = fours ? 4 : 1;
  const auto count = static_cast<float>(width);
  float *const to_w = partial + blockIdx.x * width, *const to_bias = to_w + gridDim.x * width;
  const float4 zeros{0, 0, 0, 0};
  // A thread meets the same columns in every row: what lies in `partial` is its own.
  for_row(width, fours, [&](int64_t i) {
    put_run(to_w, i, fours, zeros);
    if (layer) put_run(to_bias, i, fours, zeros);
  });
  for (int64_t run = first * rows.groups; run < last * rows.groups; ++run) {
    const int64_t at = run / rows.groups * rows.row + run % rows.groups * width;
    const float scale = moments.inverse[run], mean = layer ? moments.mean[run] : 0.0f;
    float dot = 0, sum = 0;
    for_row(width, fours, [&](int64_t i) {
      const float4 gy = run_at(grad_y, at + i, fours), v = run_at(x, at + i, fours),
                   w = run_at(rule.w, i, fours);
      for (int p = 0; p < places; ++p) {
        const float g = part_of(gy, p) * norm_factor(rule.kind, part_of(w, p));
        dot += g * (part_of(v, p) - mean), sum += g;
      }
    });
    const float pull = sum_of_block<kNormThreads>(dot, room) * scale * scale * scale / count,
                shift = layer ? sum_of_block<kNormThreads>(sum, room) * scale / count : 0.0f;
    for_row(width, fours, [&](int64_t i) {
      const float4 gy = run_at(grad_y, at + i, fours), v = run_at(x, at + i, fours),
                   w = run_at(rule.w, i, fours), to = run_at(to_w, i, fours),
                   more = residual != nullptr ? run_at(residual, at + i, fours) : zeros;
      put_run(to_w, i, fours, in_run(fours, [&](int p) {
                return part_of(to, p) + part_of(gy, p) * (part_of(v, p) - mean) * scale;
              }));
      if (layer) {
        const float4 bias = run_at(to_bias, i, fours);
        put_run(to_bias, i, fours,
                in_run(fours, [&](int p) { return part_of(bias, p) + part_of(gy, p); }));
      }
      put_run(grad_x, at + i, fours, in_run(fours, [&](int p) {
                return part_of(gy, p) * norm_factor(rule.kind, part_of(w, p)) * scale - shift -
                       (part_of(v, p) - mean) * pull + part_of(more, p);
              }));
    });
  }
}

}  // namespace slipway::cuda
