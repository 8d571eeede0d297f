// Rounding float32 to bfloat16: its upper 16 bits, to the nearest, ties to even. Not a number stays
// one.
#pragma once
#include <bit>
#include <cstdint>

namespace slipway {

// The rounded value as float32: its lower 16 bits are 0.
inline float round_to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded =
      (bits & 0x7FFFFFFF) > 0x7F800000 ? bits | 0x00400000 : bits + 0x7FFF + ((bits >> 16) & 1);
  return std::bit_cast<float>(rounded & 0xFFFF0000);
}

inline uint16_t to_bfloat16(float value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(round_to_bfloat16(value)) >> 16);
}
// Two in one word, the first in its lower half.
inline uint32_t bfloat16_pair(float first, float second) {
  return std::bit_cast<uint32_t>(round_to_bfloat16(first)) >> 16 |
         std::bit_cast<uint32_t>(round_to_bfloat16(second));
}

inline float from_bfloat16(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

}  // namespace slipway
