// Updates of flat arrays, one pass each.
#include "kernels/cpu/update_kernels.h"

#include <cmath>

#include "compute/instruction_sets.h"

namespace slipway::kernels {

SLIPWAY_CLONES void adamw(const float* g, int64_t count, const AdamWStep& step, float* w, float* m,
                          float* v) {
  const AdamWStep s = step;
  for (int64_t i = 0; i < count; ++i) {
    const float grad = s.grad_scale * g[i];
    m[i] = s.beta1 * m[i] + s.rest1 * grad;
    v[i] = s.beta2 * v[i] + s.rest2 * grad * grad;
    w[i] = s.keep * w[i] - s.step_size * m[i] / (std::sqrt(v[i]) * s.inverse_root2 + s.epsilon);
  }
}

SLIPWAY_CLONES void sgd(const float* g, int64_t count, const SgdStep& step, float* w,
                        float* buffer) {
  const SgdStep s = step;
  if (buffer == nullptr) {
    for (int64_t i = 0; i < count; ++i) w[i] -= s.rate * (s.grad_scale * g[i] + s.decay * w[i]);
    return;
  }
  const float own = s.nesterov ? 1.0f : 0.0f, kept = s.nesterov ? s.momentum : 1.0f;
  for (int64_t i = 0; i < count; ++i) {
    const float d = s.grad_scale * g[i] + s.decay * w[i];
    buffer[i] = s.momentum * buffer[i] + s.fresh * d;
    w[i] -= s.rate * (own * d + kept * buffer[i]);
  }
}

SLIPWAY_CLONES void adagrad(const float* g, int64_t count, const AdagradStep& step, float* w,
                            float* sum) {
  const AdagradStep s = step;
  for (int64_t i = 0; i < count; ++i) {
    const float d = s.grad_scale * g[i] + s.decay * w[i];
    sum[i] += d * d;
    w[i] -= s.rate * d / (std::sqrt(sum[i]) + s.epsilon);
  }
}

namespace {

// What the gradient is divided by.
inline float root(float square, float mean, float epsilon) {
  return std::sqrt(square - mean * mean) + epsilon;
}

}  // namespace

SLIPWAY_CLONES void rmsprop(const float* g, int64_t count, const RmspropStep& step, float* w,
                            float* square, float* mean, float* buffer) {
  const RmspropStep s = step;
  for (int64_t i = 0; i < count; ++i) {
    const float d = s.grad_scale * g[i] + s.decay * w[i];
    square[i] = s.alpha * square[i] + s.rest * d * d;
    float centre = 0;
    if (mean != nullptr) centre = mean[i] = s.alpha * mean[i] + s.rest * d;
    float change = d / root(square[i], centre, s.epsilon);
    if (buffer != nullptr) change = buffer[i] = s.momentum * buffer[i] + change;
    w[i] -= s.rate * change;
  }
}

SLIPWAY_CLONES void lion(const float* g, int64_t count, const LionStep& step, float* w, float* m) {
  const LionStep s = step;
  for (int64_t i = 0; i < count; ++i) {
    const float grad = s.grad_scale * g[i], direction = s.beta1 * m[i] + s.rest1 * grad;
    w[i] = s.keep * w[i] - s.rate * (direction > 0 ? 1.0f : direction < 0 ? -1.0f : 0.0f);
    m[i] = s.beta2 * m[i] + s.rest2 * grad;
  }
}

SLIPWAY_CLONES void scale(float* x, int64_t count, float factor) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) x[i] *= factor;
}

SLIPWAY_CLONES void fill(float* x, int64_t count, float value) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) x[i] = value;
}

SLIPWAY_CLONES void adafactor_sums(const float* g, int64_t rows, int64_t width, float grad_scale,
                                   float epsilon, float* row_sum, float* column_sum) {
  for (int64_t r = 0; r < rows; ++r, g += width) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < width; ++i) {
      const float grad = grad_scale * g[i], square = grad * grad + epsilon;
      sum += square;
      column_sum[i] += square;
    }
    row_sum[r] = sum;
  }
}

SLIPWAY_CLONES double adafactor_squares(const float* g, int64_t rows, int64_t width,
                                        float grad_scale, const float* row, const float* column) {
  double all = 0;
  for (int64_t r = 0; r < rows; ++r, g += width) {
    const float factor = row[r] * grad_scale;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < width; ++i) {
      const float change = factor * column[i] * g[i];
      sum += change * change;
    }
    all += static_cast<double>(sum);
  }
  return all;
}

SLIPWAY_CLONES void adafactor_apply(const float* g, int64_t rows, int64_t width, float grad_scale,
                                    const float* row, const float* column, float keep, float rate,
                                    float* w) {
  for (int64_t r = 0; r < rows; ++r, g += width, w += width) {
    const float factor = rate * row[r] * grad_scale;
    for (int64_t i = 0; i < width; ++i) w[i] = keep * w[i] - factor * column[i] * g[i];
  }
}

}  // namespace slipway::kernels
