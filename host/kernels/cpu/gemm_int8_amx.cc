// AMX: a row of 16 bits is two rows of a tile, its upper and its lower bytes. A tile of eight rows
// meets two of 16 columns, a group at a time: each group has scales of its own, so tiles hold the
// sums of one alone, and vectors add them up.
#include <algorithm>

#include "compute/instruction_sets.h"
#include "compute/tiles.h"
#include "kernels/cpu/gemm_int8.h"
#include "kernels/cpu/gemm_int8_kernels.h"

#if defined(__x86_64__)
#if !defined(SLIPWAY_EMULATED_INSTRUCTIONS)  // tests compile this once more, over
                                             // tests/unit/kernels/cpu/emulated_tiles.h
#pragma GCC diagnostic ignored \
    "-Wmaybe-uninitialized"  // what GCC 12's own AVX-512 header leaves so on purpose
#include <immintrin.h>

#include "kernels/cpu/tile_instructions.h"
#define SLIPWAY_AVX512 SLIPWAY_TARGET("arch=x86-64-v4")
#endif

namespace slipway::gemm_int8 {
namespace {

constexpr int64_t kColumns = 32, kTile = 16, kMost = 8;
constexpr int64_t kTileBytes = kTile * kGroup, kTileRow = 64, kScaleBytes = kColumns * 4,
                  kGroupBytes = kScaleBytes + 2 * kTileBytes;

// Some groups of a tile.
struct Part {
  const std::byte* a;
  int64_t a_bytes, groups;
  const std::byte* panel;
  float* sums;       // [rows][kColumns]: of the groups before and, with `end`, not of these
  bool begin, end;   // with the first group, with the last one
  uint32_t columns;  // a bit for each column that y has
  const float* scales;
  float* y;
  int64_t y_row;
  bool add;
};

SLIPWAY_AVX512 inline void put(__m512 sum, float scale, uint32_t columns, float* y, bool add) {
  const auto mask = static_cast<__mmask16>(columns);
  __m512 out = _mm512_mul_ps(sum, _mm512_set1_ps(scale));
  if (add) out = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, y), out);
  _mm512_mask_storeu_ps(y, mask, out);
}

// Upper and lower halves of eight rows times a group, [2][16 rows][16 columns].
using Halves = int32_t[2][kTile * kTile];

template <int M>
SLIPWAY_AVX512 __attribute__((always_inline)) inline void add_scaled(const Halves& halves,
                                                                     const std::byte* group,
                                                                     __m512 (&sum)[M][2]) {
#pragma GCC unroll 2
  for (int v = 0; v < 2; ++v) {
    const __m512 scale = _mm512_loadu_ps(group + v * kTileRow);
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) {
      const int32_t* const upper = halves[v] + 2 * m * kTile;
      const __m512i whole = _mm512_add_epi32(_mm512_slli_epi32(_mm512_loadu_si512(upper), 8),
                                             _mm512_loadu_si512(upper + kTile));
      sum[m][v] = _mm512_add_ps(sum[m][v], _mm512_mul_ps(_mm512_cvtepi32_ps(whole), scale));
    }
  }
}

// Tiles c and d = the rows times a group; storing them.
#define SLIPWAY_DOT_GROUP(c, d, a_tile)                        \
  SLIPWAY_LOAD(a_tile, a, t.a_bytes);                          \
  SLIPWAY_LOAD(6, group + kScaleBytes, kTileRow);              \
  SLIPWAY_LOAD(7, group + kScaleBytes + kTileBytes, kTileRow); \
  SLIPWAY_ZERO(c);                                             \
  SLIPWAY_ZERO(d);                                             \
  SLIPWAY_DOT_INT8(c, a_tile, 6);                              \
  SLIPWAY_DOT_INT8(d, a_tile, 7);                              \
  a += kGroup, group += kGroupBytes
#define SLIPWAY_STORE_GROUP(c, d, halves) \
  SLIPWAY_STORE(c, halves[0], kTileRow);  \
  SLIPWAY_STORE(d, halves[1], kTileRow)

// While the tiles work on one group, the vectors take what the one before it gave.
template <int M>
SLIPWAY_AVX512 void tile(const Part& t) {
  alignas(64) Halves even, odd;
  __m512 sum[M][2];
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v)
      sum[m][v] =
          t.begin ? _mm512_setzero_ps() : _mm512_loadu_ps(t.sums + m * kColumns + v * kTile);
  const std::byte *a = t.a, *group = t.panel;
  int64_t g = 0;
  for (; g + 2 <= t.groups; g += 2) {
    SLIPWAY_DOT_GROUP(0, 1, 4);
    if (g > 0) add_scaled(odd, group - 2 * kGroupBytes, sum);
    SLIPWAY_STORE_GROUP(0, 1, even);
    SLIPWAY_DOT_GROUP(2, 3, 5);
    add_scaled(even, group - 2 * kGroupBytes, sum);
    SLIPWAY_STORE_GROUP(2, 3, odd);
  }
  if (g > 0) add_scaled(odd, group - kGroupBytes, sum);
  if (g < t.groups) {
    SLIPWAY_DOT_GROUP(0, 1, 4);
    SLIPWAY_STORE_GROUP(0, 1, even);
    add_scaled(even, group - kGroupBytes, sum);
  }
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) {
    if (t.end) {
      put(sum[m][0], t.scales[m], t.columns, t.y + m * t.y_row, t.add);
      put(sum[m][1], t.scales[m], t.columns >> kTile, t.y + m * t.y_row + kTile, t.add);
    } else {
      _mm512_storeu_ps(t.sums + m * kColumns, sum[m][0]);
      _mm512_storeu_ps(t.sums + m * kColumns + kTile, sum[m][1]);
    }
  }
}

constexpr void (*kTiles[kMost])(const Part&) = {tile<1>, tile<2>, tile<3>, tile<4>,
                                                tile<5>, tile<6>, tile<7>, tile<8>};

// Groups of a pass over a panel, whose part stays in the first-level cache for all rows.
constexpr int64_t kPassGroups = 12, kPassRows = 64;

void pass(const Product& p, int64_t panel, int64_t row, int64_t rows, int64_t each) {
  alignas(64) float sums[kPassRows * kColumns];
  const int64_t groups = p.depth / kGroup, passes = (groups + kPassGroups - 1) / kPassGroups,
                used = std::min(kColumns, p.n - panel * kColumns);
  const auto columns = static_cast<uint32_t>((uint64_t{1} << used) - 1);
  for (int64_t i = 0; i < passes; ++i) {
    const int64_t begin = i * groups / passes, end = (i + 1) * groups / passes;
    for (int64_t r = 0; r < rows; r += each) {
      const int64_t here = std::min(each, rows - r);
      kTiles[here - 1]({p.a + (row + r) * 2 * p.depth + begin * kGroup, p.depth, end - begin,
                        p.b + (panel * groups + begin) * kGroupBytes, sums + r * kColumns, i == 0,
                        i + 1 == passes, columns, p.a_scales + row + r,
                        p.y + (row + r) * p.y_row + panel * kColumns, p.y_row, p.add});
    }
  }
}

void multiply_amx(const Product& p) {
  const int64_t tiles = (p.rows + kMost - 1) / kMost, each = (p.rows + tiles - 1) / tiles,
                rows = kPassRows / each * each;
  TileConfiguration configuration;
  for (const int tile : {0, 1, 2, 3, 4, 5})
    configuration.rows[tile] = static_cast<uint8_t>(2 * each);
  SLIPWAY_CONFIGURE(configuration);
  for (int64_t panel = p.first; panel < p.last; ++panel)
    for (int64_t r = 0; r < p.rows; r += rows) pass(p, panel, r, std::min(rows, p.rows - r), each);
  SLIPWAY_RELEASE();
}

}  // namespace

const Kernel kAmx{"amx", kColumns, 4, kTile, true, multiply_amx};

}  // namespace slipway::gemm_int8
#endif
