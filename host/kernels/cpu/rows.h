// Row kernels (kernels.h) spread over threads. All arrays are contiguous float32 and the caller's.
#pragma once
#include <cstdint>

namespace slipway {

// y = x / sqrt(mean(x^2) + eps) * w for each of `rows` rows of `width`; inverse_rms [rows] is kept
// for the backward pass.
void rms_norm_rows(const float* x, const float* w, double eps, int64_t rows, int64_t width,
                   float* y, float* inverse_rms);

// grad_x = residual (nullptr: nothing) + the gradient; grad_w [width] is added into, nullptr = not
// wanted. Sums over rows are cut into a fixed number of parts: the result does not depend on how
// many threads there are.
void rms_norm_rows_backward(const float* grad_y, const float* x, const float* w,
                            const float* inverse_rms, const float* residual, int64_t rows,
                            int64_t width, float* grad_x, float* grad_w);

void copy_rows(const float* from, int64_t rows, int64_t width, float* to);

// out [rows, width] = silu(gate) * up, gate and up being the halves of rows [2 * width].
void swiglu_rows(const float* gate_up, int64_t rows, int64_t width, float* out);
// d_gate_up [rows, 2 * width] from grad [rows, width]; `out` once more.
void swiglu_rows_backward(const float* grad, const float* gate_up, int64_t rows, int64_t width,
                          float* d_gate_up, float* out);

}  // namespace slipway
