// Rows are packed first, by all threads; then pieces of panels meet all of them.
#include "kernels/cpu/product_int8.h"

#include <algorithm>

#include "compute/scratch.h"
#include "kernels/cpu/gemm_int8.h"
#include "kernels/cpu/product_pieces.h"

namespace slipway::product_int8 {
namespace {

using product_pieces::in_chunks, product_pieces::kPackedTogether, product_pieces::kPassRows;

// Rounding a value costs as much as this many multiply-adds.
constexpr int64_t kRoundingCost = 16;
constexpr int64_t kRowsTogether = 4;

gemm_int8::Rows all_rows(const float* x, int64_t x_row, int64_t rows, int64_t k) {
  static thread_local Scratch numbers, scales;
  const int64_t row = gemm_int8::row_bytes(k);
  auto* const packed = reinterpret_cast<std::byte*>(
      numbers.take((rows + gemm_int8::kRowsRead) * row / static_cast<int64_t>(sizeof(float))));
  float* const scale = scales.take(rows);
  in_chunks(kRoundingCost * rows * k, (rows + kRowsTogether - 1) / kRowsTogether,
            [&](int64_t chunk) {
              gemm_int8::pack_rows(x, x_row, k, chunk * kRowsTogether,
                                   std::min(rows, (chunk + 1) * kRowsTogether), packed, scale);
            });
  return {packed, scale};
}

}  // namespace

int64_t packed_bytes(int64_t n, int64_t k) {
  return gemm_int8::panels(n) * gemm_int8::panel_bytes(k);
}

void pack_weight(const Weight& weight, int64_t k, std::byte* to) {
  const int64_t panels = gemm_int8::panels(weight.n);
  in_chunks(weight.n * k * kRoundingCost, (panels + kPackedTogether - 1) / kPackedTogether,
            [&](int64_t chunk) {
              const int64_t first = chunk * kPackedTogether;
              gemm_int8::pack_weights(weight.w, k, weight.n, k, first,
                                      std::min(panels, first + kPackedTogether), to);
            });
}

void forward_product(const float* x, int64_t x_row, int64_t rows, int64_t k,
                     std::span<const PackedWeight> weights, float* y, int64_t y_row, bool add) {
  const gemm_int8::Rows a = all_rows(x, x_row, rows, k);
  const int64_t row = gemm_int8::row_bytes(k);
  product_pieces::for_pieces(
      weights, gemm_int8::columns(), rows, k,
      [&](const PackedWeight& weight, int64_t first, int64_t last, int64_t column) {
        for (int64_t r = 0; r < rows; r += kPassRows)
          gemm_int8::multiply({a.data + r * row, a.scales + r}, std::min(kPassRows, rows - r), k,
                              weight.panels, weight.n, first, last, y + r * y_row + column, y_row,
                              add);
      });
}

}  // namespace slipway::product_int8
