// Activations, gated or not, and functions of single values.
#pragma once
#include "kernels/cuda/dialect.h"
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
  __device__ GatedPlace(const GatedRows& in, int64_t row, int64_t i) {
    up = in.up.floats[row * in.row + i] + (in.up_bias != nullptr ? in.up_bias[i] : 0.0f);
    x = up;
    if (in.gate.floats == nullptr) return;
    x = in.gate.floats[row * in.row + i] + (in.gate_bias != nullptr ? in.gate_bias[i] : 0.0f);
  }
};

// One block a row and a run of columns.
__global__ __launch_bounds__(kGatedThreads) inline void gated_kernel(GatedRows in, float* out) {
  const int64_t row = blockIdx.x, i = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  if (i >= in.width) return;
  const GatedPlace at(in, row, i);
  const float act = activated(in.activation, at.x);
  out[row * in.width + i] = in.gate.floats != nullptr ? act * at.up : act;  // as backward does anew
}

__global__ __launch_bounds__(kGatedThreads) inline void gated_backward_kernel(
    const float* grad, GatedRows in, float* d_gate, float* d_up, float* out) {
  const int64_t row = blockIdx.x, i = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  if (i >= in.width) return;
  const GatedPlace at(in, row, i);
  const float g = grad[row * in.width + i], act = activated(in.activation, at.x),
              slope = activation_slope(in.activation, at.x);
  if (in.gate.floats != nullptr) {
    if (out != nullptr) out[row * in.width + i] = act * at.up;
    d_up[row * in.row + i] = g * act;
    d_gate[row * in.row + i] = g * at.up * slope;
  } else {
    if (out != nullptr) out[row * in.width + i] = act;
    d_up[row * in.row + i] = g * slope;
  }
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
