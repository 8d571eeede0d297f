// A layer's products with both operands rounded to float16 and sums in float32: what product.h does
// while product_rounding says so. Operands are rounded apart and multiplied by the kernels of
// float32, in which a product of two float16 numbers is exact: right on every processor, and no
// faster than float32. What float16 cannot hold becomes infinite. Equal for any number of threads.
#pragma once
#include "kernels/cpu/product.h"

namespace slipway::product_fp16 {

void forward_product(const float* x, int64_t x_row, int64_t rows, int64_t k,
                     std::span<const Weight> weights, float* y, int64_t y_row, bool add);
void input_gradient(const float* dy, int64_t dy_row, int64_t rows, std::span<const Weight> weights,
                    int64_t k, float* dx, int64_t dx_row, bool add);
void weight_gradients(const float* dy, int64_t dy_row, const float* x, int64_t x_row, int64_t rows,
                      int64_t k, std::span<const WeightGradient> gradients);

}  // namespace slipway::product_fp16
