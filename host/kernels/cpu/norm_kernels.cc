// Norms of rows. Sums run in vector lanes where a loop says so, and nowhere else.
#include "kernels/cpu/norm_kernels.h"

#include <cmath>

#include "compute/bfloat16.h"
#include "compute/instruction_sets.h"

namespace slipway::kernels {
namespace {

// Inlined, so that each instruction set has its own.
#define SLIPWAY_INLINE __attribute__((always_inline)) inline
SLIPWAY_INLINE void store(float value, float& to) { to = value; }
SLIPWAY_INLINE void store(float value, uint16_t& to) { to = to_bfloat16(value); }

template <NormKind kKind>
SLIPWAY_INLINE float factor_of(float w) {
  return kKind == NormKind::kRmsPlusOne ? 1.0f + w : w;
}

template <NormKind kKind, class Value>
SLIPWAY_INLINE void norm_run(const float* x, const NormRule& rule, int64_t width, Value* y,
                             float& inverse, float* mean) {
  const auto count = static_cast<float>(width);
  float sum = 0;
  if constexpr (kKind == NormKind::kLayer) {
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < width; ++i) sum += x[i];
    const float middle = *mean = sum / count;
    sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < width; ++i) sum += (x[i] - middle) * (x[i] - middle);
    const float scale = inverse = 1.0f / std::sqrt(sum / count + rule.eps);
    if (rule.bias != nullptr) {
#pragma omp simd
      for (int64_t i = 0; i < width; ++i)
        store((x[i] - middle) * scale * rule.w[i] + rule.bias[i], y[i]);
    } else {
#pragma omp simd
      for (int64_t i = 0; i < width; ++i) store((x[i] - middle) * scale * rule.w[i], y[i]);
    }
  } else {
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < width; ++i) sum += x[i] * x[i];
    const float scale = inverse = 1.0f / std::sqrt(sum / count + rule.eps);
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) store(x[i] * scale * factor_of<kKind>(rule.w[i]), y[i]);
  }
}

template <NormKind kKind, class Value>
SLIPWAY_INLINE void norm_rows(const float* x, const NormRule& rule, const NormRows& rows, Value* y,
                              const NormMoments& moments) {
  for (int64_t r = 0; r < rows.rows; ++r)
    for (int64_t g = 0; g < rows.groups; ++g) {
      const int64_t at = r * rows.row + g * rows.width, run = r * rows.groups + g;
      norm_run<kKind>(x + at, rule, rows.width, y + at, moments.inverse[run],
                      kKind == NormKind::kLayer ? moments.mean + run : nullptr);
    }
}

template <class Value>
SLIPWAY_INLINE void norm_of_kind(const float* x, const NormRule& rule, const NormRows& rows,
                                 Value* y, const NormMoments& moments) {
  if (rule.kind == NormKind::kRms) norm_rows<NormKind::kRms>(x, rule, rows, y, moments);
  else if (rule.kind == NormKind::kLayer) norm_rows<NormKind::kLayer>(x, rule, rows, y, moments);
  else norm_rows<NormKind::kRmsPlusOne>(x, rule, rows, y, moments);
}

// Of x / sqrt(mean(x^2) + eps) * w.
template <NormKind kKind>
SLIPWAY_INLINE void rms_run_backward(const float* grad_y, const float* x, const float* w,
                                     int64_t width, float scale, float* grad_x, float* grad_w) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (int64_t i = 0; i < width; ++i) dot += grad_y[i] * factor_of<kKind>(w[i]) * x[i];
  const float pull = dot * scale * scale * scale / static_cast<float>(width);
#pragma omp simd
  for (int64_t i = 0; i < width; ++i) {
    const float g = grad_y[i];
    grad_w[i] += g * x[i] * scale;
    grad_x[i] = g * factor_of<kKind>(w[i]) * scale - x[i] * pull;
  }
}

// Of (x - mean) / sqrt(variance + eps) * w + bias.
SLIPWAY_INLINE void layer_run_backward(const float* grad_y, const float* x, const float* w,
                                       int64_t width, float scale, float mean, float* grad_x,
                                       float* grad_w, float* grad_bias) {
  float sum = 0, dot = 0;
#pragma omp simd reduction(+ : sum, dot)
  for (int64_t i = 0; i < width; ++i) {
    sum += grad_y[i] * w[i];
    dot += grad_y[i] * w[i] * (x[i] - mean) * scale;
  }
  sum /= static_cast<float>(width), dot /= static_cast<float>(width);
  if (grad_bias != nullptr) {
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) grad_bias[i] += grad_y[i];
  }
#pragma omp simd
  for (int64_t i = 0; i < width; ++i) {
    const float g = grad_y[i], normed = (x[i] - mean) * scale;
    grad_w[i] += g * normed;
    grad_x[i] = scale * (g * w[i] - sum - normed * dot);
  }
}

template <NormKind kKind>
SLIPWAY_INLINE void norm_rows_backward(const float* grad_y, const float* x, const NormRule& rule,
                                       const NormRows& rows, const NormMoments& moments,
                                       const float* residual, float* grad_x, float* grad_w,
                                       float* grad_bias) {
  const int64_t width = rows.width;
  for (int64_t r = 0; r < rows.rows; ++r)
    for (int64_t g = 0; g < rows.groups; ++g) {
      const int64_t at = r * rows.row + g * width, run = r * rows.groups + g;
      if constexpr (kKind == NormKind::kLayer)
        layer_run_backward(grad_y + at, x + at, rule.w, width, moments.inverse[run],
                           moments.mean[run], grad_x + at, grad_w, grad_bias);
      else
        rms_run_backward<kKind>(grad_y + at, x + at, rule.w, width, moments.inverse[run],
                                grad_x + at, grad_w);
      if (residual == nullptr) continue;
#pragma omp simd
      for (int64_t i = 0; i < width; ++i) grad_x[at + i] += residual[at + i];
    }
}

}  // namespace

SLIPWAY_CLONES void norm(const float* x, const NormRule& rule, const NormRows& rows, float* y,
                         const NormMoments& moments) {
  norm_of_kind(x, rule, rows, y, moments);
}
SLIPWAY_CLONES void norm(const float* x, const NormRule& rule, const NormRows& rows, uint16_t* y,
                         const NormMoments& moments) {
  norm_of_kind(x, rule, rows, y, moments);
}

SLIPWAY_CLONES void norm_backward(const float* grad_y, const float* x, const NormRule& rule,
                                  const NormRows& rows, const NormMoments& moments,
                                  const float* residual, float* grad_x, float* grad_w,
                                  float* grad_bias) {
  if (rule.kind == NormKind::kRms)
    norm_rows_backward<NormKind::kRms>(grad_y, x, rule, rows, moments, residual, grad_x, grad_w,
                                       grad_bias);
  else if (rule.kind == NormKind::kLayer)
    norm_rows_backward<NormKind::kLayer>(grad_y, x, rule, rows, moments, residual, grad_x, grad_w,
                                         grad_bias);
  else
    norm_rows_backward<NormKind::kRmsPlusOne>(grad_y, x, rule, rows, moments, residual, grad_x,
                                              grad_w, grad_bias);
}

}  // namespace slipway::kernels
