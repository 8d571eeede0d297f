// AMX on any processor: as much of it as the kernels use, by the definitions of Intel's manual (of
// bfloat16, denormals are zeros, pairs are summed in the instruction's own order). Included before
// a kernel's source, which then needs neither the instructions nor their headers. What the manual
// calls an exception is a std::logic_error.
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
// Of three tiles that fit.
inline Tiles& dotted(int c, int a, int b) {
  Tiles& t = tiles();
  for (const int tile : {c, a, b}) t.check(tile);
  if (t.rows[c] != t.rows[a] || t.bytes[c] != t.bytes[b] || t.bytes[a] / 4 != t.rows[b])
    throw std::logic_error("AMX: the tiles' shapes do not fit");
  ++t.dots;
  return t;
}
// Tile c += tile a x tile b: of bfloat16, even and odd elements of a pair are summed apart, over
// all of k, then added; of int8, exactly.
inline void dot(int c, int a, int b) {
  Tiles& t = dotted(c, a, b);
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
inline void dot_int8(int c, int a, int b) {
  Tiles& t = dotted(c, a, b);
  for (int m = 0; m < t.rows[c]; ++m)
    for (int n = 0; n < t.bytes[c] / 4; ++n) {
      int32_t sum = 0;
      std::memcpy(&sum, t.data[c][m] + 4 * n, sizeof sum);
      for (int k = 0; k < t.bytes[a]; ++k)
        sum += static_cast<int8_t>(t.data[a][m][k]) *
               static_cast<int8_t>(t.data[b][k / 4][4 * n + k % 4]);
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
#define SLIPWAY_DOT_INT8(c, a, b) ::slipway::emulated::dot_int8(c, a, b)
