// The core of products with weights as whole numbers of 8 bits: y = x w^T, or y += x w^T. Rows of x
// are rounded to whole numbers of 16 bits times one scale a row; a group's product is exact in
// int32; the groups' sums times the weights' scales are added up in float32, in ascending order,
// each product and each sum rounded to the nearest; the row's scale comes last. So an element is
// the same bits on every instruction set, whatever other rows are there and however the work is
// cut.
//
// A row with a number that is not finite gives not-a-numbers, an output with such a weight
// likewise. Zeros, and rows or groups of weights so small that their scale has no reciprocal (below
// 2^-120), are zeros. Arrays are the caller's; none of it fails, but that packing weights throws
// std::bad_alloc.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace slipway::gemm_int8 {

// Inputs that share a weight's scale.
constexpr int64_t kGroup = 64;
// The largest whole number of a row: its upper byte stays within int8 with the lower one signed.
constexpr float kLargestInput = 32639, kLargestWeight = 127;

// "amx", "avx512_vnni", "avx512", "avx_vnni", "avx2", "sse2" or "plain": what runs, picked at run
// time.
std::string_view instruction_set();
// For tests and measurements, between products: another one from here on; false when this machine
// lacks it. What was packed before does not fit afterwards. Not thread-safe.
bool use(std::string_view instruction_set);

// Columns of a panel, on this processor: at most kWidest.
constexpr int64_t kWidest = 32;
int64_t columns();
inline int64_t panels(int64_t n) { return (n + columns() - 1) / columns(); }
// k filled up with zeros to whole groups.
inline int64_t depth(int64_t k) { return (k + kGroup - 1) / kGroup * kGroup; }
// Bytes of a panel: for each group the scales of its columns, then its whole numbers.
constexpr int64_t kColumnBytes = kGroup + static_cast<int64_t>(sizeof(float));  // of a group
inline int64_t panel_bytes(int64_t k) { return depth(k) / kGroup * columns() * kColumnBytes; }
// Packs panels [first, last) of w^T, w [n, k] with `row` floats from row to row. Panel p begins at
// packed + p * panel_bytes(k).
void pack_weights(const float* w, int64_t row, int64_t n, int64_t k, int64_t first, int64_t last,
                  std::byte* packed);

// Packed rows: row r has row_bytes() at data + r * row_bytes(). kRowsRead more are read, whatever
// they hold.
struct Rows {
  const std::byte* data;
  const float* scales;
};
constexpr int64_t kRowsRead = 8;
inline int64_t row_bytes(int64_t k) { return depth(k) * static_cast<int64_t>(sizeof(int16_t)); }
// Packs rows [first, last) of x, `row` floats from row to row.
void pack_rows(const float* x, int64_t row, int64_t k, int64_t first, int64_t last,
               std::byte* packed, float* scales);

// The columns of panels [first, last) of y [rows, n] with `y_row` floats from row to row (+)= rows
// times w^T. What is packed is aligned to 64 bytes.
void multiply(Rows a, int64_t rows, int64_t k, const std::byte* panels, int64_t n, int64_t first,
              int64_t last, float* y, int64_t y_row, bool add);

}  // namespace slipway::gemm_int8
