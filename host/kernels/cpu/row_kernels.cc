// Row kernels of the fused operators for CPU. Sums run in vector lanes where a loop says so, and
// nowhere else.
#include "kernels/cpu/row_kernels.h"

#include <cmath>

#include "compute/bfloat16.h"
#include "compute/instruction_sets.h"
#include "kernels/cpu/exponential.h"

namespace slipway::kernels {
namespace {

// Values of either type. Inlined, so that each instruction set has its own.
#define SLIPWAY_INLINE __attribute__((always_inline)) inline
SLIPWAY_INLINE float read(float x) { return x; }
SLIPWAY_INLINE float read(uint16_t x) { return from_bfloat16(x); }
SLIPWAY_INLINE void write(float value, float& to) { to = value; }
SLIPWAY_INLINE void write(float value, uint16_t& to) { to = to_bfloat16(value); }

template <class Value>
SLIPWAY_INLINE void norm(const float* x, const float* w, float eps, int64_t rows, int64_t width,
                         Value* y, float* inverse_rms) {
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < width; ++i) sum += x[i] * x[i];
    const float scale = 1.0f / std::sqrt(sum / static_cast<float>(width) + eps);
    inverse_rms[r] = scale;
    for (int64_t i = 0; i < width; ++i) write(x[i] * scale * w[i], y[i]);
  }
}

template <class Value>
SLIPWAY_INLINE void gated(const Value* gate, const Value* up, int64_t count, Value* out) {
  for (int64_t i = 0; i < count; ++i) {
    const float g = read(gate[i]);
    write(g / (1.0f + exponential(-g)) * read(up[i]), out[i]);
  }
}

template <class Value>
SLIPWAY_INLINE void gated_backward(const float* __restrict grad, const Value* __restrict gate,
                                   const Value* __restrict up, int64_t count,
                                   Value* __restrict grad_gate, Value* __restrict grad_up) {
  for (int64_t i = 0; i < count; ++i) {
    const float x = read(gate[i]), s = 1.0f / (1.0f + exponential(-x)), silu = x * s, g = grad[i];
    write(g * silu, grad_up[i]);
    write(g * read(up[i]) * s * (1.0f + x * (1.0f - s)), grad_gate[i]);
  }
}

}  // namespace

SLIPWAY_CLONES void rms_norm(const float* x, const float* w, float eps, int64_t rows, int64_t width,
                             float* y, float* inverse_rms) {
  norm(x, w, eps, rows, width, y, inverse_rms);
}
SLIPWAY_CLONES void rms_norm(const float* x, const float* w, float eps, int64_t rows, int64_t width,
                             uint16_t* y, float* inverse_rms) {
  norm(x, w, eps, rows, width, y, inverse_rms);
}

SLIPWAY_CLONES void rms_norm_backward(const float* __restrict grad_y, const float* __restrict x,
                                      const float* __restrict w,
                                      const float* __restrict inverse_rms,
                                      const float* __restrict residual, int64_t rows, int64_t width,
                                      float* __restrict grad_x, float* __restrict grad_w) {
  for (int64_t r = 0; r < rows; ++r, x += width, grad_y += width, grad_x += width) {
    const float scale = inverse_rms[r];
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t i = 0; i < width; ++i) dot += grad_y[i] * w[i] * x[i];
    const float pull = dot * scale * scale * scale / static_cast<float>(width);
    for (int64_t i = 0; i < width; ++i) {
      grad_x[i] = grad_y[i] * w[i] * scale - x[i] * pull;
      grad_w[i] += grad_y[i] * x[i] * scale;
    }
    if (residual == nullptr) continue;
    for (int64_t i = 0; i < width; ++i) grad_x[i] += residual[i];
    residual += width;
  }
}

SLIPWAY_CLONES void rope(const float* x, const float* cos, const float* sin, float sign,
                         int64_t heads, int64_t half, float* y) {
  for (int64_t h = 0; h < heads; ++h, x += 2 * half, y += 2 * half) {
#pragma omp simd
    for (int64_t i = 0; i < half; ++i) {
      const float a = x[i], b = x[i + half], s = sign * sin[i];
      y[i] = a * cos[i] - b * s;
      y[i + half] = b * cos[i] + a * s;
    }
  }
}

SLIPWAY_CLONES void swiglu(const float* gate, const float* up, int64_t count, float* out) {
  gated(gate, up, count, out);
}
SLIPWAY_CLONES void swiglu(const uint16_t* gate, const uint16_t* up, int64_t count, uint16_t* out) {
  gated(gate, up, count, out);
}

SLIPWAY_CLONES void swiglu_backward(const float* grad, const float* gate, const float* up,
                                    int64_t count, float* grad_gate, float* grad_up, float* out) {
  if (out != nullptr) gated(gate, up, count, out);
  gated_backward(grad, gate, up, count, grad_gate, grad_up);
}
SLIPWAY_CLONES void swiglu_backward(const float* grad, const uint16_t* gate, const uint16_t* up,
                                    int64_t count, uint16_t* grad_gate, uint16_t* grad_up,
                                    uint16_t* out) {
  if (out != nullptr) gated(gate, up, count, out);
  gated_backward(grad, gate, up, count, grad_gate, grad_up);
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
