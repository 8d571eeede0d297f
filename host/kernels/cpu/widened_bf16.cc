// A register tile of rows x panel columns whose weights are widened in registers. Widening them for
// every tile anew costs less than it would to write a panel down as float32: in fewer bits it takes
// less of the first-level cache.
#include "kernels/cpu/widened_bf16.h"

#include <algorithm>
#include <cstring>

#include "compute/bfloat16.h"
#include "compute/instruction_sets.h"
#include "compute/scratch.h"
#include "kernels/cpu/gemm.h"

#if defined(__x86_64__)
#pragma GCC diagnostic ignored \
    "-Wmaybe-uninitialized"  // what GCC 12's own AVX-512 header leaves so on purpose
#include <immintrin.h>
#endif

namespace slipway::widened_bf16 {
namespace {

#define SLIPWAY_INLINE __attribute__((always_inline)) static inline

// Bytes that are asked of memory ahead of where a tile reads.
constexpr int64_t kAhead = 1024;

struct TileArguments {
  const float* x;
  int64_t x_row, k;
  const std::byte* panel;  // where its part of k begins
  float* y;
  int64_t y_row;
  bool add;
};
using Tile = void (*)(const TileArguments& t);

// A vector of floats, how many of them a panel is wide, and how it is loaded from as many floats
// and bfloat16.
#if defined(__x86_64__)
struct Lanes512 {
  using Vector = __m512;
  static constexpr int kVectors = 2;
  SLIPWAY_TARGET("arch=x86-64-v4") SLIPWAY_INLINE Vector load(const void* from) {
    return _mm512_loadu_ps(from);
  }
  SLIPWAY_TARGET("arch=x86-64-v4") SLIPWAY_INLINE void store(float* to, Vector v) {
    _mm512_storeu_ps(to, v);
  }
  SLIPWAY_TARGET("arch=x86-64-v4") SLIPWAY_INLINE Vector bfloat16(const void* from) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(from))), 16));
  }
};
struct Lanes256 {
  using Vector = __m256;
  static constexpr int kVectors = 3;
  SLIPWAY_TARGET("arch=x86-64-v3") SLIPWAY_INLINE Vector load(const void* from) {
    return _mm256_loadu_ps(static_cast<const float*>(from));
  }
  SLIPWAY_TARGET("arch=x86-64-v3") SLIPWAY_INLINE void store(float* to, Vector v) {
    _mm256_storeu_ps(to, v);
  }
  SLIPWAY_TARGET("arch=x86-64-v3") SLIPWAY_INLINE Vector bfloat16(const void* from) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(
        _mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(from))), 16));
  }
};
#endif
struct Lanes128 {
  using Vector = float __attribute__((vector_size(16)));
  static constexpr int kVectors = 2;
  SLIPWAY_INLINE Vector load(const void* from) {
    Vector out;
    std::memcpy(&out, from, sizeof out);
    return out;
  }
  SLIPWAY_INLINE void store(float* to, Vector v) { std::memcpy(to, &v, sizeof v); }
  SLIPWAY_INLINE Vector bfloat16(const void* from) {
    uint16_t upper[4];
    std::memcpy(upper, from, sizeof upper);
    using Bits = uint32_t __attribute__((vector_size(16)));
    return reinterpret_cast<Vector>(Bits{upper[0], upper[1], upper[2], upper[3]} << 16);
  }
};

#define SLIPWAY_EACH_VECTOR _Pragma("GCC unroll 4") for (int v = 0; v < kVectors; ++v)

// The chains of gemm_tiles.cc.
#define SLIPWAY_TILE_BODY                                              \
  using Vector = typename Lanes::Vector;                               \
  constexpr int kLanes = sizeof(Vector) / sizeof(float);               \
  constexpr int kVectors = Lanes::kVectors;                            \
  const std::byte* from = t.panel;                                     \
  Vector sum[M][kVectors] = {};                                        \
  for (int64_t i = 0; i < t.k; ++i, from += 2 * kVectors * kLanes) {   \
    __builtin_prefetch(from + kAhead, 0, 2);                           \
    Vector b[kVectors];                                                \
    SLIPWAY_EACH_VECTOR b[v] = Lanes::bfloat16(from + v * 2 * kLanes); \
    _Pragma("GCC unroll 16") for (int m = 0; m < M; ++m) {             \
      const float each = t.x[m * t.x_row + i];                         \
      SLIPWAY_EACH_VECTOR sum[m][v] += each * b[v];                    \
    }                                                                  \
  }                                                                    \
  _Pragma("GCC unroll 16") for (int m = 0; m < M; ++m) {               \
    float* const y = t.y + m * t.y_row;                                \
    SLIPWAY_EACH_VECTOR {                                              \
      if (t.add) sum[m][v] += Lanes::load(y + v * kLanes);             \
      Lanes::store(y + v * kLanes, sum[m][v]);                         \
    }                                                                  \
  }

// clang-format off
#if defined(__x86_64__)
template <int M, class Lanes = Lanes512> SLIPWAY_TARGET("arch=x86-64-v4") void tile_512(const TileArguments& t) { SLIPWAY_TILE_BODY }
template <int M, class Lanes = Lanes256> SLIPWAY_TARGET("arch=x86-64-v3") void tile_256(const TileArguments& t) { SLIPWAY_TILE_BODY }
#endif
template <int M, class Lanes = Lanes128> void tile_128(const TileArguments& t) { SLIPWAY_TILE_BODY }
// clang-format on

// tiles[m - 1] does m rows: those of the instruction set that gemm.h runs now, told by its panels'
// width.
const Tile* tiles() {
#if defined(__x86_64__)
  static constexpr Tile kTiles512[] = {tile_512<1>, tile_512<2>,  tile_512<3>,  tile_512<4>,
                                       tile_512<5>, tile_512<6>,  tile_512<7>,  tile_512<8>,
                                       tile_512<9>, tile_512<10>, tile_512<11>, tile_512<12>};
  static constexpr Tile kTiles256[] = {tile_256<1>, tile_256<2>, tile_256<3>, tile_256<4>};
  if (gemm::panel_width() == 32) return kTiles512;
  if (gemm::panel_width() == 24) return kTiles256;
#endif
  static constexpr Tile kTiles128[] = {tile_128<1>, tile_128<2>, tile_128<3>, tile_128<4>};
  return kTiles128;
}

// One part of k with one panel, for all rows, dealt out evenly to tiles. The first tile waits for
// memory, the others find the part in cache.
void rows_of_part(const Tile* by_rows, TileArguments t, int64_t rows) {
  const int64_t count = (rows + gemm::tile_rows() - 1) / gemm::tile_rows();
  const float* const x = t.x;
  float* const y = t.y;
  for (int64_t tile = 0; tile < count; ++tile) {
    const int64_t begin = tile * rows / count, end = (tile + 1) * rows / count;
    t.x = x + begin * t.x_row, t.y = y + begin * t.y_row;
    by_rows[end - begin - 1](t);
  }
}

// The last panel where it hangs over the edge of y: its columns go through memory of their own.
void rows_over_edge(const Tile* by_rows, TileArguments t, int64_t rows, int64_t used) {
  alignas(64) float edge[gemm::kWidest] = {};
  for (int64_t r = 0; r < rows; ++r) {
    float* const y = t.y + r * t.y_row;
    if (t.add) std::copy_n(y, used, edge);
    by_rows[0]({t.x + r * t.x_row, t.x_row, t.k, t.panel, edge, 0, t.add});
    std::copy_n(edge, used, y);
  }
}

}  // namespace

int64_t panel_stride(int64_t k) { return (2 * k * gemm::panel_width() + 63) / 64 * 64; }

void pack(const float* w, int64_t row, int64_t n, int64_t k, int64_t first, int64_t last,
          std::byte* packed) {
  const int64_t width = gemm::panel_width();
  static thread_local Scratch scratch;
  float* const panel = scratch.take(width * k);
  for (int64_t p = first; p < last; ++p) {
    const int64_t column = p * width;
    gemm::pack_transposed(w + column * row, row, std::min(width, n - column), k, 0, 1, panel,
                          width * k);
    auto* numbers = reinterpret_cast<uint16_t*>(packed + p * panel_stride(k));
    for (int64_t i = 0; i < width * k; ++i) numbers[i] = to_bfloat16(panel[i]);
  }
}

void multiply(const float* x, int64_t x_row, int64_t rows, int64_t k, Panels panels, int64_t n,
              int64_t first, int64_t last, float* y, int64_t y_row, bool add) {
  const Tile* const by_rows = tiles();
  const int64_t width = gemm::panel_width(), depth = gemm::chain_depth(k);
  // A panel from front to back, as it lies in memory.
  for (int64_t p = first; p < last; ++p)
    for (int64_t i = 0; i < k; i += depth) {
      const TileArguments t{x + i,
                            x_row,
                            std::min(depth, k - i),
                            panels.data + p * panels.stride + i * width * 2,
                            y + p * width,
                            y_row,
                            add || i > 0};
      if (const int64_t used = n - p * width; used < width) rows_over_edge(by_rows, t, rows, used);
      else rows_of_part(by_rows, t, rows);
    }
}

}  // namespace slipway::widened_bf16
