// The core of every matrix product: y = a b, or y += a b, with b packed into panels of a few
// columns. Each element of y is a sum of chains of some hundred fused multiply-adds, over k in
// ascending order: short chains round less than one long one, and the same chains whatever other
// rows are there and however the work is cut, so a row's result does not depend on either. Picks
// AVX-512 or AVX2 at run time. All arrays are float32 and the caller's; none fails, but that
// multiply() throws std::bad_alloc.
#pragma once
#include <cstdint>
#include <string_view>

namespace slipway::gemm {

// Columns of b that one panel holds, on this processor: at most kWidest. A panel is
// [k][panel_width()].
constexpr int64_t kWidest = 32;
int64_t panel_width();
// Columns of a vector: whole vectors are written at once, columns beyond the last whole one by a
// detour.
int64_t lanes();
// Rows of a that are multiplied at a time: whoever cuts a into pieces cuts between tiles.
int64_t tile_rows();
inline int64_t panels(int64_t n) { return (n + panel_width() - 1) / panel_width(); }
// The k of a chain where there are k in all (the last chain may be shorter), a multiple of
// kChainUnit.
constexpr int64_t kChainUnit = 64;
int64_t chain_depth(int64_t k);
// Floats of a panel of k rows, and of a packed b [k, n].
inline int64_t panel_floats(int64_t k) { return panel_width() * k; }
inline int64_t packed_size(int64_t n, int64_t k) { return panels(n) * panel_floats(k); }

// Element (i, j) lies at data[i * row + j * column].
struct Strided {
  const float* data;
  int64_t row, column;
};

// Packed panels; `stride` floats from one to the next.
struct Panels {
  const float* data;
  int64_t stride;
};

// Packs panels [first, last) of b = w^T, w [n, k] with `row` floats from row to row. Panel p begins
// at packed + p * stride.
void pack_transposed(const float* w, int64_t row, int64_t n, int64_t k, int64_t first, int64_t last,
                     float* packed, int64_t stride);
// The same of b [k, n] with `row` floats from row to row.
void pack(const float* b, int64_t row, int64_t n, int64_t k, int64_t first, int64_t last,
          float* packed, int64_t stride);

// The columns of panels [first, last) of y [rows, n] with `y_row` floats from row to row: a [rows,
// k] times b. `add`: y += a b.
void multiply(Strided a, int64_t rows, int64_t k, Panels b, int64_t n, int64_t first, int64_t last,
              float* y, int64_t y_row, bool add);

// "avx512", "avx2" or "plain": what multiply() runs.
std::string_view instruction_set();
// For tests and measurements, between products: another one from here on; false when this processor
// lacks it. Panels packed before do not fit afterwards. Not thread-safe.
bool use(std::string_view instruction_set);

}  // namespace slipway::gemm
