// Rounding operands and laying them out in pairs. Pairs travel as words of 32 bits.
#include <algorithm>
#include <cstring>

#include "compute/bfloat16.h"
#include "compute/instruction_sets.h"
#include "kernels/cpu/gemm_bf16.h"

namespace slipway::gemm_bf16 {
namespace {

constexpr int64_t kBlock = 16;  // words that are turned around together

// to[i] = the pair (first[i], second[i]).
SLIPWAY_CLONES void pair_up(const float* first, const float* second, int64_t count, uint32_t* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = bfloat16_pair(first[i], second[i]);
}

SLIPWAY_CLONES void round_row(const float* from, int64_t count, uint16_t* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = to_bfloat16(from[i]);
}

// Words of inputs 2 i and 2 i + 1 of `count` columns that lie side by side at b; a last pair
// without a second gets 0.
void pair_row(const float* b, int64_t row, int64_t k, int64_t i, int64_t count, uint32_t* to) {
  static constexpr float kZeros[kColumns] = {};
  pair_up(b + 2 * i * row, 2 * i + 1 < k ? b + (2 * i + 1) * row : kZeros, count, to);
}

// Rows [first, last) of a whose rows lie side by side (a.row == 1): blocks of pairs, turned around.
void pack_turned(gemm::Strided a, int64_t k, int64_t first, int64_t last, uint16_t* packed) {
  const int64_t words = depth(k) / 2, pairs = (k + 1) / 2;
  for (int64_t r = first; r < last; r += kBlock)
    for (int64_t i = 0; i < pairs; i += kBlock) {
      uint32_t block[kBlock][kBlock];
      const int64_t rows = std::min(kBlock, last - r), here = std::min(kBlock, pairs - i);
      for (int64_t j = 0; j < here; ++j) pair_row(a.data + r, a.column, k, i + j, rows, block[j]);
      for (int64_t m = 0; m < rows; ++m) {
        uint32_t line[kBlock];
        for (int64_t j = 0; j < here; ++j) line[j] = block[j][m];
        std::memcpy(packed + 2 * ((r + m) * words + i), line,
                    static_cast<size_t>(here) * sizeof(uint32_t));
      }
    }
}

}  // namespace

void pack_rows(gemm::Strided a, int64_t rows, int64_t k, int64_t first, int64_t last,
               uint16_t* packed) {
  const int64_t width = depth(k);
  const bool turned = a.row == 1 && a.column != 1;
  if (turned) pack_turned(a, k, first, last, packed);
  for (int64_t r = first; r < last; ++r) {
    uint16_t* const to = packed + r * width;
    int64_t filled = k;
    if (turned) filled = (k + 1) / 2 * 2;
    else if (a.column == 1) round_row(a.data + r * a.row, k, to);
    else
      for (int64_t i = 0; i < k; ++i) to[i] = to_bfloat16(a.data[r * a.row + i * a.column]);
    std::fill(to + filled, to + width, uint16_t{0});
  }
  // The last tile reads whole rows.
  if (last == rows) std::fill(packed + rows * width, packed + rows_size(rows, k), uint16_t{0});
}

void pack_transposed(const float* w, int64_t row, int64_t n, int64_t k, int64_t first, int64_t last,
                     uint16_t* packed) {
  const int64_t words = depth(k) / 2;
  for (int64_t p = first; p < last; ++p) {
    uint16_t* const panel = packed + p * panel_size(k);
    const int64_t used = std::min(kColumns, n - p * kColumns);
    for (int64_t i = 0; i < words; i += kBlock) {
      uint16_t block[kColumns][2 * kBlock] = {};
      const int64_t here = std::min(2 * kBlock, k - 2 * i);
      for (int64_t j = 0; j < used && here > 0; ++j)
        round_row(w + (p * kColumns + j) * row + 2 * i, here, block[j]);
      for (int64_t m = 0; m < kBlock; ++m) {
        uint16_t line[2 * kColumns];
        for (int64_t j = 0; j < kColumns; ++j)
          line[2 * j] = block[j][2 * m], line[2 * j + 1] = block[j][2 * m + 1];
        std::memcpy(panel + (i + m) * 2 * kColumns, line, sizeof line);
      }
    }
  }
}

void pack(const float* b, int64_t row, int64_t n, int64_t k, int64_t first, int64_t last,
          uint16_t* packed) {
  for (int64_t p = first; p < last; ++p) {
    uint16_t* const panel = packed + p * panel_size(k);
    const int64_t used = std::min(kColumns, n - p * kColumns);
    for (int64_t i = 0; i < depth(k) / 2; ++i) {
      uint32_t line[kColumns] = {};
      if (2 * i < k) pair_row(b + p * kColumns, row, k, i, used, line);
      std::memcpy(panel + i * 2 * kColumns, line, sizeof line);
    }
  }
}

}  // namespace slipway::gemm_bf16
