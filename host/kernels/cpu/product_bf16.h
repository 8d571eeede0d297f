// A layer's products with both operands rounded to bfloat16 and sums in float32
// (kernels/cpu/gemm_bf16.h): what product.h does while product_rounding says so. Equal for any
// number of threads.
#pragma once
#include "kernels/cpu/product.h"

namespace slipway::product_bf16 {

void forward_product(ConstValues x, int64_t x_row, int64_t rows, int64_t k,
                     std::span<const Weight> weights, Values y, int64_t y_row, bool add);
// Bytes of a weight [n, k] packed by pack_weight(), and packing it there, aligned to 64 bytes.
int64_t packed_bytes(int64_t n, int64_t k);
void pack_weight(const Weight& weight, int64_t k, std::byte* panels);
// As the first, of packed weights. A row's result depends neither on other rows nor on how the work
// is cut.
void forward_product(ConstValues x, int64_t x_row, int64_t rows, int64_t k,
                     std::span<const PackedWeight> weights, Values y, int64_t y_row, bool add);

void input_gradient(ConstValues dy, int64_t dy_row, int64_t rows, std::span<const Weight> weights,
                    int64_t k, float* dx, int64_t dx_row, bool add);
void weight_gradients(ConstValues dy, int64_t dy_row, ConstValues x, int64_t x_row, int64_t rows,
                      int64_t k, std::span<const WeightGradient> gradients);

}  // namespace slipway::product_bf16
