// Reading and writing Values in a kernel, float32 or bfloat16, one at a time or four; and going
// over many of them so.
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

// Places side by side, kCount from `at` on.
template <int kNumber>
struct Places {
  static constexpr int kCount = kNumber;
  int64_t at;
};
// Work of thread `mine` of `threads`: work(Places) for its share of `count` places, four at a time
// where `together`, the rest one at a time.
template <class Work>
__device__ inline void for_places(int64_t count, bool together, int64_t mine, int64_t threads,
                                  const Work& work) {
  const int64_t fours = together ? count / 4 : 0;
  for (int64_t i = mine; i < fours; i += threads) work(Places<4>{4 * i});
  for (int64_t i = 4 * fours + mine; i < count; i += threads) work(Places<1>{i});
}

// The same of all threads of a launch, however many blocks there are.
template <class Work>
__device__ inline void for_all_places(int64_t count, bool together, const Work& work) {
  for_places(count, together, own_index(), all_threads(), work);
}
// work(i) for every i below `count`, likewise.
template <class Work>
__device__ inline void for_each_index(int64_t count, const Work& work) {
  for (int64_t i = own_index(); i < count; i += all_threads()) work(i);
}

// Their values.
template <int kCount>
struct Few {
  float at[kCount];
};
template <int kCount>
__device__ inline Few<kCount> values_at(ConstValues from, Places<kCount> places) {
  if constexpr (kCount == 1) return {{value_at(from, places.at)}};
  else {
    const float4 four = four_values_at(from, places.at);
    return {{four.x, four.y, four.z, four.w}};
  }
}
template <int kCount>
__device__ inline Few<kCount> values_or_zeros(ConstValues from, Places<kCount> places) {
  return from ? values_at(from, places) : Few<kCount>{};
}
template <int kCount>
__device__ inline void put_values(Values to, Places<kCount> places, const Few<kCount>& values) {
  if constexpr (kCount == 1) put_value(to, places.at, values.at[0]);
  else put_four_values(to, places.at, {values.at[0], values.at[1], values.at[2], values.at[3]});
}
// of(0), of(1), .., as their values, and the sum.
template <int kCount, class Of>
__device__ inline Few<kCount> each_of(Places<kCount>, const Of& of) {
  Few<kCount> out;
  SLIPWAY_UNROLL
  for (int p = 0; p < kCount; ++p) out.at[p] = of(p);
  return out;
}
template <int kCount, class Of>
__device__ inline auto sum_over(Places<kCount>, const Of& of) {
  if constexpr (kCount == 1) return of(0);
  else return (of(0) + of(1)) + (of(2) + of(3));
}

}  // namespace slipway::cuda
