// AMX: tiles of 16 rows x 64 bytes. Two tiles of a times two of b make four of y. Written as
// assembly: the compiler's own functions do not tell it that they read memory.
#include <algorithm>
#include <cstring>

#include "compute/instruction_sets.h"
#include "kernels/cpu/gemm_bf16.h"
#include "kernels/cpu/gemm_bf16_kernels.h"

#if defined(__x86_64__)
namespace slipway::gemm_bf16 {
namespace {

constexpr int64_t kTile = 16;  // rows of a tile, and float32 columns; twice as many bfloat16

struct alignas(64) Configuration {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};  // of a row
  uint8_t rows[16] = {kTile, kTile, kTile, kTile, kTile, kTile, kTile, kTile};
};
static_assert(sizeof(Configuration) == 64);

#if !defined(SLIPWAY_EMULATED_INSTRUCTIONS)  // tests compile this once more, over
                                             // tests/unit/kernels/cpu/emulated_instructions.h
#define SLIPWAY_CONFIGURE(configuration) \
  asm volatile("ldtilecfg %0" ::"m"(configuration) : "memory")
#define SLIPWAY_RELEASE() asm volatile("tilerelease" ::: "memory")
#define SLIPWAY_ZERO(tile) asm volatile("tilezero %%tmm" #tile::)
#define SLIPWAY_LOAD(tile, from, row_bytes) \
  asm volatile("tileloadd (%0,%1,1), %%tmm" #tile::"r"(from), "r"(row_bytes) : "memory")
#define SLIPWAY_STORE(tile, to, row_bytes) \
  asm volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(to), "r"(row_bytes) : "memory")
// tile c += tile a x tile b.
#define SLIPWAY_DOT(c, a, b) asm volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c::)
#endif

// Tiles 0 and 1: the first 16 rows; 2 and 3: the next 16, where `both`. a [32][depth], panel [depth
// / 2][32][2].
void dot(const uint16_t* a, const uint16_t* panel, int64_t depth, bool both) {
  const int64_t a_bytes = depth * 2, b_bytes = kColumns * 4;
  SLIPWAY_ZERO(0);
  SLIPWAY_ZERO(1);
  SLIPWAY_ZERO(2);
  SLIPWAY_ZERO(3);
  for (int64_t i = 0; i < depth; i += 2 * kTile, a += 2 * kTile, panel += 2 * kTile * kColumns) {
    SLIPWAY_LOAD(4, a, a_bytes);
    SLIPWAY_LOAD(6, panel, b_bytes);
    SLIPWAY_LOAD(7, panel + kColumns, b_bytes);
    SLIPWAY_DOT(0, 4, 6);
    SLIPWAY_DOT(1, 4, 7);
    if (both) {
      SLIPWAY_LOAD(5, a + kTile * depth, a_bytes);
      SLIPWAY_DOT(2, 5, 6);
      SLIPWAY_DOT(3, 5, 7);
    }
  }
}

SLIPWAY_CLONES void put_sums(const float* sums, float* y, int64_t y_row, int64_t rows, int64_t used,
                             bool add) {
  for (int64_t r = 0; r < rows; ++r, y += y_row, sums += kColumns) {
    if (add)
      for (int64_t j = 0; j < used; ++j) y[j] += sums[j];
    else std::copy_n(sums, used, y);
  }
}

// The tiles' sums into y: at once where nothing is added and nothing hangs over, else through
// memory of their own.
void put(float* y, int64_t y_row, int64_t rows, int64_t used, bool add) {
  const int64_t y_bytes = y_row * 4;
  if (!add && used == kColumns && rows % kTile == 0) {
    SLIPWAY_STORE(0, y, y_bytes);
    SLIPWAY_STORE(1, y + kTile, y_bytes);
    if (rows > kTile) {
      SLIPWAY_STORE(2, y + kTile * y_row, y_bytes);
      SLIPWAY_STORE(3, y + kTile * y_row + kTile, y_bytes);
    }
    return;
  }
  alignas(64) float sums[kRows][kColumns];
  const int64_t bytes = sizeof sums[0];
  SLIPWAY_STORE(0, sums[0], bytes);
  SLIPWAY_STORE(1, sums[0] + kTile, bytes);
  SLIPWAY_STORE(2, sums[kTile], bytes);
  SLIPWAY_STORE(3, sums[kTile] + kTile, bytes);
  put_sums(sums[0], y, y_row, rows, used, add);
}

}  // namespace

void multiply_amx(const Product& p) {
  const Configuration configuration;
  SLIPWAY_CONFIGURE(configuration);
  for (int64_t panel = p.first; panel < p.last; ++panel)
    for (int64_t r = 0; r < p.rows; r += kRows) {
      const int64_t rows = std::min(kRows, p.rows - r);
      dot(p.a + r * p.depth, p.b + panel * kColumns * p.depth, p.depth, rows > kTile);
      put(p.y + r * p.y_row + panel * kColumns, p.y_row, rows,
          std::min(kColumns, p.n - panel * kColumns), p.add);
    }
  SLIPWAY_RELEASE();  // the thread's state is small again, and its core may sleep deeply
}

}  // namespace slipway::gemm_bf16
#endif
