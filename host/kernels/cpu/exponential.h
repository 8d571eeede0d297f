// exp() in a form that compilers turn into vector code.
#pragma once
#include <bit>
#include <cstdint>

namespace slipway::kernels {

// exp(x) within 2 units in the last place: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2]
// (coefficients: Cephes, expf). 0 below the smallest normal result; not a number stays one.
inline float exponential(float x) {
  const float clamped = x < -87.3f ? -87.3f : x > 88.7f ? 88.7f : x;
  // Adding and taking away 1.5 * 2^23 rounds to a whole number, which then stands in the sum's low
  // bits.
  constexpr float kRound = 12582912.0f;
  const float shifted = clamped * 1.44269504088896341f + kRound;
  const float n = shifted - kRound;
  const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const float scale = std::bit_cast<float>(
      (std::bit_cast<int32_t>(shifted) - std::bit_cast<int32_t>(kRound) + 127) << 23);
  return x < -87.3f ? 0.0f : p * scale;
}

}  // namespace slipway::kernels
