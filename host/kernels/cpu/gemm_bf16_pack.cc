// Rounding operands and laying them out in pairs. Pairs travel as words of 32 bits.
#include <algorithm>
#include <cstring>

#include "compute/bfloat16.h"
#include "compute/instruction_sets.h"
#include "kernels/cpu/gemm_bf16.h"
#include "kernels/cpu/gemm_bf16_kernels.h"

namespace slipway::gemm_bf16 {
namespace {

constexpr int64_t kBlock = 16;  // words that are turned around together

SLIPWAY_CLONES void pair_up(const float* first, const float* second, int64_t count, uint32_t* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = bfloat16_pair(first[i], second[i]);
}

SLIPWAY_CLONES void round_row(const float* from, int64_t count, uint16_t* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = to_bfloat16(from[i]);
}

SLIPWAY_CLONES void pair_bfloats(const uint16_t* first, const uint16_t* second, int64_t count,
                                 uint32_t* to) {
  for (int64_t i = 0; i < count; ++i)
    to[i] = static_cast<uint32_t>(first[i]) | static_cast<uint32_t>(second[i]) << 16;
}

void pair_panel(const float* from, int64_t rows, uint16_t* pairs, uint16_t* as_rows, int64_t row) {
  auto* const words = reinterpret_cast<uint32_t*>(pairs);
  for (int64_t r = 0; r < rows; r += 2)
    pair_up(from + r * kColumns, from + (r + 1) * kColumns, kColumns, words + r / 2 * kColumns);
  for (int64_t r = 0; r < rows && as_rows != nullptr; ++r)
    round_row(from + r * kColumns, kColumns, as_rows + r * row);
}

void turn(const uint32_t* from, uint32_t* to, int64_t to_row) {
  for (int64_t r = 0; r < kBlock; ++r)
    for (int64_t c = 0; c < kBlock; ++c) to[c * to_row + r] = from[r * kBlock + c];
}

// Words of inputs 2 i and 2 i + 1 of `count` columns that lie side by side at b; a last pair
// without a second gets 0.
void pair_row(ConstValues b, int64_t row, int64_t k, int64_t i, int64_t count, uint32_t* to) {
  alignas(64) static constexpr float kZeros[kColumns] = {};
  alignas(64) static constexpr uint16_t kZeroBfloats[kColumns] = {};
  const bool whole = 2 * i + 1 < k;
  if (const uint16_t* const first = b.bfloats; first != nullptr)
    return pack_kernels().pair_bfloats(first + 2 * i * row,
                                       whole ? first + (2 * i + 1) * row : kZeroBfloats, count, to);
  pack_kernels().pair_up(b.floats + 2 * i * row, whole ? b.floats + (2 * i + 1) * row : kZeros,
                         count, to);
}

// Rows [first, last) of a whose rows lie side by side (a.row == 1): blocks of pairs, turned around.
void pack_turned(const Source& a, int64_t k, int64_t first, int64_t last, uint16_t* packed) {
  const int64_t words = depth(k) / 2, pairs = (k + 1) / 2;
  for (int64_t i = 0; i < pairs; i += kBlock)
    for (int64_t r = first; r < last; r += kBlock) {
      alignas(64) uint32_t block[kBlock][kBlock];
      const int64_t rows = std::min(kBlock, last - r), here = std::min(kBlock, pairs - i);
      for (int64_t j = 0; j < here; ++j) pair_row(a.values + r, a.column, k, i + j, rows, block[j]);
      auto* const to = reinterpret_cast<uint32_t*>(packed) + r * words + i;
      if (rows == kBlock && here == kBlock) {
        pack_kernels().turn(block[0], to, words);
      } else {
        for (int64_t m = 0; m < rows; ++m)
          for (int64_t j = 0; j < here; ++j) to[m * words + j] = block[j][m];
      }
    }
}

// Row r of a, whose values lie side by side or apart.
void pack_row(const Source& a, int64_t r, int64_t k, uint16_t* to) {
  const ConstValues row = a.values + r * a.row;
  if (a.column == 1 && row.bfloats != nullptr) {
    std::copy_n(row.bfloats, k, to);
  } else if (a.column == 1) {
    pack_kernels().round_row(row.floats, k, to);
  } else {
    for (int64_t i = 0; i < k; ++i)
      to[i] = row.bfloats != nullptr ? row.bfloats[i * a.column]
                                     : to_bfloat16(row.floats[i * a.column]);
  }
}

}  // namespace

const PackKernels& pack_kernels() {
  static const PackKernels kChosen = [] {
#if defined(__x86_64__)
    if (has_avx512_bf16()) return kAvx512Pack;
#endif
    return PackKernels{round_row, pair_up, pair_bfloats, turn, pair_panel};
  }();
  return kChosen;
}

void pack_rows(const Source& a, int64_t k, int64_t first, int64_t last, uint16_t* packed) {
  const int64_t width = depth(k);
  const bool turned = a.row == 1 && a.column != 1;
  if (turned) pack_turned(a, k, first, last, packed);
  const int64_t filled = turned ? (k + 1) / 2 * 2 : k;
  for (int64_t r = first; r < last; ++r) {
    if (!turned) pack_row(a, r, k, packed + r * width);
    std::fill(packed + r * width + filled, packed + (r + 1) * width, uint16_t{0});
  }
}

void pack_transposed(const float* w, int64_t row, int64_t n, int64_t k, int64_t first, int64_t last,
                     uint16_t* packed) {
  const int64_t words = depth(k) / 2;
  for (int64_t p = first; p < last; ++p) {
    auto* const panel = reinterpret_cast<uint32_t*>(packed + p * panel_size(k));
    const int64_t used = std::min(kColumns, n - p * kColumns);
    for (int64_t half = 0; half < kColumns; half += kBlock)
      for (int64_t i = 0; i < words; i += kBlock) {
        alignas(64) uint32_t block[kBlock][kBlock] = {};
        const int64_t here = std::min(2 * kBlock, k - 2 * i);
        for (int64_t j = 0; j < std::min(kBlock, used - half) && here > 0; ++j)
          pack_kernels().round_row(w + (p * kColumns + half + j) * row + 2 * i, here,
                                   reinterpret_cast<uint16_t*>(block[j]));
        pack_kernels().turn(block[0], panel + i * kColumns + half, kColumns);
      }
  }
}

void pack(ConstValues b, int64_t row, int64_t n, int64_t k, int64_t first, int64_t last,
          uint16_t* packed, int64_t stride) {
  // Row by row through the panels: memory is read in long runs.
  for (int64_t i = 0; i < depth(k) / 2; ++i)
    for (int64_t p = first; p < last; ++p) {
      auto* const line = reinterpret_cast<uint32_t*>(packed + p * stride) + i * kColumns;
      const int64_t used = 2 * i < k ? std::min(kColumns, n - p * kColumns) : 0;
      if (used > 0) pair_row(b + p * kColumns, row, k, i, used, line);
      std::fill(line + used, line + kColumns, 0u);
    }
}

void pack_panel(const float* b, int64_t k, uint16_t* packed, uint16_t* as_rows, int64_t row) {
  const int64_t even = k / 2 * 2;
  pack_kernels().pair_panel(b, even, packed, as_rows, row);
  if (even == depth(k)) return;
  std::fill(packed + even * kColumns, packed + panel_size(k), uint16_t{0});
  if (even == k) return;
  pair_row(b, kColumns, k, k / 2, kColumns, reinterpret_cast<uint32_t*>(packed) + k / 2 * kColumns);
  if (as_rows != nullptr) round_values(b + even * kColumns, kColumns, as_rows + even * row);
}

void round_values(const float* from, int64_t count, uint16_t* to) {
  pack_kernels().round_row(from, count, to);
}

SLIPWAY_CLONES void widen_values(const uint16_t* from, int64_t count, float* to) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] = from_bfloat16(from[i]);
}

}  // namespace slipway::gemm_bf16
