// Rounding and turning around with AVX-512 BF16, which rounds 32 numbers in an instruction
// (denormals to zero, as the kernels take them).
#include <algorithm>

#include "kernels/cpu/gemm_bf16.h"
#include "kernels/cpu/gemm_bf16_kernels.h"

#if defined(__x86_64__)
// what GCC 12's own AVX-512 header leaves so on purpose
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#define SLIPWAY_AVX512_BF16 __attribute__((target("arch=x86-64-v4,avx512bf16")))

namespace slipway::gemm_bf16 {
namespace {

// Of what is left of a row: `count` of at most 16 values.
SLIPWAY_AVX512_BF16 __m512 rest(const float* from, int64_t count) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), from);
}

SLIPWAY_AVX512_BF16 __m512i pairs(__m512 first, __m512 second) {
  // words 0 to 15 of the first, then of the second: one of each in turn
  alignas(64) static constexpr uint16_t kInTurn[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                       21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                       11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(kInTurn),
                                  reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first)));
}

SLIPWAY_AVX512_BF16 void round_row_512(const float* from, int64_t count, uint16_t* to) {
  int64_t i = 0;
  for (; i + 32 <= count; i += 32)
    _mm512_storeu_si512(to + i, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(
                                    _mm512_loadu_ps(from + i + 16), _mm512_loadu_ps(from + i))));
  for (; i < count; i += 16) {
    const int64_t here = std::min<int64_t>(16, count - i);
    _mm256_mask_storeu_epi16(to + i, static_cast<__mmask16>((1u << here) - 1),
                             reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(rest(from + i, here))));
  }
}

SLIPWAY_AVX512_BF16 void pair_up_512(const float* first, const float* second, int64_t count,
                                     uint32_t* to) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    _mm512_storeu_si512(to + i, pairs(_mm512_loadu_ps(first + i), _mm512_loadu_ps(second + i)));
  if (i < count)
    _mm512_mask_storeu_epi32(to + i, static_cast<__mmask16>((1u << (count - i)) - 1),
                             pairs(rest(first + i, count - i), rest(second + i, count - i)));
}

SLIPWAY_AVX512_BF16 void pair_bfloats_512(const uint16_t* first, const uint16_t* second,
                                          int64_t count, uint32_t* to) {
  for (int64_t i = 0; i < count; i += 16) {
    const auto here = static_cast<__mmask16>((1u << std::min<int64_t>(16, count - i)) - 1);
    const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(here, first + i)),
                  high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(here, second + i));
    _mm512_mask_storeu_epi32(to + i, here, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
  }
}

SLIPWAY_AVX512_BF16 void turn_512(const uint32_t* from, uint32_t* to, int64_t to_row) {
  __m512i r[16], s[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_si512(from + i * 16);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    s[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    s[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4)
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      r[i + 2 * j] = _mm512_unpacklo_epi64(s[i + j], s[i + j + 2]);
      r[i + 2 * j + 1] = _mm512_unpackhi_epi64(s[i + j], s[i + j + 2]);
    }
  // r[4 g + c], lane l: rows 4 g to 4 g + 3 of column 4 l + c
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const __m512i low = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x88),
                  high = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0x88),
                  odd_low = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xDD),
                  odd_high = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0xDD);
    _mm512_storeu_si512(to + c * to_row, _mm512_shuffle_i32x4(low, high, 0x88));
    _mm512_storeu_si512(to + (8 + c) * to_row, _mm512_shuffle_i32x4(low, high, 0xDD));
    _mm512_storeu_si512(to + (4 + c) * to_row, _mm512_shuffle_i32x4(odd_low, odd_high, 0x88));
    _mm512_storeu_si512(to + (12 + c) * to_row, _mm512_shuffle_i32x4(odd_low, odd_high, 0xDD));
  }
}

SLIPWAY_AVX512_BF16 void pair_panel_512(const float* from, int64_t rows, uint16_t* pairs_to,
                                        uint16_t* as_rows, int64_t row) {
  for (int64_t r = 0; r < rows; r += 2, from += 2 * kColumns, pairs_to += 2 * kColumns) {
    const __m512 low = _mm512_loadu_ps(from), high = _mm512_loadu_ps(from + 16),
                 next_low = _mm512_loadu_ps(from + kColumns),
                 next_high = _mm512_loadu_ps(from + kColumns + 16);
    _mm512_storeu_si512(pairs_to, pairs(low, next_low));
    _mm512_storeu_si512(pairs_to + kColumns, pairs(high, next_high));
    if (as_rows == nullptr) continue;
    uint16_t* const to = as_rows + r * row;
    _mm512_storeu_si512(to, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)));
    _mm512_storeu_si512(to + row,
                        reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(next_high, next_low)));
  }
}

}  // namespace

const PackKernels kAvx512Pack = {round_row_512, pair_up_512, pair_bfloats_512, turn_512,
                                 pair_panel_512};

}  // namespace slipway::gemm_bf16
#endif
