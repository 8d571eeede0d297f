// AVX-512 with BF16 on any processor: as much of it as the kernels use, on vectors of the
// compiler's own, 64 bytes. Included before a kernel's source.
#pragma once
#include "tests/unit/kernels/cpu/emulated_tiles.h"

#define SLIPWAY_AVX512
#define SLIPWAY_AVX512_BF16
using __m512 = float __attribute__((vector_size(64)));
using __m512i = int32_t __attribute__((vector_size(64)));
using __m512bh = uint16_t __attribute__((vector_size(64)));
using __mmask16 = uint16_t;

inline __m512 _mm512_setzero_ps() { return __m512{}; }
inline __m512i _mm512_loadu_si512(const void* from) {
  __m512i out;
  std::memcpy(&out, from, sizeof out);
  return out;
}
inline __m512i _mm512_set1_epi32(int32_t value) { return __m512i{} + value; }
inline __m512i _mm512_add_epi32(__m512i a, __m512i b) { return a + b; }
inline __m512i _mm512_slli_epi32(__m512i a, int by) { return a << by; }
inline __m512 _mm512_cvtepi32_ps(__m512i a) { return __builtin_convertvector(a, __m512); }
inline __m512 _mm512_set1_ps(float value) { return __m512{} + value; }
inline __m512 _mm512_mul_ps(__m512 a, __m512 b) { return a * b; }
inline __m512 _mm512_loadu_ps(const void* from) {
  __m512 out;
  std::memcpy(&out, from, sizeof out);
  return out;
}
inline void _mm512_storeu_ps(void* to, __m512 value) { std::memcpy(to, &value, sizeof value); }
inline __m512 _mm512_add_ps(__m512 a, __m512 b) { return a + b; }
inline __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const float* from) {
  __m512 out{};
  for (int i = 0; i < 16; ++i)
    if ((mask >> i & 1) != 0) out[i] = from[i];
  return out;
}
inline void _mm512_mask_storeu_ps(float* to, __mmask16 mask, __m512 value) {
  for (int i = 0; i < 16; ++i)
    if ((mask >> i & 1) != 0) to[i] = value[i];
}
// sum += the dot product of each pair, the second first.
inline __m512 _mm512_dpbf16_ps(__m512 sum, __m512bh a, __m512bh b) {
  using slipway::emulated::flushed, slipway::emulated::operand;
  for (int i = 0; i < 16; ++i)
    for (const int half : {1, 0})
      sum[i] =
          flushed(std::fma(operand(a[2 * i + half]), operand(b[2 * i + half]), flushed(sum[i])));
  return sum;
}
