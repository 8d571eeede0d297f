// Functions of one number in a form that compilers turn into vector code.
#pragma once
#include "kernels/cpu/exponential.h"

namespace slipway::kernels {

// tanh(x) within 2 units in the last place (coefficients: Cephes, tanhf).
inline float hyperbolic_tangent(float x) {
  const float size = x < 0 ? -x : x, z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const float near_zero = p * z * x + x,
              far = 1.0f - 2.0f / (exponential(2.0f * (size > 10.0f ? 10.0f : size)) + 1.0f);
  return size < 0.625f ? near_zero : x < 0 ? -far : far;
}

// The normal distribution's share below x, (1 + erf(x / sqrt(2))) / 2, within 2e-7: a polynomial of
// 1 / (1 + z / 2), z = |x| / sqrt(2), in the exponent of erfc(z).
inline float normal_share(float x) {
  const float z = (x < 0 ? -x : x) * 0.70710678118654752f, t = 1.0f / (1.0f + 0.5f * z);
  float p = 0.17087277f;
  p = p * t - 0.82215223f;
  p = p * t + 1.48851587f;
  p = p * t - 1.13520398f;
  p = p * t + 0.27886807f;
  p = p * t - 0.18628806f;
  p = p * t + 0.09678418f;
  p = p * t + 0.37409196f;
  p = p * t + 1.00002368f;
  p = p * t - 1.26551223f;
  const float tail = 0.5f * t * exponential(p - z * z);
  return x < 0 ? tail : 1.0f - tail;
}
// Its slope, exp(-x^2 / 2) / sqrt(2 pi).
inline float normal_density(float x) { return 0.39894228040143268f * exponential(-0.5f * x * x); }

}  // namespace slipway::kernels
