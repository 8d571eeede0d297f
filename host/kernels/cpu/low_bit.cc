// A register tile of rows x panel columns whose weights are widened in registers. Widening them for
// every tile anew costs less than it would to write a panel down as float32: in fewer bits it takes
// less of the first-level cache.
#include "kernels/cpu/low_bit.h"

#include <algorithm>
#include <cstring>

#include "compute/instruction_sets.h"
#include "kernels/cpu/gemm.h"

#if defined(__x86_64__)
#pragma GCC diagnostic ignored \
    "-Wmaybe-uninitialized"  // what GCC 12's own AVX-512 header leaves so on purpose
#include <immintrin.h>
#endif

namespace slipway::low_bit {
namespace {

#define SLIPWAY_INLINE __attribute__((always_inline)) static inline

// Bytes that are asked of memory ahead of where a tile reads.
constexpr int64_t kAhead = 1024;

struct TileArguments {
  const float* x;
  int64_t x_row, k;
  const std::byte* panel;  // where a group begins
  float* y;
  int64_t y_row;
  bool add;
};
using Tile = void (*)(const TileArguments& t);

// A vector of floats, how many of them a panel is wide, and how it is loaded from as many floats,
// whole numbers and bfloat16.
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
  SLIPWAY_TARGET("arch=x86-64-v4") SLIPWAY_INLINE Vector whole(const void* from) {
    return _mm512_cvtepi32_ps(
        _mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(from))));
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
  SLIPWAY_TARGET("arch=x86-64-v3") SLIPWAY_INLINE Vector whole(const void* from) {
    return _mm256_cvtepi32_ps(
        _mm256_cvtepi8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(from))));
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
  SLIPWAY_INLINE Vector whole(const void* from) {
    const auto* number = static_cast<const int8_t*>(from);
    return Vector{static_cast<float>(number[0]), static_cast<float>(number[1]),
                  static_cast<float>(number[2]), static_cast<float>(number[3])};
  }
  SLIPWAY_INLINE Vector bfloat16(const void* from) {
    uint16_t upper[4];
    std::memcpy(upper, from, sizeof upper);
    using Bits = uint32_t __attribute__((vector_size(16)));
    return reinterpret_cast<Vector>(Bits{upper[0], upper[1], upper[2], upper[3]} << 16);
  }
};

#define SLIPWAY_EACH_VECTOR _Pragma("GCC unroll 4") for (int v = 0; v < kVectors; ++v)
// One input i with its weights, for every row.
#define SLIPWAY_INPUT(load, step)                              \
  __builtin_prefetch(from + kAhead, 0, 2);                     \
  Vector b[kVectors];                                          \
  SLIPWAY_EACH_VECTOR b[v] = load(from + v * (step) * kLanes); \
  _Pragma("GCC unroll 16") for (int m = 0; m < M; ++m) {       \
    const float each = t.x[m * t.x_row + i];                   \
    SLIPWAY_EACH_VECTOR sum[m][v] += each * b[v];              \
  }

// int8: whole numbers are summed up within a group, and the group's sum meets its scale. bfloat16:
// the chains of gemm_tiles.cc.
#define SLIPWAY_TILE_BODY                                                             \
  using Vector = typename Lanes::Vector;                                              \
  constexpr int kLanes = sizeof(Vector) / sizeof(float);                              \
  constexpr int kVectors = Lanes::kVectors;                                           \
  const std::byte* from = t.panel;                                                    \
  if constexpr (kStorage == WeightStorage::kInt8) {                                   \
    for (int64_t group = 0; group < t.k; group += kGroup) {                           \
      const std::byte* const scale = from;                                            \
      from += kVectors * sizeof(Vector);                                              \
      Vector sum[M][kVectors] = {};                                                   \
      const int64_t end = std::min<int64_t>(t.k, group + kGroup);                     \
      for (int64_t i = group; i < end; ++i, from += kVectors * kLanes) {              \
        SLIPWAY_INPUT(Lanes::whole, 1)                                                \
      }                                                                               \
      _Pragma("GCC unroll 16") for (int m = 0; m < M; ++m) {                          \
        float* const y = t.y + m * t.y_row;                                           \
        SLIPWAY_EACH_VECTOR {                                                         \
          Vector before = {};                                                         \
          if (t.add || group > 0) before = Lanes::load(y + v * kLanes);               \
          Lanes::store(y + v * kLanes,                                                \
                       before + sum[m][v] * Lanes::load(scale + v * sizeof(Vector))); \
        }                                                                             \
      }                                                                               \
    }                                                                                 \
  } else {                                                                            \
    Vector sum[M][kVectors] = {};                                                     \
    for (int64_t i = 0; i < t.k; ++i, from += 2 * kVectors * kLanes) {                \
      SLIPWAY_INPUT(Lanes::bfloat16, 2)                                               \
    }                                                                                 \
    _Pragma("GCC unroll 16") for (int m = 0; m < M; ++m) {                            \
      float* const y = t.y + m * t.y_row;                                             \
      SLIPWAY_EACH_VECTOR {                                                           \
        if (t.add) sum[m][v] += Lanes::load(y + v * kLanes);                          \
        Lanes::store(y + v * kLanes, sum[m][v]);                                      \
      }                                                                               \
    }                                                                                 \
  }

// clang-format off
#if defined(__x86_64__)
template <WeightStorage kStorage, int M, class Lanes = Lanes512> SLIPWAY_TARGET("arch=x86-64-v4") void tile_512(const TileArguments& t) { SLIPWAY_TILE_BODY }
template <WeightStorage kStorage, int M, class Lanes = Lanes256> SLIPWAY_TARGET("arch=x86-64-v3") void tile_256(const TileArguments& t) { SLIPWAY_TILE_BODY }
#endif
template <WeightStorage kStorage, int M, class Lanes = Lanes128> void tile_128(const TileArguments& t) { SLIPWAY_TILE_BODY }
// clang-format on

// tiles[m - 1] does m rows: those of the instruction set that gemm.h runs now, told by its panels'
// width.
template <WeightStorage kStorage>
const Tile* tiles_of() {
#if defined(__x86_64__)
  static constexpr Tile kTiles512[] = {
      tile_512<kStorage, 1>,  tile_512<kStorage, 2>,  tile_512<kStorage, 3>,
      tile_512<kStorage, 4>,  tile_512<kStorage, 5>,  tile_512<kStorage, 6>,
      tile_512<kStorage, 7>,  tile_512<kStorage, 8>,  tile_512<kStorage, 9>,
      tile_512<kStorage, 10>, tile_512<kStorage, 11>, tile_512<kStorage, 12>};
  static constexpr Tile kTiles256[] = {tile_256<kStorage, 1>, tile_256<kStorage, 2>,
                                       tile_256<kStorage, 3>, tile_256<kStorage, 4>};
  if (gemm::panel_width() == 32) return kTiles512;
  if (gemm::panel_width() == 24) return kTiles256;
#endif
  static constexpr Tile kTiles128[] = {tile_128<kStorage, 1>, tile_128<kStorage, 2>,
                                       tile_128<kStorage, 3>, tile_128<kStorage, 4>};
  return kTiles128;
}

// Bytes of `inputs` inputs of a panel, a multiple of kGroup of them.
int64_t bytes_before(WeightStorage storage, int64_t inputs) {
  const int64_t width = gemm::panel_width();
  return storage == WeightStorage::kInt8
             ? inputs / kGroup * width * (kGroup + static_cast<int64_t>(sizeof(float)))
             : inputs * width * 2;
}

// One part of k with one panel, for all rows, dealt out evenly to tiles. The first tile waits for
// memory, the others find the part in cache.
void rows_of_part(const Tile* tiles, TileArguments t, int64_t rows) {
  const int64_t count = (rows + gemm::tile_rows() - 1) / gemm::tile_rows();
  const float* const x = t.x;
  float* const y = t.y;
  for (int64_t tile = 0; tile < count; ++tile) {
    const int64_t begin = tile * rows / count, end = (tile + 1) * rows / count;
    t.x = x + begin * t.x_row, t.y = y + begin * t.y_row;
    tiles[end - begin - 1](t);
  }
}

// The last panel where it hangs over the edge of y: its columns go through memory of their own.
void rows_over_edge(const Tile* tiles, TileArguments t, int64_t rows, int64_t used) {
  alignas(64) float edge[gemm::kWidest] = {};
  for (int64_t r = 0; r < rows; ++r) {
    float* const y = t.y + r * t.y_row;
    if (t.add) std::copy_n(y, used, edge);
    tiles[0]({t.x + r * t.x_row, t.x_row, t.k, t.panel, edge, 0, t.add});
    std::copy_n(edge, used, y);
  }
}

}  // namespace

void multiply(WeightStorage storage, const float* x, int64_t x_row, int64_t rows, int64_t k,
              Panels panels, int64_t n, int64_t first, int64_t last, float* y, int64_t y_row,
              bool add) {
  const Tile* const tiles = storage == WeightStorage::kInt8 ? tiles_of<WeightStorage::kInt8>()
                                                            : tiles_of<WeightStorage::kBfloat16>();
  const int64_t width = gemm::panel_width(), depth = gemm::pass_depth(k);
  // A panel from front to back, as it lies in memory.
  for (int64_t p = first; p < last; ++p)
    for (int64_t i = 0; i < k; i += depth) {
      const TileArguments t{x + i,
                            x_row,
                            std::min(depth, k - i),
                            panels.data + p * panels.stride + bytes_before(storage, i),
                            y + p * width,
                            y_row,
                            add || i > 0};
      if (const int64_t used = n - p * width; used < width) rows_over_edge(tiles, t, rows, used);
      else rows_of_part(tiles, t, rows);
    }
}

}  // namespace slipway::low_bit
