// The core of products in bfloat16: y = a b, or y += a b, both operands rounded to bfloat16,
// products exact, sums float32. Runs on AMX's tiles, else on AVX-512's dot products of pairs,
// picked at run time; a portable kernel says what both must give. Instruction sets add in orders of
// their own and take denormal operands for zero; on one of them an element does not depend on other
// rows, nor on how the work is cut.
//
// Operands are packed first, in pairs along k, which is filled up with zeros to depth(k). Arrays
// are the caller's.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/values.h"

namespace slipway::gemm_bf16 {

// "amx", "avx512_bf16", or "portable", which is slower than float32.
std::string_view instruction_set();
// Whether products in bfloat16 are faster here than in float32; where not, why_slow() says why.
bool fast();
std::string why_slow();
// For tests and measurements, between products: another one from here on; false when this machine
// lacks it. Not thread-safe.
bool use(std::string_view instruction_set);

constexpr int64_t kColumns = 32;  // of a panel
constexpr int64_t kRows = 32;     // whoever cuts rows into pieces cuts at multiples of it
inline int64_t depth(int64_t k) { return (k + 31) / 32 * 32; }
inline int64_t panels(int64_t n) { return (n + kColumns - 1) / kColumns; }
// Values in packed rows and in a panel.
inline int64_t rows_size(int64_t rows, int64_t k) {
  return (rows + kRows - 1) / kRows * kRows * depth(k);
}
inline int64_t panel_size(int64_t k) { return kColumns * depth(k); }

// An operand as it lies: value (r, i) at values + r * row + i * column.
struct Source {
  ConstValues values;
  int64_t row, column;
};
// Rows as multiply() reads them: row r begins at data + r * row and has depth(k) values, zeros from
// k on. Up to a multiple of kRows they are read, whatever they hold.
struct Rows {
  const uint16_t* data;
  int64_t row;
};

// Packs rows [first, last) of a. Row r begins at packed + r * depth(k).
void pack_rows(const Source& a, int64_t k, int64_t first, int64_t last, uint16_t* packed);
// Packs panels [first, last) of w^T, w [n, k] with `row` floats from row to row; panel p begins at
// packed + p * panel_size(k).
void pack_transposed(const float* w, int64_t row, int64_t n, int64_t k, int64_t first, int64_t last,
                     uint16_t* packed);
// The same of b [k, n] with `row` values from row to row; panel p begins at packed + p * stride.
// Parts of b may be packed apart, from a row on that is a multiple of 32: `packed` is then kColumns
// times that many values further.
void pack(ConstValues b, int64_t row, int64_t n, int64_t k, int64_t first, int64_t last,
          uint16_t* packed, int64_t stride);

// Packs a panel b [k, kColumns] as pack() does and, where `as_rows` is not nullptr, rounds it there
// as it lies, `row` values from row to row.
void pack_panel(const float* b, int64_t k, uint16_t* packed, uint16_t* as_rows, int64_t row);

// The columns of panels [first, last) of y [rows, n] with `y_row` values from row to row (+)= a b.
// Sums that are given as bfloat16 are rounded at their end; to those nothing is added. b is packed;
// packed memory is aligned to 64 bytes, and `a` begins at a multiple of kRows of what was packed.
void multiply(Rows a, int64_t rows, int64_t k, const uint16_t* b, int64_t n, int64_t first,
              int64_t last, Values y, int64_t y_row, bool add);

// to[i] = from[i], to the nearest, ties to even; and back, exactly.
void round_values(const float* from, int64_t count, uint16_t* to);
void widen_values(const uint16_t* from, int64_t count, float* to);

}  // namespace slipway::gemm_bf16
