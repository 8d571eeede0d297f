// A layer's products with weights of 8 bits and inputs rounded to 16 (kernels/cpu/gemm_int8.h).
// Equal for any number of threads; a row's result depends neither on other rows nor on how the work
// is cut.
#pragma once
#include "kernels/cpu/product.h"

namespace slipway::product_int8 {

// Bytes of a weight [n, k] packed by pack_weight(), and packing it there, aligned to 64 bytes.
int64_t packed_bytes(int64_t n, int64_t k);
void pack_weight(const Weight& weight, int64_t k, std::byte* panels);
// y [rows, n1 + n2 + ...] (+)= x [rows, k] [w1; w2; ...]^T.
void forward_product(const float* x, int64_t x_row, int64_t rows, int64_t k,
                     std::span<const PackedWeight> weights, float* y, int64_t y_row, bool add);

}  // namespace slipway::product_int8
