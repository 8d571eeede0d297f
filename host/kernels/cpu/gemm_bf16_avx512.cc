// AVX-512 BF16: a tile of rows x 32 columns, each step the dot products of one pair of inputs. The
// instruction flushes denormals and rounds to the nearest, whatever the processor is set to. The
// lines of y are asked for before the sums begin, the next panel while they are made; few rows read
// at memory's own pace, and ask for nothing.
#include <algorithm>
#include <cstring>

#include "kernels/cpu/ahead.h"
#include "kernels/cpu/gemm_bf16.h"
#include "kernels/cpu/gemm_bf16_kernels.h"

#if defined(__x86_64__)
#if !defined(SLIPWAY_EMULATED_INSTRUCTIONS)  // tests compile this once more, over
                                             // tests/unit/kernels/cpu/emulated_avx512.h
#pragma GCC diagnostic ignored \
    "-Wmaybe-uninitialized"  // what GCC 12's own AVX-512 header leaves so on purpose
#include <immintrin.h>
#define SLIPWAY_AVX512_BF16 __attribute__((target("arch=x86-64-v4,avx512bf16")))
#endif

namespace slipway::gemm_bf16 {
namespace {

struct Tile {
  const uint16_t* a;
  int64_t a_row, depth;
  const uint16_t* panel;
  // What comes next is asked of memory while this is worked on: from `ahead` on, so many cache
  // lines every kSteps pairs.
  const char* ahead;
  int64_t ahead_lines;
  uint32_t columns;  // a bit for each column that y has
  float* y;
  int64_t y_row;
  bool add;
};

constexpr int64_t kSteps = 16;  // depths are multiples of as many pairs

// Pointers into the rows of a tile: one for three rows, which lie 0, 1 and 2 times the distance of
// rows from it. GCC would keep one for each row, more than the processor has registers; the empty
// assembly hides from it how they hang together.
constexpr int kRowsOfPointer = 3;
template <int M>
struct RowPointers {
  static constexpr int kCount = (M + kRowsOfPointer - 1) / kRowsOfPointer;
  const uint16_t* at[kCount];

  [[gnu::always_inline]] RowPointers(const uint16_t* a, int64_t row) {
#pragma GCC unroll 4
    for (int i = 0; i < kCount; ++i) at[i] = a + i * kRowsOfPointer * row;
    step(0);
  }
  [[gnu::always_inline]] void step(int64_t values) {
#pragma GCC unroll 4
    for (int i = 0; i < kCount; ++i) {
      at[i] += values;
      asm("" : "+r"(at[i]));
    }
  }
  [[gnu::always_inline]] const uint16_t* of(int m, int64_t row) const {
    return at[m / kRowsOfPointer] + m % kRowsOfPointer * row;
  }
};

template <int M>
SLIPWAY_AVX512_BF16 void tile(const Tile& t) {
  __m512 sum[M][2];
#pragma GCC unroll 16
  for (int m = 0; m < M; ++m) {
    __builtin_prefetch(t.y + m * t.y_row, 1);
    __builtin_prefetch(t.y + m * t.y_row + 16, 1);
    sum[m][0] = sum[m][1] = _mm512_setzero_ps();
  }
  const uint16_t* b = t.panel;
  const char* ahead = t.ahead;
  RowPointers<M> rows(t.a, t.a_row);
  for (int64_t i = 0; i < t.depth; i += 2 * kSteps) {
    for (int64_t line = 0; line < t.ahead_lines; ++line, ahead += kCacheLine)
      __builtin_prefetch(ahead, 0, 2);
    for (int64_t pair = 0; pair < kSteps; ++pair, b += 2 * kColumns) {
      const auto b0 = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b)),
                 b1 = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + kColumns));
#pragma GCC unroll 16
      for (int m = 0; m < M; ++m) {
        int32_t values;
        std::memcpy(&values, rows.of(m, t.a_row), sizeof values);
        const auto each = reinterpret_cast<__m512bh>(_mm512_set1_epi32(values));
        sum[m][0] = _mm512_dpbf16_ps(sum[m][0], each, b0);
        sum[m][1] = _mm512_dpbf16_ps(sum[m][1], each, b1);
      }
      rows.step(2);
    }
  }
  const auto low = static_cast<__mmask16>(t.columns),
             high = static_cast<__mmask16>(t.columns >> 16);
#pragma GCC unroll 16
  for (int m = 0; m < M; ++m) {
    float* const y = t.y + m * t.y_row;
    if (t.add) {
      sum[m][0] = _mm512_add_ps(_mm512_maskz_loadu_ps(low, y), sum[m][0]);
      sum[m][1] = _mm512_add_ps(_mm512_maskz_loadu_ps(high, y + 16), sum[m][1]);
    }
    _mm512_mask_storeu_ps(y, low, sum[m][0]);
    _mm512_mask_storeu_ps(y + 16, high, sum[m][1]);
  }
}

constexpr int64_t kMost = 12;
constexpr void (*kTiles[kMost])(const Tile&) = {tile<1>, tile<2>,  tile<3>,  tile<4>,
                                                tile<5>, tile<6>,  tile<7>,  tile<8>,
                                                tile<9>, tile<10>, tile<11>, tile<12>};

}  // namespace

void multiply_avx512(const Product& p) {
  alignas(64) float sums[kMost * kColumns];  // of a tile, where y is not float32
  const int64_t tiles = (p.rows + kMost - 1) / kMost, size = kColumns * p.depth,
                share = tiles < 2 ? 0 : size * static_cast<int64_t>(sizeof(uint16_t)) / tiles,
                lines = lines_ahead(share, p.depth / (2 * kSteps));
  for (int64_t panel = p.first; panel < p.last; ++panel) {
    const int64_t used = std::min(kColumns, p.n - panel * kColumns);
    const uint16_t* const b = p.b + panel * size;
    const auto* ahead = reinterpret_cast<const char*>((panel + 1) * kColumns < p.n ? b + size : b);
    for (int64_t i = 0; i < tiles; ++i, ahead += share) {
      const int64_t begin = i * p.rows / tiles, end = (i + 1) * p.rows / tiles;
      const Values y = p.y + (begin * p.y_row + panel * kColumns);
      const bool in_place = y.floats != nullptr;
      kTiles[end - begin - 1]({p.a + begin * p.a_row, p.a_row, p.depth, b, ahead, lines,
                               static_cast<uint32_t>((uint64_t{1} << used) - 1),
                               in_place ? y.floats : sums, in_place ? p.y_row : kColumns, p.add});
      if (!in_place) put_sums(sums, end - begin, used, y, p.y_row, false);
    }
  }
}

}  // namespace slipway::gemm_bf16
#endif
