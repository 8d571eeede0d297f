// Activations, gated or not, and functions of single values.
#pragma once
#include "kernels/cuda/value_access.h"
#include "kernels/row_rules.h"

namespace slipway::cuda {

constexpr int kGatedThreads = 256;

// The share of the normal distribution, or its approximation, that GELU multiplies x by.
__device__ inline float gelu_share(Activation activation, float x) {
  if (activation == Activation::kGelu) return 0.5f * (1.0f + erff(x * 0.70710678118654752f));
  return 1.0f / (1.0f + expf(-1.5957691216057308f * (x + 0.044715f * x * x * x)));
}

__device__ inline float activated(Activation activation, float x) {
  if (activation == Activation::kRelu) return x < 0.0f ? 0.0f : x;
  if (activation != Activation::kSilu) return x * gelu_share(activation, x);
  const float s = 1.0f / (1.0f + expf(-x));
  return x * s;
}

__device__ inline float activation_slope(Activation activation, float x) {
  if (activation == Activation::kRelu) return x <= 0.0f ? 0.0f : 1.0f;
  if (activation == Activation::kSilu) {
    const float s = 1.0f / (1.0f + expf(-x));
    return s * (1.0f + x * (1.0f - s));
  }
  const float share = gelu_share(activation, x);
  if (activation == Activation::kGelu)
    return share + x * 0.39894228040143268f * expf(-0.5f * x * x);
  return share +
         x * share * (1.0f - share) * 1.5957691216057308f * (1.0f + 3.0f * 0.044715f * x * x);
}

// gate and up of one place, biases included; without a gate x = up alone.
struct GatedPlace {
  float x, up;
};

// gate and up of some places of a row.
template <int kCount>
struct GatedFew {
  Few<kCount> gate, up;

  __device__ GatedFew(const GatedRows& in, int64_t row, Places<kCount> places)
      : gate(values_or_zeros(in.gate ? in.gate + row * in.row : in.gate, places)),
        up(values_at(in.up + row * in.row, places)) {}
  __device__ GatedPlace place(const GatedRows& in, Places<kCount> places, int p) const {
    const auto biased = [&](float value, const float* bias) {
      return value + (bias != nullptr ? bias[places.at + p] : 0.0f);
    };
    const float whole_up = biased(up.at[p], in.up_bias);
    return {in.gate ? biased(gate.at[p], in.gate_bias) : whole_up, whole_up};
  }
};

// A block's part of a row, kGatedThreads * 4 columns: work(places) for a thread's share of it.
// `together`: whether other operands than the row's may be read in fours.
template <class Work>
__device__ inline void for_gated(const GatedRows& in, bool together, const Work& work) {
  const int64_t first = static_cast<int64_t>(blockIdx.y) * 4 * kGatedThreads,
                left = in.width - first;
  for_places(
      left < 4 * kGatedThreads ? left : 4 * kGatedThreads,
      together && in.width % 4 == 0 && in.row % 4 == 0 && in_fours(in.up) && in_fours(in.gate),
      threadIdx.x, kGatedThreads, [&](auto places) {
        places.at += first;
        work(places);
      });
}

// One block a row and a part of its columns.
__global__ __launch_bounds__(kGatedThreads) inline void gated_kernel(GatedRows in, Values out) {
  const int64_t row = blockIdx.x;
  for_gated(in, in_fours(out), [&](auto places) {
    const GatedFew values(in, row, places);
    put_values(out + row * in.width, places, each_of(places, [&](int p) {
                 const GatedPlace at = values.place(in, places, p);
                 const float act = activated(in.activation, at.x);
                 return in.gate ? act * at.up : act;  // as backward does anew
               }));
  });
}

__global__ __launch_bounds__(kGatedThreads) inline void gated_backward_kernel(
    const float* grad, GatedRows in, Values d_gate, Values d_up, Values out) {
  const int64_t row = blockIdx.x;
  const bool together = in_fours(grad) && in_fours(d_gate) && in_fours(d_up) && in_fours(out);
  for_gated(in, together, [&](auto places) {
    const GatedFew values(in, row, places);
    const auto g = values_at(grad + row * in.width, places);
    auto of_gate = g, of_up = g, act_of = g;
    SLIPWAY_UNROLL
    for (int p = 0; p < places.kCount; ++p) {
      const GatedPlace at = values.place(in, places, p);
      const float act = activated(in.activation, at.x),
                  slope = activation_slope(in.activation, at.x);
      act_of.at[p] = in.gate ? act * at.up : act;
      of_up.at[p] = in.gate ? g.at[p] * act : g.at[p] * slope;
      of_gate.at[p] = g.at[p] * at.up * slope;
    }
    if (out) put_values(out + row * in.width, places, act_of);
    if (in.gate) put_values(d_gate + row * in.row, places, of_gate);
    put_values(d_up + row * in.row, places, of_up);
  });
}

// From here on: any number of blocks over single values.
__global__ __launch_bounds__(kGatedThreads) inline void add_scaled_kernel(const float* x,
                                                                          float factor,
                                                                          const float* t,
                                                                          int64_t count, float* y) {
  for_each_index(count,
                 [=](int64_t i) { y[i] = x != nullptr ? x[i] + factor * t[i] : factor * t[i]; });
}

__global__ __launch_bounds__(kGatedThreads) inline void softcap_kernel(const float* x, float cap,
                                                                       int64_t count, float* y) {
  for_each_index(count, [=](int64_t i) { y[i] = cap * tanhf(x[i] / cap); });
}

__global__ __launch_bounds__(kGatedThreads) inline void softcap_backward_kernel(
    const float* dy, const float* y, float cap, int64_t count, float* dx) {
  for_each_index(count, [=](int64_t i) {
    const float t = y[i] / cap;
    dx[i] = dy[i] * (1.0f - t * t);
  });
}

}  // namespace slipway::cuda
