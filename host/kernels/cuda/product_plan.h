// The three products of a layer in the terms of BLAS, which stores columns: a row-major matrix is
// the transpose of the same memory read by columns. d [m, n] = a b + beta c, leading dimensions in
// values. a and b are of one type, c and d of another or the same; sums are float32. Plain
// arithmetic, so that it can be tested without a GPU.
#pragma once
#include <cstdint>

#include "kernels/values.h"

namespace slipway::cuda {

struct ProductPlan {
  bool transpose_a, transpose_b;
  int64_t m, n, k;
  int64_t lda, ldb, ldc;  // ldc: of c and of d
  float beta;
};

// float32 or bfloat16 each; c is float32, d's own or another, and read where beta is not 0.
struct ProductOperands {
  ConstValues a, b;
  const float* c;
  Values d;
};

// y [rows, n] = x [rows, k] w [n, k]^T: a is w, b is x, d is y.
constexpr ProductPlan forward_plan(int64_t x_row, int64_t rows, int64_t n, int64_t k, int64_t y_row,
                                   bool add) {
  return {true, false, n, rows, k, k, x_row, y_row, add ? 1.0f : 0.0f};
}
// dx [rows, k] = dy [rows, n] w [n, k]: a is w, b is dy, d is dx.
constexpr ProductPlan input_gradient_plan(int64_t dy_row, int64_t rows, int64_t n, int64_t k,
                                          int64_t dx_row, bool add) {
  return {false, false, k, rows, n, k, dy_row, dx_row, add ? 1.0f : 0.0f};
}
// dw [n, k] += dy [rows, n]^T x [rows, k]: a is x, b is dy, d is dw.
constexpr ProductPlan weight_gradient_plan(int64_t dy_row, int64_t x_row, int64_t rows, int64_t n,
                                           int64_t k) {
  return {false, true, k, n, rows, x_row, dy_row, k, 1.0f};
}

}  // namespace slipway::cuda
