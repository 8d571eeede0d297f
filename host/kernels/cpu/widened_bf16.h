// Products with weights packed as bfloat16 where the processor has none of bfloat16: weights are
// widened in registers, and inputs, sums and results are float32. Bit for bit what gemm::multiply()
// makes of the rounded weights, so a row's result depends neither on other rows nor on how the work
// is cut. Arrays are the caller's; k > 0.
#pragma once
#include <cstddef>
#include <cstdint>

namespace slipway::widened_bf16 {

// `data` points to panels of gemm::panel_width() outputs, one after the other, each at a multiple
// of 64 bytes. Made by pack().
struct Panels {
  const std::byte* data;
  int64_t stride;  // bytes from one panel to the next
};
int64_t panel_stride(int64_t k);

// Packs panels [first, last) of w^T, w [n, k] float32 with `row` floats from row to row. Panel p
// begins at packed + p * panel_stride(k), and is [k][columns]. Throws std::bad_alloc.
void pack(const float* w, int64_t row, int64_t n, int64_t k, int64_t first, int64_t last,
          std::byte* packed);

// The columns of panels [first, last) of y [rows, n] with `y_row` floats from row to row (+)= x
// [rows, k] times the weights.
void multiply(const float* x, int64_t x_row, int64_t rows, int64_t k, Panels panels, int64_t n,
              int64_t first, int64_t last, float* y, int64_t y_row, bool add);

}  // namespace slipway::widened_bf16
