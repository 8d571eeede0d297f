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
  __device__ GatedPlace(const GatedRows& in, float gate, float up_value, int64_t i)
      : up(up_value + (in.up_bias != nullptr ? in.up_bias[i] : 0.0f)) {
    x = in.gate ? gate + (in.gate_bias != nullptr ? in.gate_bias[i] : 0.0f) : up;
  }
};

// Four places side by side of a row, or one where rows do not lie in fours.
struct GatedRun {
  int64_t row, first;
  int count;
  bool together;
  __device__ GatedRun(const GatedRows& in, bool others_in_fours)
      : row(blockIdx.x),
        first(4 * (static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x)),
        count(in.width - first < 4 ? static_cast<int>(in.width - first) : 4),
        together(count == 4 && in.width % 4 == 0 && in.row % 4 == 0 && in_fours(in.up) &&
                 in_fours(in.gate) && others_in_fours) {}
};

__device__ inline float4 load_run(ConstValues from, int64_t at, const GatedRun& run) {
  if (!from) return {0, 0, 0, 0};
  if (run.together) return four_values_at(from, at);
  return {value_at(from, at), run.count > 1 ? value_at(from, at + 1) : 0,
          run.count > 2 ? value_at(from, at + 2) : 0, run.count > 3 ? value_at(from, at + 3) : 0};
}
__device__ inline void store_run(Values to, int64_t at, const GatedRun& run, const float4& values) {
  if (run.together) return put_four_values(to, at, values);
  put_value(to, at, values.x);
  if (run.count > 1) put_value(to, at + 1, values.y);
  if (run.count > 2) put_value(to, at + 2, values.z);
  if (run.count > 3) put_value(to, at + 3, values.w);
}

// One block a row and a run of columns, four a thread.
__global__ __launch_bounds__(kGatedThreads) inline void gated_kernel(GatedRows in, Values out) {
  const GatedRun run(in, in_fours(out));
  if (run.count <= 0) return;
  const float4 gate = load_run(in.gate, run.row * in.row + run.first, run),
               up = load_run(in.up, run.row * in.row + run.first, run);
  const auto one = [&](float g, float u, int place) {
    if (place >= run.count) return 0.0f;
    const GatedPlace at(in, g, u, run.first + place);
    const float act = activated(in.activation, at.x);
    return in.gate ? act * at.up : act;  // as backward does anew
  };
  store_run(
      out, run.row * in.width + run.first, run,
      {one(gate.x, up.x, 0), one(gate.y, up.y, 1), one(gate.z, up.z, 2), one(gate.w, up.w, 3)});
}

// What one place gives backward.
struct GatedGradient {
  float gate = 0, up = 0, out = 0;
  GatedGradient() = default;
  __device__ GatedGradient(const GatedRows& in, const GatedPlace& at, float g) {
    const float act = activated(in.activation, at.x), slope = activation_slope(in.activation, at.x);
    up = in.gate ? g * act : g * slope;
    gate = g * at.up * slope;
    out = in.gate ? act * at.up : act;
  }
};

__global__ __launch_bounds__(kGatedThreads) inline void gated_backward_kernel(
    const float* grad, GatedRows in, Values d_gate, Values d_up, Values out) {
  const GatedRun run(in, in_fours(grad) && in_fours(d_gate) && in_fours(d_up) && in_fours(out));
  if (run.count <= 0) return;
  const int64_t at = run.row * in.row + run.first, flat = run.row * in.width + run.first;
  const float4 gate = load_run(in.gate, at, run), up = load_run(in.up, at, run),
               g = load_run(grad, flat, run);
  const auto one = [&](float gate_value, float up_value, float gradient, int place) {
    if (place >= run.count) return GatedGradient();
    return GatedGradient(in, {in, gate_value, up_value, run.first + place}, gradient);
  };
  const GatedGradient of[] = {one(gate.x, up.x, g.x, 0), one(gate.y, up.y, g.y, 1),
                              one(gate.z, up.z, g.z, 2), one(gate.w, up.w, g.w, 3)};
  if (out) store_run(out, flat, run, {of[0].out, of[1].out, of[2].out, of[3].out});
  if (in.gate) store_run(d_gate, at, run, {of[0].gate, of[1].gate, of[2].gate, of[3].gate});
  store_run(d_up, at, run, {of[0].up, of[1].up, of[2].up, of[3].up});
}

// From here on: any number of blocks over single values.
__global__ __launch_bounds__(kGatedThreads) inline void add_scaled_kernel(const float* x,
                                                                          float factor,
                                                                          const float* t,
                                                                          int64_t count, float* y) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x)
    y[i] = x != nullptr ? x[i] + factor * t[i] : factor * t[i];
}

__global__ __launch_bounds__(kGatedThreads) inline void softcap_kernel(const float* x, float cap,
                                                                       int64_t count, float* y) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x)
    y[i] = cap * tanhf(x[i] / cap);
}

__global__ __launch_bounds__(kGatedThreads) inline void softcap_backward_kernel(
    const float* dy, const float* y, float cap, int64_t count, float* dx) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x) {
    const float t = y[i] / cap;
    dx[i] = dy[i] * (1.0f - t * t);
  }
}

}  // namespace slipway::cuda
