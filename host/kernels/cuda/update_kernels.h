// The optimizers' updates and the clip of gradients: as kernels/cpu/update_kernels.cc does them,
// one weight a thread at a time.
#pragma once
#include "kernels/update_steps.h"
#include "kernels/cuda/value_access.h"

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
  const auto one = [=](float gradient, float& weight, float& mean, float& square) {
    const float grad = s.grad_scale * gradient;
    mean = s.beta1 * mean + s.rest1 * grad;
    square = s.beta2 * square + s.rest2 * grad * grad;
    weight = s.keep * weight - s.step_size * mean / (sqrtf(square) * s.inverse_root2 + s.epsilon);
  };
  // A model's weights are many, and what is read in fours waits for memory less often.
  const int64_t fours = in_fours(g) && in_fours(w) && in_fours(m) && in_fours(v) ? count / 4 : 0;
  for_each_index(fours, [=](int64_t i) {
    const float4 gradient = four_values_at(g, 4 * i);
    float4 weight = four_values_at(w, 4 * i), mean = four_values_at(m, 4 * i),
           square = four_values_at(v, 4 * i);
    one(gradient.x, weight.x, mean.x, square.x), one(gradient.y, weight.y, mean.y, square.y);
    one(gradient.z, weight.z, mean.z, square.z), one(gradient.w, weight.w, mean.w, square.w);
    put_four_values(w, 4 * i, weight), put_four_values(m, 4 * i, mean);
    put_four_values(v, 4 * i, square);
  });
  for_each_index(count - 4 * fours, [=](int64_t i) {
    one(g[4 * fours + i], w[4 * fours + i], m[4 * fours + i], v[4 * fours + i]);
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
