// Row kernels of the fused operators for CPU. Sums run in vector lanes where a loop says so, and
// nowhere else.
#include "kernels/cpu/row_kernels.h"

#include <cmath>

#include "compute/bfloat16.h"
#include "compute/instruction_sets.h"
#include "kernels/cpu/curves.h"

namespace slipway::kernels {

SLIPWAY_CLONES void rope(const float* x, const float* cos, const float* sin, float sign,
                         int64_t heads, int64_t half, int64_t width, float* y) {
  for (int64_t h = 0; h < heads; ++h, x += width, y += width) {
#pragma omp simd
    for (int64_t i = 0; i < half; ++i) {
      const float a = x[i], b = x[i + half], s = sign * sin[i];
      y[i] = a * cos[i] - b * s;
      y[i + half] = b * cos[i] + a * s;
    }
    if (x == y) continue;
    for (int64_t i = 2 * half; i < width; ++i) y[i] = x[i];
  }
}

SLIPWAY_CLONES float dot(const float* a, const float* b, int64_t width) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < width; ++i) sum += a[i] * b[i];
  return sum;
}

SLIPWAY_CLONES void add(const float* from, int64_t count, float* to) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] += from[i];
}
SLIPWAY_CLONES void add(const uint16_t* from, int64_t count, float* to) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] += from_bfloat16(from[i]);
}

SLIPWAY_CLONES void add_scaled(const float* x, float factor, const float* t, int64_t count,
                               float* y) {
  if (x != nullptr) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] + factor * t[i];
  } else {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) y[i] = factor * t[i];
  }
}

SLIPWAY_CLONES void softcap(const float* x, float cap, int64_t count, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) y[i] = cap * hyperbolic_tangent(x[i] / cap);
}

SLIPWAY_CLONES void softcap_backward(const float* dy, const float* y, float cap, int64_t count,
                                     float* dx) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float t = y[i] / cap;
    dx[i] = dy[i] * (1.0f - t * t);
  }
}

SLIPWAY_CLONES double sum_of_squares(const float* x, int64_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

SLIPWAY_CLONES float row_max(const float* x, int64_t width) {
  float max = x[0];
#pragma omp simd reduction(max : max)
  for (int64_t i = 1; i < width; ++i) max = x[i] > max ? x[i] : max;
  return max;
}

SLIPWAY_CLONES void block_masses(const float* x, float inverse_temperature, int64_t width,
                                 float* largest, float* mass) {
  for (int64_t begin = 0; begin < width; begin += kBlock) {
    const int64_t end = begin + kBlock < width ? begin + kBlock : width;
    float max = x[begin];
#pragma omp simd reduction(max : max)
    for (int64_t i = begin; i < end; ++i) max = x[i] > max ? x[i] : max;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = begin; i < end; ++i) sum += exponential((x[i] - max) * inverse_temperature);
    *largest++ = max;
    *mass++ = sum;
  }
}

SLIPWAY_CLONES void exponentials(const float* x, float max, float inverse_temperature,
                                 int64_t width, float* p) {
  for (int64_t i = 0; i < width; ++i) p[i] = exponential((x[i] - max) * inverse_temperature);
}

SLIPWAY_CLONES float log_sum_exp(const float* x, int64_t width, double* plain) {
  const float max = row_max(x, width);
  double total = 0, plain_total = 0;
  for (int64_t begin = 0; begin < width; begin += 64) {
    const int64_t end = begin + 64 < width ? begin + 64 : width;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = begin; i < end; ++i) sum += exponential(x[i] - max);
    total += static_cast<double>(sum);
    if (plain == nullptr) continue;
    float part = 0;
#pragma omp simd reduction(+ : part)
    for (int64_t i = begin; i < end; ++i) part += x[i];
    plain_total += static_cast<double>(part);
  }
  if (plain != nullptr) *plain = plain_total;
  return max + static_cast<float>(std::log(total));
}

SLIPWAY_CLONES void softmax_scaled(const float* x, float lse, float coefficient, float offset,
                                   int64_t width, float* grad) {
  for (int64_t i = 0; i < width; ++i) grad[i] = coefficient * exponential(x[i] - lse) + offset;
}

}  // namespace slipway::kernels
