// Products of pairs in vector registers: the weights are widened to 16 bits, a pair of inputs meets
// a pair of weights of each column in one instruction, exactly. Bytes times bytes would need the
// inputs in two halves, and saturate where the processor has no VNNI.
#include <algorithm>
#include <cstring>

#include "compute/instruction_sets.h"
#include "kernels/cpu/gemm_int8.h"
#include "kernels/cpu/gemm_int8_kernels.h"

#if defined(__x86_64__)
#pragma GCC diagnostic ignored \
    "-Wmaybe-uninitialized"  // what GCC 12's own AVX-512 header leaves so on purpose
#include <immintrin.h>

namespace slipway::gemm_int8 {
namespace {

#define SLIPWAY_INLINE __attribute__((always_inline)) static inline
#define SLIPWAY_AVX512 SLIPWAY_TARGET("arch=x86-64-v4")
#define SLIPWAY_AVX512_VNNI SLIPWAY_TARGET("arch=x86-64-v4,avx512vnni")
#define SLIPWAY_AVX2 SLIPWAY_TARGET("arch=x86-64-v3")
#define SLIPWAY_AVX_VNNI SLIPWAY_TARGET("arch=x86-64-v3,avxvnni")

// Bytes that are asked of memory ahead of where a tile reads.
constexpr int64_t kAhead = 1024;

struct Tile {
  const int16_t* a;
  int64_t a_row, depth;
  const std::byte* panel;
  float* sums;  // [rows][columns of a panel]
  // Where the sums times the rows' scales go; nullptr: nowhere yet.
  float* y;
  int64_t y_row;
  const float* scales;
  bool add;
};

// Sums of a vector's columns, int32, and what becomes of them.
#define SLIPWAY_LANES(target, Integers, Floats, mm, columns)                                       \
  using Whole = Integers;                                                                          \
  static constexpr int kLanes = columns, kVectors = 2;                                             \
  target SLIPWAY_INLINE Whole everywhere(int32_t pair) { return mm##_set1_epi32(pair); }           \
  target SLIPWAY_INLINE void add_scaled(Whole whole, const float* scale, bool begin, float* sum) { \
    const Floats more = mm##_mul_ps(mm##_cvtepi32_ps(whole), mm##_loadu_ps(scale));                \
    mm##_storeu_ps(sum, mm##_add_ps(begin ? Floats{} : mm##_loadu_ps(sum), more));                 \
  }                                                                                                \
  target SLIPWAY_INLINE void put(const float* sum, float scale, float* y, bool add) {              \
    const Floats more = mm##_mul_ps(mm##_loadu_ps(sum), mm##_set1_ps(scale));                      \
    mm##_storeu_ps(y, add ? mm##_add_ps(mm##_loadu_ps(y), more) : more);                           \
  }

struct Lanes512 {
  SLIPWAY_LANES(SLIPWAY_AVX512, __m512i, __m512, _mm512, 16)
  SLIPWAY_AVX512 SLIPWAY_INLINE Whole widened(const int8_t* from) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  SLIPWAY_AVX512 SLIPWAY_INLINE Whole dot(Whole sum, Whole pairs, Whole weights) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, weights));
  }
};
struct Lanes512Vnni : Lanes512 {
  SLIPWAY_AVX512_VNNI SLIPWAY_INLINE Whole dot(Whole sum, Whole pairs, Whole weights) {
    return _mm512_dpwssd_epi32(sum, pairs, weights);
  }
};
struct Lanes256 {
  SLIPWAY_LANES(SLIPWAY_AVX2, __m256i, __m256, _mm256, 8)
  SLIPWAY_AVX2 SLIPWAY_INLINE Whole widened(const int8_t* from) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  SLIPWAY_AVX2 SLIPWAY_INLINE Whole dot(Whole sum, Whole pairs, Whole weights) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, weights));
  }
};
struct Lanes256Vnni : Lanes256 {
  SLIPWAY_AVX_VNNI SLIPWAY_INLINE Whole dot(Whole sum, Whole pairs, Whole weights) {
    return _mm256_dpwssd_avx_epi32(sum, pairs, weights);
  }
};
struct Lanes128 {
  SLIPWAY_LANES(, __m128i, __m128, _mm, 4)
  SLIPWAY_INLINE Whole widened(const int8_t* from) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    return _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
  }
  SLIPWAY_INLINE Whole dot(Whole sum, Whole pairs, Whole weights) {
    return _mm_add_epi32(sum, _mm_madd_epi16(pairs, weights));
  }
};

// M rows with a panel: for each group the scales, then [pairs][columns][2].
#define SLIPWAY_TILE_BODY                                                                       \
  using Whole = typename Lanes::Whole;                                                          \
  constexpr int kLanes = Lanes::kLanes, kVectors = Lanes::kVectors, kWidth = kLanes * kVectors; \
  const std::byte* from = t.panel;                                                              \
  const int16_t* a = t.a;                                                                       \
  for (int64_t g = 0; g < t.depth; g += kGroup) {                                               \
    const auto* const scales = reinterpret_cast<const float*>(from);                            \
    const auto* numbers = reinterpret_cast<const int8_t*>(scales + kWidth);                     \
    Whole sum[M][kVectors];                                                                     \
    _Pragma("GCC unroll 8") for (int m = 0; m < M; ++m)                                         \
        _Pragma("GCC unroll 4") for (int v = 0; v < kVectors; ++v) sum[m][v] = Whole{};         \
    for (int64_t i = 0; i < kGroup; i += 2, numbers += 2 * kWidth, a += 2) {                    \
      __builtin_prefetch(numbers + kAhead, 0, 2);                                               \
      Whole b[kVectors];                                                                        \
      _Pragma("GCC unroll 4") for (int v = 0; v < kVectors; ++v) b[v] =                         \
          Lanes::widened(numbers + 2 * v * kLanes);                                             \
      _Pragma("GCC unroll 8") for (int m = 0; m < M; ++m) {                                     \
        int32_t pair;                                                                           \
        std::memcpy(&pair, a + m * t.a_row, sizeof pair);                                       \
        const Whole pairs = Lanes::everywhere(pair);                                            \
        _Pragma("GCC unroll 4") for (int v = 0; v < kVectors; ++v) sum[m][v] =                  \
            Lanes::dot(sum[m][v], pairs, b[v]);                                                 \
      }                                                                                         \
    }                                                                                           \
    _Pragma("GCC unroll 8") for (int m = 0; m < M; ++m)                                         \
        _Pragma("GCC unroll 4") for (int v = 0; v < kVectors; ++v) Lanes::add_scaled(           \
            sum[m][v], scales + v * kLanes, g == 0, t.sums + m * kWidth + v * kLanes);          \
    from = reinterpret_cast<const std::byte*>(numbers);                                         \
  }                                                                                             \
  if (t.y == nullptr) return;                                                                   \
  _Pragma("GCC unroll 8") for (int m = 0; m < M; ++m)                                           \
      _Pragma("GCC unroll 4") for (int v = 0; v < kVectors; ++v) Lanes::put(                    \
          t.sums + m * kWidth + v * kLanes, t.scales[m], t.y + m * t.y_row + v * kLanes, t.add);

// clang-format off
template <int M, class Lanes = Lanes512Vnni> SLIPWAY_AVX512_VNNI void tile_512_vnni(const Tile& t) { SLIPWAY_TILE_BODY }
template <int M, class Lanes = Lanes512> SLIPWAY_AVX512 void tile_512(const Tile& t) { SLIPWAY_TILE_BODY }
template <int M, class Lanes = Lanes256Vnni> SLIPWAY_AVX_VNNI void tile_256_vnni(const Tile& t) { SLIPWAY_TILE_BODY }
template <int M, class Lanes = Lanes256> SLIPWAY_AVX2 void tile_256(const Tile& t) { SLIPWAY_TILE_BODY }
template <int M, class Lanes = Lanes128> void tile_128(const Tile& t) { SLIPWAY_TILE_BODY }
// clang-format on

using TileFunction = void (*)(const Tile& t);
// As many rows as the registers have sums for, addresses included.
#define SLIPWAY_FOUR_ROWS(tile) tile<1>, tile<2>, tile<3>, tile<4>
#define SLIPWAY_SIX_ROWS(tile) SLIPWAY_FOUR_ROWS(tile), tile<5>, tile<6>
#define SLIPWAY_EIGHT_ROWS(tile) SLIPWAY_SIX_ROWS(tile), tile<7>, tile<8>

// A panel from front to back, as it lies in memory, for all rows, dealt out evenly to tiles.
void multiply_by(std::initializer_list<TileFunction> tiles_of_rows, int64_t width,
                 const Product& p) {
  const auto most = static_cast<int64_t>(tiles_of_rows.size());
  const int64_t tiles = (p.rows + most - 1) / most, bytes = p.depth / kGroup * width * kColumnBytes;
  alignas(64) float sums[8 * kWidest];
  for (int64_t panel = p.first; panel < p.last; ++panel) {
    const int64_t used = std::min(width, p.n - panel * width);
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t begin = i * p.rows / tiles, end = (i + 1) * p.rows / tiles;
      float* const y = p.y + begin * p.y_row + panel * width;
      tiles_of_rows.begin()[end - begin - 1](
          {reinterpret_cast<const int16_t*>(p.a) + begin * p.depth, p.depth, p.depth,
           p.b + panel * bytes, sums, used == width ? y : nullptr, p.y_row, p.a_scales + begin,
           p.add});
      for (int64_t r = begin; r < end && used < width; ++r)
        put_row(sums + (r - begin) * width, used, p.a_scales[r], y + (r - begin) * p.y_row, p.add);
    }
  }
}

}  // namespace

const Kernel kAvx512Vnni{"avx512_vnni", 32, 2, 32, false, [](const Product& p) {
                           multiply_by({SLIPWAY_EIGHT_ROWS(tile_512_vnni)}, 32, p);
                         }};
const Kernel kAvx512{
    "avx512", 32,    2,
    32,       false, [](const Product& p) {
                       multiply_by({SLIPWAY_EIGHT_ROWS(tile_512)}, 32, p); }};
const Kernel kAvxVnni{
    "avx_vnni", 16,
    2,          16,
    false,      [](const Product& p) {
                        multiply_by({SLIPWAY_SIX_ROWS(tile_256_vnni)}, 16, p); }};
const Kernel kAvx2{
    "avx2", 16,    2,
    16,     false, [](const Product& p) {
                     multiply_by({SLIPWAY_FOUR_ROWS(tile_256)}, 16, p); }};
const Kernel kSse2{
    "sse2", 8,     2,
    8,      false, [](const Product& p) {
                     multiply_by({SLIPWAY_FOUR_ROWS(tile_128)}, 8, p); }};

}  // namespace slipway::gemm_int8
#endif
