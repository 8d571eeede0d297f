// AVX-512 BF16 and AMX on any processor: as much of them as the kernels of bfloat16 products use,
// by the definitions of Intel's manual (denormals are zeros, pairs are summed in the instruction's
// own order). Included before a kernel's source, which then needs neither the instructions nor
// their headers. What the manual calls an exception is a std::logic_error.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "compute/bfloat16.h"

#define SLIPWAY_EMULATED_INSTRUCTIONS 1

namespace slipway::emulated {

// An operand, denormals taken for zero; a result likewise.
inline float flushed(float value) {
  return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0f, value) : value;
}
inline float operand(uint16_t bits) { return flushed(from_bfloat16(bits)); }

// The AMX state of a thread.
struct Tiles {
  bool configured = false;
  uint8_t rows[8] = {};
  uint16_t bytes[8] = {};
  alignas(64) uint8_t data[8][16][64] = {};
  int64_t dots = 0;  // done so far

  void check(int tile) const {
    if (!configured)
      throw std::logic_error("AMX: a tile is used before ldtilecfg or after tilerelease");
    if (rows[tile] == 0 || bytes[tile] == 0) throw std::logic_error("AMX: a tile without a shape");
  }
};
inline Tiles& tiles() {
  static thread_local Tiles state;
  return state;
}

inline void configure(const void* configuration) {
  const auto* at = static_cast<const uint8_t*>(configuration);
  Tiles& t = tiles();
  if (at[0] != 1) throw std::logic_error("AMX: palette 1 is needed");
  for (int i = 2; i < 16; ++i)
    if (at[i] != 0) throw std::logic_error("AMX: reserved bytes must be 0");
  for (int i = 0; i < 8; ++i) {
    std::memcpy(&t.bytes[i], at + 16 + 2 * i, sizeof t.bytes[i]);
    t.rows[i] = at[48 + i];
    if (t.bytes[i] > 64 || t.rows[i] > 16)
      throw std::logic_error("AMX: a tile has at most 16 rows of 64 bytes");
  }
  std::memset(t.data, 0, sizeof t.data);
  t.configured = true;
}
inline void release() { tiles().configured = false; }

inline void zero(int tile) {
  tiles().check(tile);
  std::memset(tiles().data[tile], 0, sizeof tiles().data[tile]);
}
inline void load(int tile, const void* from, int64_t row_bytes) {
  Tiles& t = tiles();
  t.check(tile);
  std::memset(t.data[tile], 0, sizeof t.data[tile]);
  for (int r = 0; r < t.rows[tile]; ++r)
    std::memcpy(t.data[tile][r], static_cast<const uint8_t*>(from) + r * row_bytes, t.bytes[tile]);
}
inline void store(int tile, void* to, int64_t row_bytes) {
  Tiles& t = tiles();
  t.check(tile);
  for (int r = 0; r < t.rows[tile]; ++r)
    std::memcpy(static_cast<uint8_t*>(to) + r * row_bytes, t.data[tile][r], t.bytes[tile]);
}
// Tile c += tile a x tile b: even and odd elements of a pair are summed apart, over all of k, then
// added.
inline void dot(int c, int a, int b) {
  Tiles& t = tiles();
  for (const int tile : {c, a, b}) t.check(tile);
  if (t.rows[c] != t.rows[a] || t.bytes[c] != t.bytes[b] || t.bytes[a] / 4 != t.rows[b])
    throw std::logic_error("AMX: the tiles' shapes do not fit");
  ++t.dots;
  for (int m = 0; m < t.rows[c]; ++m)
    for (int n = 0; n < t.bytes[c] / 4; ++n) {
      float sums[2] = {};
      for (int k = 0; k < t.rows[b]; ++k)
        for (int half = 0; half < 2; ++half) {
          uint16_t x = 0, y = 0;
          std::memcpy(&x, t.data[a][m] + 4 * k + 2 * half, sizeof x);
          std::memcpy(&y, t.data[b][k] + 4 * n + 2 * half, sizeof y);
          sums[half] = flushed(std::fma(operand(x), operand(y), sums[half]));
        }
      float sum = 0;
      std::memcpy(&sum, t.data[c][m] + 4 * n, sizeof sum);
      sum = flushed(flushed(sum) + flushed(sums[0] + sums[1]));
      std::memcpy(t.data[c][m] + 4 * n, &sum, sizeof sum);
    }
}

}  // namespace slipway::emulated

#define SLIPWAY_CONFIGURE(configuration) ::slipway::emulated::configure(&(configuration))
#define SLIPWAY_RELEASE() ::slipway::emulated::release()
#define SLIPWAY_ZERO(tile) ::slipway::emulated::zero(tile)
#define SLIPWAY_LOAD(tile, from, row_bytes) ::slipway::emulated::load(tile, from, row_bytes)
#define SLIPWAY_STORE(tile, to, row_bytes) ::slipway::emulated::store(tile, to, row_bytes)
#define SLIPWAY_DOT(c, a, b) ::slipway::emulated::dot(c, a, b)

// AVX-512: vectors of the compiler's own, 64 bytes.
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
