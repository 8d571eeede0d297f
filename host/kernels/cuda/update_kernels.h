// The optimizers' updates and the clip of gradients: as kernels/cpu/update_kernels.cc does them,
// one weight a thread at a time.
#pragma once
#include "kernels/update_steps.h"
#include "kernels/cuda/dialect.h"

namespace slipway::cuda {

constexpr int kUpdateThreads = 256;

// work(i) for every i below `count`, however many blocks there are.
template <class Work>
__device__ inline void for_each_index(int64_t count, const Work& work) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += stride)
    work(i);
}

__global__ __launch_bounds__(kUpdateThreads) inline void adamw_kernel(const float* g, int64_t count,
                                                                      kernels::AdamWStep s,
                                                                      float* w, float* m,
                                                                      float* v) {
  for_each_index(count, [=](int64_t i) {
    const float grad = s.grad_scale * g[i];
    m[i] = s.beta1 * m[i] + s.rest1 * grad;
    v[i] = s.beta2 * v[i] + s.rest2 * grad * grad;
    w[i] = s.keep * w[i] - s.step_size * m[i] / (sqrtf(v[i]) * s.inverse_root2 + s.epsilon);
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
