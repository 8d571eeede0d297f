// AMX: tiles of 16 rows x 64 bytes. Two tiles of a times two of b make four of y.
#include <algorithm>
#include <cstring>
#include <span>

#include "compute/tiles.h"
#include "kernels/cpu/gemm_bf16.h"
#include "kernels/cpu/gemm_bf16_kernels.h"

#if defined(__x86_64__)
#if !defined(SLIPWAY_EMULATED_INSTRUCTIONS)  // tests compile this once more, over
                                             // tests/unit/kernels/cpu/emulated_tiles.h
#include "kernels/cpu/tile_instructions.h"
#endif

namespace slipway::gemm_bf16 {
namespace {

constexpr int64_t kTile = 16;  // rows of a tile, and float32 columns; twice as many bfloat16

// What sums will be added to is asked of memory while dot() works: its short rows lie far apart,
// and nothing foresees them.
void ask_for(const float* y, int64_t y_row, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r) {
    __builtin_prefetch(y + r * y_row, 1);
    __builtin_prefetch(y + r * y_row + kTile, 1);
  }
}

// sums [32][kColumns] (+)= a [32][depth] times panel [depth / 2][32][2]; where not `both`, the
// first 16 rows alone. Tiles 0 and 1: the first 16 rows; 2 and 3: the next.
void dot(const uint16_t* a, int64_t a_row, const uint16_t* panel, int64_t depth, bool both,
         bool add, float* sums, int64_t sums_row) {
  const int64_t a_bytes = a_row * 2, b_bytes = kColumns * 4, bytes = sums_row * 4;
  float* const next = sums + kTile * sums_row;
  if (add) {
    SLIPWAY_LOAD(0, sums, bytes);
    SLIPWAY_LOAD(1, sums + kTile, bytes);
    if (both) {
      SLIPWAY_LOAD(2, next, bytes);
      SLIPWAY_LOAD(3, next + kTile, bytes);
    }
  } else {
    SLIPWAY_ZERO(0);
    SLIPWAY_ZERO(1);
    SLIPWAY_ZERO(2);
    SLIPWAY_ZERO(3);
  }
  for (int64_t i = 0; i < depth; i += 2 * kTile, a += 2 * kTile, panel += 2 * kTile * kColumns) {
    SLIPWAY_LOAD(4, a, a_bytes);
    SLIPWAY_LOAD(6, panel, b_bytes);
    SLIPWAY_LOAD(7, panel + kColumns, b_bytes);
    SLIPWAY_DOT(0, 4, 6);
    SLIPWAY_DOT(1, 4, 7);
    if (both) {
      SLIPWAY_LOAD(5, a + kTile * a_row, a_bytes);
      SLIPWAY_DOT(2, 5, 6);
      SLIPWAY_DOT(3, 5, 7);
    }
  }
  SLIPWAY_STORE(0, sums, bytes);
  SLIPWAY_STORE(1, sums + kTile, bytes);
  if (both) {
    SLIPWAY_STORE(2, next, bytes);
    SLIPWAY_STORE(3, next + kTile, bytes);
  }
}

// What one pass goes over. Parts of its panels and of 32 rows share the first-level cache; the
// panels' stay there for all rows, and the rows' for all panels.
constexpr int64_t kPassPanels = 2, kPassRows = 128, kDeepestPass = 320;

// Where the sums of a pass and one of its panels are: in y itself where they can be, else in memory
// of their own.
struct Sums {
  Values y;
  int64_t used;
  bool in_place;
  float* data;
  int64_t row;
};

// Rows [row, row + rows) of y, at most kPassRows, and panels [first, last), at most kPassPanels.
void pass(const Product& p, int64_t first, int64_t last, int64_t row, int64_t rows) {
  alignas(64) float memory[kPassPanels][kPassRows * kColumns];
  Sums sums[kPassPanels];
  for (int64_t panel = first; panel < last; ++panel) {
    Sums& s = sums[panel - first];
    s.y = p.y + (row * p.y_row + panel * kColumns);
    s.used = std::min(kColumns, p.n - panel * kColumns);
    s.in_place = !p.add && s.y.floats != nullptr && s.used == kColumns && rows % kTile == 0;
    s.data = s.in_place ? s.y.floats : memory[panel - first];
    s.row = s.in_place ? p.y_row : kColumns;
    if (p.add) ask_for(s.y.floats, p.y_row, rows);
  }
  const int64_t passes = (p.depth + kDeepestPass - 1) / kDeepestPass,
                pass_depth = gemm_bf16::depth((p.depth + passes - 1) / passes);
  for (int64_t i = 0; i < p.depth; i += pass_depth)
    for (int64_t r = 0; r < rows; r += kRows)
      for (int64_t panel = first; panel < last; ++panel) {
        const Sums& s = sums[panel - first];
        dot(p.a + (row + r) * p.a_row + i, p.a_row, p.b + (panel * p.depth + i) * kColumns,
            std::min(pass_depth, p.depth - i), rows - r > kTile, i > 0, s.data + r * s.row, s.row);
      }
  for (const Sums& s : std::span(sums, static_cast<size_t>(last - first)))
    if (!s.in_place) put_sums(s.data, rows, s.used, s.y, p.y_row, p.add);
}

}  // namespace

void multiply_amx(const Product& p) {
  const TileConfiguration configuration;
  SLIPWAY_CONFIGURE(configuration);
  for (int64_t panel = p.first; panel < p.last; panel += kPassPanels)
    for (int64_t r = 0; r < p.rows; r += kPassRows)
      pass(p, panel, std::min(p.last, panel + kPassPanels), r, std::min(kPassRows, p.rows - r));
  SLIPWAY_RELEASE();  // the thread's state is small again, and its core may sleep deeply
}

}  // namespace slipway::gemm_bf16
#endif
