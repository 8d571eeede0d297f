// Register tiles for three instruction sets. What bounds them is not multiply-adds alone but the
// instructions beside them: where two hardware threads share a core, each gets half of what it can
// decode and load. So nothing stands in the innermost loop but one load for a vector of the panel,
// one for an element of a, and their multiply-adds. The lines of y are asked for before the sums
// begin: a wide y is not in cache, and a tile would wait for each line that it writes.
#include <algorithm>

#include "compute/instruction_sets.h"
#include "kernels/cpu/ahead.h"
#include "kernels/cpu/gemm_kernels.h"

namespace slipway::gemm {
namespace {

#if defined(__x86_64__)
using Vector512 = float __attribute__((vector_size(64)));
using Vector256 = float __attribute__((vector_size(32)));
#endif
using Vector128 = float __attribute__((vector_size(16)));

// A tile of M rows and kVectors vectors of a panel that has kOfPanel, as the compiler makes it.
#define SLIPWAY_TILE_BODY(Vector, kOfPanel)                                                    \
  typedef Vector Unaligned __attribute__((aligned(4), may_alias));                             \
  constexpr int kLanes = sizeof(Vector) / sizeof(float);                                       \
  _Pragma("GCC unroll 16") for (int m = 0; m < M; ++m)                                         \
      _Pragma("GCC unroll 4") for (int v = 0; v < kVectors; ++v)                               \
          __builtin_prefetch(t.y + m * t.y_row + v * kLanes, 1);                               \
  const float *a = t.a.data, *panel = t.panel;                                                 \
  const char* ahead = t.ahead;                                                                 \
  const int64_t row = t.a.row, column = t.a.column;                                            \
  const int64_t steps = t.ahead_steps, lines = t.ahead_lines;                                  \
  bool add = t.add;                                                                            \
  int64_t rest = t.k;                                                                          \
  do {                                                                                         \
    Vector sum[M][kVectors];                                                                   \
    _Pragma("GCC unroll 16") for (int m = 0; m < M; ++m)                                       \
        _Pragma("GCC unroll 4") for (int v = 0; v < kVectors; ++v) sum[m][v] = Vector{};       \
    const int64_t chain = std::min(rest, t.chain);                                             \
    for (int64_t left = chain; left > 0; left -= steps) {                                      \
      for (int64_t line = 0; line < lines; ++line, ahead += kCacheLine)                        \
        __builtin_prefetch(ahead, 0, 2);                                                       \
      for (int64_t i = std::min(left, steps); i > 0;                                           \
           --i, panel += kOfPanel * kLanes, a += column) {                                     \
        Vector b[kVectors];                                                                    \
        _Pragma("GCC unroll 4") for (int v = 0; v < kVectors; ++v) b[v] =                      \
            *reinterpret_cast<const Unaligned*>(panel + v * kLanes);                           \
        _Pragma("GCC unroll 16") for (int m = 0; m < M; ++m) {                                 \
          const float each = a[m * row];                                                       \
          _Pragma("GCC unroll 4") for (int v = 0; v < kVectors; ++v) sum[m][v] += each * b[v]; \
        }                                                                                      \
      }                                                                                        \
    }                                                                                          \
    _Pragma("GCC unroll 16") for (int m = 0; m < M; ++m)                                       \
        _Pragma("GCC unroll 4") for (int v = 0; v < kVectors; ++v) {                           \
      Unaligned* const y = reinterpret_cast<Unaligned*>(t.y + m * t.y_row + v * kLanes);       \
      *y = add ? *y + sum[m][v] : sum[m][v];                                                   \
    }                                                                                          \
    add = true;                                                                                \
    rest -= chain;                                                                             \
  } while (rest > 0);

#define SLIPWAY_FOUR_ROWS(tile, vectors) \
  tile<vectors, 1>, tile<vectors, 2>, tile<vectors, 3>, tile<vectors, 4>
#define SLIPWAY_TWELVE_ROWS(tile, vectors)                                                \
  SLIPWAY_FOUR_ROWS(tile, vectors), tile<vectors, 5>, tile<vectors, 6>, tile<vectors, 7>, \
      tile<vectors, 8>, tile<vectors, 9>, tile<vectors, 10>, tile<vectors, 11>, tile<vectors, 12>

template <int kVectors, int M>
void tile_128(const Tile& t) {
  SLIPWAY_TILE_BODY(Vector128, 2)
}
constexpr TileFunction kTiles128[] = {SLIPWAY_FOUR_ROWS(tile_128, 1),
                                      SLIPWAY_FOUR_ROWS(tile_128, 2)};

#if defined(__x86_64__)
template <int kVectors, int M>
SLIPWAY_TARGET("arch=x86-64-v4")
void tile_512(const Tile& t) {
  SLIPWAY_TILE_BODY(Vector512, 2)
}
constexpr TileFunction kTiles512[] = {SLIPWAY_TWELVE_ROWS(tile_512, 1),
                                      SLIPWAY_TWELVE_ROWS(tile_512, 2)};

template <int kVectors, int M>
SLIPWAY_TARGET("arch=x86-64-v3")
void tile_256(const Tile& t){SLIPWAY_TILE_BODY(Vector256, 3)}

// Steps of k for three or four rows of 24 columns, by hand: compilers load a panel's vector anew
// for each row, or move sums about. Three vectors of the panel lie in ymm12 to 14, the element of a
// in ymm15, the sums in the other twelve.
#define SLIPWAY_ROW(element, s0, s1, s2) \
  "vbroadcastss " element                \
  ", %%ymm15\n\t"                        \
  "vfmadd231ps %%ymm12, %%ymm15, %" s0   \
  "\n\t"                                 \
  "vfmadd231ps %%ymm13, %%ymm15, %" s1   \
  "\n\t"                                 \
  "vfmadd231ps %%ymm14, %%ymm15, %" s2 "\n\t"
#define SLIPWAY_STEP_OF_3(i, a0, a1, a2)                                       \
  "vmovaps " #i                                                                \
  "*96(%[panel]), %%ymm12\n\t"                                                 \
  "vmovaps " #i                                                                \
  "*96+32(%[panel]), %%ymm13\n\t"                                              \
  "vmovaps " #i "*96+64(%[panel]), %%ymm14\n\t" SLIPWAY_ROW(a0, "0", "1", "2") \
      SLIPWAY_ROW(a1, "3", "4", "5") SLIPWAY_ROW(a2, "6", "7", "8")
// Rows some way apart, whose elements lie side by side.
#define SLIPWAY_STRIDED_3(i) \
  SLIPWAY_STEP_OF_3(i, #i "*4(%[a])", #i "*4(%[a],%[row])", #i "*4(%[a],%[row],2)")
#define SLIPWAY_STRIDED_4(i) \
  SLIPWAY_STRIDED_3(i) SLIPWAY_ROW(#i "*4(%[a],%[row3])", "9", "10", "11")
// Elements of four rows side by side: what gather() writes.
#define SLIPWAY_GATHERED_4(i)                                              \
  SLIPWAY_STEP_OF_3(i, #i "*16(%[a])", #i "*16+4(%[a])", #i "*16+8(%[a])") \
  SLIPWAY_ROW(#i "*16+12(%[a])", "9", "10", "11")
#define SLIPWAY_FOUR(step) step(0) step(1) step(2) step(3)
#define SLIPWAY_SUMS_3 \
  "+x"(s0), "+x"(s1), "+x"(s2), "+x"(s3), "+x"(s4), "+x"(s5), "+x"(s6), "+x"(s7), "+x"(s8)
#define SLIPWAY_SUMS_4 SLIPWAY_SUMS_3, "+x"(s9), "+x"(s10), "+x"(s11)
#define SLIPWAY_STEPS(steps, sums)                                                   \
  asm volatile(steps                                                                 \
               : sums                                                                \
               : [panel] "r"(panel), [a] "r"(a), [row] "r"(row), [row3] "r"(3 * row) \
               : "xmm12", "xmm13", "xmm14", "xmm15", "memory")
#define SLIPWAY_STORE(m, v, sum)                                                      \
  {                                                                                   \
    Unaligned* const y = reinterpret_cast<Unaligned*>(t.y + (m) * t.y_row + (v) * 8); \
    *y = t.add ? *y + (sum) : (sum);                                                  \
  }

enum class Rows {
  kThree,
  kFour,
  kFourGathered
};

template <Rows kRows, int64_t kSteps>
SLIPWAY_TARGET("arch=x86-64-v3")
void tile_by_24(const Tile& t) {
  typedef Vector256 Unaligned __attribute__((aligned(4), may_alias));
  Vector256 s0{}, s1{}, s2{}, s3{}, s4{}, s5{}, s6{}, s7{}, s8{}, s9{}, s10{}, s11{};
  const float *a = t.a.data, *panel = t.panel;
  const char* ahead = t.ahead;
  const int64_t row = t.a.row * static_cast<int64_t>(sizeof(float)), lines = t.ahead_lines;
  // floats from one element of a row to the next
  constexpr int64_t kElement = kRows == Rows::kFourGathered ? 4 : 1;
  int64_t left = t.k;
  for (; left >= kSteps; left -= kSteps) {
    for (int64_t line = 0; line < lines; ++line, ahead += kCacheLine)
      __builtin_prefetch(ahead, 0, 2);
    for (int64_t i = 0; i < kSteps; i += 4, panel += 4 * 24, a += 4 * kElement) {
      if constexpr (kRows == Rows::kThree)
        SLIPWAY_STEPS(SLIPWAY_FOUR(SLIPWAY_STRIDED_3), SLIPWAY_SUMS_3);
      else if constexpr (kRows == Rows::kFour)
        SLIPWAY_STEPS(SLIPWAY_FOUR(SLIPWAY_STRIDED_4), SLIPWAY_SUMS_4);
      else SLIPWAY_STEPS(SLIPWAY_FOUR(SLIPWAY_GATHERED_4), SLIPWAY_SUMS_4);
    }
  }
  for (; left > 0; --left, panel += 24, a += kElement) {
    if constexpr (kRows == Rows::kThree) SLIPWAY_STEPS(SLIPWAY_STRIDED_3(0), SLIPWAY_SUMS_3);
    else if constexpr (kRows == Rows::kFour) SLIPWAY_STEPS(SLIPWAY_STRIDED_4(0), SLIPWAY_SUMS_4);
    else SLIPWAY_STEPS(SLIPWAY_GATHERED_4(0), SLIPWAY_SUMS_4);
  }
  // clang-format off
  SLIPWAY_STORE(0, 0, s0) SLIPWAY_STORE(0, 1, s1) SLIPWAY_STORE(0, 2, s2)
  SLIPWAY_STORE(1, 0, s3) SLIPWAY_STORE(1, 1, s4) SLIPWAY_STORE(1, 2, s5)
  SLIPWAY_STORE(2, 0, s6) SLIPWAY_STORE(2, 1, s7) SLIPWAY_STORE(2, 2, s8)
  if constexpr (kRows != Rows::kThree) {
    SLIPWAY_STORE(3, 0, s9) SLIPWAY_STORE(3, 1, s10) SLIPWAY_STORE(3, 2, s11)
  }
  // clang-format on
}

template <Rows kRows>
void by_24(const Tile& t) {
  if (t.ahead_steps == kEvery4) tile_by_24<kRows, kEvery4>(t);
  else tile_by_24<kRows, kEvery16>(t);
}
void tile_256_of_3(const Tile& t) {
  if (t.a.column == 1) by_24<Rows::kThree>(t);
  else tile_256<3, 3>(t);
}
void tile_256_of_4(const Tile& t) {
  if (t.a.column == 1) by_24<Rows::kFour>(t);
  else if (t.a.row == 1 && t.a.column == 4) by_24<Rows::kFourGathered>(t);
  else tile_256<3, 4>(t);
}
constexpr TileFunction kTiles256[] = {SLIPWAY_FOUR_ROWS(tile_256, 1),
                                      SLIPWAY_FOUR_ROWS(tile_256, 2),
                                      tile_256<3, 1>,
                                      tile_256<3, 2>,
                                      tile_256_of_3,
                                      tile_256_of_4};
#endif

}  // namespace

std::optional<Kernel> kernel_of(std::string_view instruction_set) {
#if defined(__x86_64__)
  // Beside twelve rows by two vectors the second-level cache keeps up with whole panels.
  if (instruction_set == "avx512" && has_avx512())
    return Kernel{"avx512", 16, 32, 12, 576, kTiles512};
  if (instruction_set == "avx2" && has_avx2()) return Kernel{"avx2", 8, 24, 4, 0, kTiles256};
#endif
  if (instruction_set == "plain") return Kernel{"plain", 4, 8, 4, 0, kTiles128};
  return std::nullopt;
}

}  // namespace slipway::gemm
