// Reading and writing Values in a kernel, float32 or bfloat16, one at a time or four.
#pragma once
#include "kernels/cuda/dialect.h"
#include "kernels/values.h"

namespace slipway::cuda {

__device__ inline float value_at(ConstValues from, int64_t at) {
  return from.bfloats != nullptr ? float_of_bits(static_cast<uint32_t>(from.bfloats[at]) << 16)
                                 : from.floats[at];
}
__device__ inline void put_value(Values to, int64_t at, float value) {
  if (to.bfloats != nullptr) to.bfloats[at] = static_cast<uint16_t>(bfloat16_pair(value, 0));
  else to.floats[at] = value;
}

// Whether four values may be read or written at once wherever `at` is a multiple of four.
__device__ inline bool in_fours(ConstValues values) {
  const auto place = values.bfloats != nullptr ? reinterpret_cast<uintptr_t>(values.bfloats) * 2
                                               : reinterpret_cast<uintptr_t>(values.floats);
  return place % 16 == 0;
}
__device__ inline float4 four_values_at(ConstValues from, int64_t at) {
  if (from.bfloats == nullptr) return *reinterpret_cast<const float4*>(from.floats + at);
  const uint2 pairs = *reinterpret_cast<const uint2*>(from.bfloats + at);
  return {float_of_bits(pairs.x << 16), float_of_bits(pairs.x & 0xffff0000u),
          float_of_bits(pairs.y << 16), float_of_bits(pairs.y & 0xffff0000u)};
}
__device__ inline void put_four_values(Values to, int64_t at, const float4& four) {
  if (to.bfloats == nullptr) {
    *reinterpret_cast<float4*>(to.floats + at) = four;
    return;
  }
  *reinterpret_cast<uint2*>(to.bfloats + at) =
      uint2{bfloat16_pair(four.x, four.y), bfloat16_pair(four.z, four.w)};
}

}  // namespace slipway::cuda
