// The optimizers' updates and the clip of gradients: as kernels/cpu/update_kernels.cc does them,
// one weight a thread at a time, or four.
#pragma once
#include "kernels/update_steps.h"
#include "kernels/cuda/value_access.h"

namespace slipway::cuda {

constexpr int kUpdateThreads = 256;

__global__ __launch_bounds__(kUpdateThreads) inline void adamw_kernel(const float* g, int64_t count,
                                                                      kernels::AdamWStep s,
                                                                      float* w, float* m,
                                                                      float* v) {
  // A model's weights are many, and what is read in fours waits for memory less often.
  for_all_places(count, in_fours(g) && in_fours(w) && in_fours(m) && in_fours(v), [=](auto places) {
    const auto gradient = values_at(g, places);
    auto weight = values_at(w, places), mean = values_at(m, places), square = values_at(v, places);
    SLIPWAY_UNROLL
    for (int p = 0; p < places.kCount; ++p) {
      const float grad = s.grad_scale * gradient.at[p];
      mean.at[p] = s.beta1 * mean.at[p] + s.rest1 * grad;
      square.at[p] = s.beta2 * square.at[p] + s.rest2 * grad * grad;
      weight.at[p] = s.keep * weight.at[p] -
                     s.step_size * mean.at[p] / (sqrtf(square.at[p]) * s.inverse_root2 + s.epsilon);
    }
    put_values(w, places, weight), put_values(m, places, mean), put_values(v, places, square);
  });
}

__global__ __launch_bounds__(kUpdateThreads) inline void sgd_kernel(const float* g, int64_t count,
                                                                    kernels::SgdStep s, float* w,
                                                                    float* buffer) {
  for_each_index(count, [=](int64_t i) {
    float d = s.grad_scale * g[i] + s.decay * w[i];
    if (buffer != nullptr) {
      buffer[i] = s.momentum * buffer[i] + s.fresh * d;
      d = s.nesterov ? d + s.momentum * buffer[i] : buffer[i];
    }
    w[i] -= s.rate * d;
  });
}

__global__ __launch_bounds__(kUpdateThreads) inline void adagrad_kernel(const float* g,
                                                                        int64_t count,
                                                                        kernels::AdagradStep s,
                                                                        float* w, float* sum) {
  for_each_index(count, [=](int64_t i) {
    const float d = s.grad_scale * g[i] + s.decay * w[i];
    sum[i] += d * d;
    w[i] -= s.rate * d / (sqrtf(sum[i]) + s.epsilon);
  });
}

__global__ __launch_bounds__(kUpdateThreads) inline void rmsprop_kernel(
    const float* g, int64_t count, kernels::RmspropStep s, float* w, float* square, float* mean,
    float* buffer) {
  for_each_index(count, [=](int64_t i) {
    const float d = s.grad_scale * g[i] + s.decay * w[i];
    square[i] = s.alpha * square[i] + s.rest * d * d;
    float centre = 0;
    if (mean != nullptr) centre = mean[i] = s.alpha * mean[i] + s.rest * d;
    float change = d / (sqrtf(square[i] - centre * centre) + s.epsilon);
    if (buffer != nullptr) change = buffer[i] = s.momentum * buffer[i] + change;
    w[i] -= s.rate * change;
  });
}

__global__ __launch_bounds__(kUpdateThreads) inline void lion_kernel(const float* g, int64_t count,
                                                                     kernels::LionStep s, float* w,
                                                                     float* m) {
  for_each_index(count, [=](int64_t i) {
    const float grad = s.grad_scale * g[i], direction = s.beta1 * m[i] + s.rest1 * grad;
    w[i] = s.keep * w[i] - s.rate * (direction > 0 ? 1.0f : direction < 0 ? -1.0f : 0.0f);
    m[i] = s.beta2 * m[i] + s.rest2 * grad;
  });
}

__global__ __launch_bounds__(kUpdateThreads) inline void scale_kernel(float* x, int64_t count,
                                                                      float factor) {
  for_each_index(count, [=](int64_t i) { x[i] *= factor; });
}

}  // namespace slipway::cuda
