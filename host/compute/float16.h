// Rounding float32 to what float16 can hold (IEEE 754 binary16), to the nearest, ties to even.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace slipway {

// The rounded value as float32. From 65520 on it is infinite, not a number stays one. Without
// branches, for loops that become vectors.
inline float round_to_float16(float value) {
  const float size = std::fabs(value);
  const auto bits = std::bit_cast<uint32_t>(size);
  // 10 bits of the fraction stay; what is carried out of them is the exponent's
  const auto normal = std::bit_cast<float>((bits + 0xFFF + ((bits >> 13) & 1)) & 0xFFFFE000);
  // below 2^-14 values are multiples of 2^-24, as those are of float32 from 0.5 to 1
  const float small = (size + 0.5f) - 0.5f;
  float out = size < 0x1p-14f ? small : normal;
  out = size >= 65520.0f ? std::numeric_limits<float>::infinity() : out;
  return std::copysign(size != size ? size : out, value);
}

}  // namespace slipway
