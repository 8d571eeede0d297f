// Chains of multiply-adds in vector registers. Every operand is 1, unknown to the compiler; every
// chain begins with a number of its own, or it would make one of all.
#include "compute/instruction_sets.h"
#include "compute/peak_bursts.h"

#if defined(__x86_64__)
#pragma GCC diagnostic ignored \
    "-Wmaybe-uninitialized"  // what GCC 12's own AVX-512 header leaves so on purpose
#include <immintrin.h>
#endif

namespace slipway::peak_bursts {
namespace {

using Four = float __attribute__((vector_size(16)));

// 0 + 1 + ... of `lanes` lanes each: what the chains began with.
constexpr double began_with(int lanes) { return lanes * kChains * (kChains - 1) / 2.0; }

template <class Number>
double sum(const Number* numbers, int count) {
  double out = 0;
  for (int i = 0; i < count; ++i) out += static_cast<double>(numbers[i]);
  return out;
}

}  // namespace

double plain_float32(int repeats) {
  volatile float unknown = 1;
  const Four one = {unknown, unknown, unknown, unknown};
  Four chain[kChains];
  for (int c = 0; c < kChains; ++c) chain[c] = static_cast<float>(c) * one;
  for (int i = 0; i < repeats; ++i)
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) chain[c] = chain[c] * one + one;
  double out = -began_with(4);
  for (const Four& each : chain) out += double{each[0]} + each[1] + each[2] + each[3];
  return out;
}

#if defined(__x86_64__)

SLIPWAY_TARGET("avx2,fma") double avx2_float32(int repeats) {
  volatile float unknown = 1;
  const __m256 one = _mm256_set1_ps(unknown);
  __m256 chain[kChains];
  for (int c = 0; c < kChains; ++c) chain[c] = _mm256_set1_ps(static_cast<float>(c));
  for (int i = 0; i < repeats; ++i)
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) chain[c] = _mm256_fmadd_ps(one, one, chain[c]);
  float numbers[kChains * 8];
  for (int c = 0; c < kChains; ++c) _mm256_storeu_ps(numbers + 8 * c, chain[c]);
  return sum(numbers, kChains * 8) - began_with(8);
}

SLIPWAY_TARGET("avx512f") double avx512_float32(int repeats) {
  volatile float unknown = 1;
  const __m512 one = _mm512_set1_ps(unknown);
  __m512 chain[kChains];
  for (int c = 0; c < kChains; ++c) chain[c] = _mm512_set1_ps(static_cast<float>(c));
  for (int i = 0; i < repeats; ++i)
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) chain[c] = _mm512_fmadd_ps(one, one, chain[c]);
  float numbers[kChains * 16];
  for (int c = 0; c < kChains; ++c) _mm512_storeu_ps(numbers + 16 * c, chain[c]);
  return sum(numbers, kChains * 16) - began_with(16);
}

SLIPWAY_TARGET("avx512f,avx512bf16") double avx512_bfloat16(int repeats) {
  volatile int unknown = 0x3F803F80;  // two ones
  const auto ones = reinterpret_cast<__m512bh>(_mm512_set1_epi32(unknown));
  __m512 chain[kChains];
  for (int c = 0; c < kChains; ++c) chain[c] = _mm512_set1_ps(static_cast<float>(c));
  for (int i = 0; i < repeats; ++i)
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) chain[c] = _mm512_dpbf16_ps(chain[c], ones, ones);
  float numbers[kChains * 16];
  for (int c = 0; c < kChains; ++c) _mm512_storeu_ps(numbers + 16 * c, chain[c]);
  return sum(numbers, kChains * 16) - began_with(16);
}

SLIPWAY_TARGET("avx2,avxvnni") double avx_int8(int repeats) {
  volatile int unknown = 0x01010101;  // four ones
  const __m256i ones = _mm256_set1_epi32(unknown);
  __m256i chain[kChains];
  for (int c = 0; c < kChains; ++c) chain[c] = _mm256_set1_epi32(c);
  for (int i = 0; i < repeats; ++i)
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) chain[c] = _mm256_dpbusd_avx_epi32(chain[c], ones, ones);
  int numbers[kChains * 8];
  for (int c = 0; c < kChains; ++c)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(numbers + 8 * c), chain[c]);
  return sum(numbers, kChains * 8) - began_with(8);
}

SLIPWAY_TARGET("avx512f,avx512vnni") double avx512_int8(int repeats) {
  volatile int unknown = 0x01010101;  // four ones
  const __m512i ones = _mm512_set1_epi32(unknown);
  __m512i chain[kChains];
  for (int c = 0; c < kChains; ++c) chain[c] = _mm512_set1_epi32(c);
  for (int i = 0; i < repeats; ++i)
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) chain[c] = _mm512_dpbusd_epi32(chain[c], ones, ones);
  int numbers[kChains * 16];
  for (int c = 0; c < kChains; ++c) _mm512_storeu_si512(numbers + 16 * c, chain[c]);
  return sum(numbers, kChains * 16) - began_with(16);
}

#endif

}  // namespace slipway::peak_bursts
