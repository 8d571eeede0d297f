// A layer's products with both operands rounded to bfloat16 and sums in float32
// (kernels/cpu/gemm_bf16.h): what product.h does while bf16_rounding is set. Equal for any number
// of threads.
#pragma once
#include "kernels/cpu/product.h"

namespace slipway::product_bf16 {

void forward_product(ConstValues x, int64_t x_row, int64_t rows, int64_t k,
                     std::span<const Weight> weights, Values y, int64_t y_row, bool add);
void input_gradient(ConstValues dy, int64_t dy_row, int64_t rows, std::span<const Weight> weights,
                    int64_t k, float* dx, int64_t dx_row, bool add);
void weight_gradients(ConstValues dy, int64_t dy_row, ConstValues x, int64_t x_row, int64_t rows,
                      int64_t k, std::span<const WeightGradient> gradients);

}  // namespace slipway::product_bf16
