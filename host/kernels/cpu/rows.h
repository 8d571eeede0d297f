// Row kernels (row_kernels.h) spread over threads. All arrays are contiguous and the
// caller's, but where a distance of rows is given.
#pragma once
#include <cstdint>

#include "kernels/kernels.h"

namespace slipway {

// Each as the member of Kernels that is named so. Throws Error for a token that is none.
void embedding_rows(const float* w, int64_t vocab, const int64_t* ids, int64_t tokens,
                    int64_t width, float* out);
void embedding_rows_backward(const float* dy, const int64_t* ids, int64_t tokens, int64_t vocab,
                             int64_t width, float* dw);
void rms_norm_rows(const float* x, const float* w, float eps, int64_t rows, int64_t width, Values y,
                   float* inverse_rms);
void rms_norm_rows_backward(const float* grad_y, const float* x, const float* w,
                            const float* inverse_rms, const float* residual, int64_t rows,
                            int64_t width, float* grad_x, float* grad_w);
void rotate_rows(const float* x, int64_t x_row, const int64_t* positions,
                 const RotaryAngles& angles, float sign, int64_t rows, int64_t heads, float* y,
                 int64_t y_row);
void swiglu_rows(ConstValues gate, ConstValues up, int64_t in_row, int64_t rows, int64_t width,
                 Values out);
void swiglu_rows_backward(const float* grad, ConstValues gate, ConstValues up, int64_t in_row,
                          int64_t rows, int64_t width, Values d_gate, Values d_up, Values out);
void token_logprob_rows(const float* logits, const int64_t* targets, int64_t rows, int64_t width,
                        float coefficient, float smoothing, float* out, float* grad);

// Rows [width] that lie `from_row` and `to_row` floats apart.
void copy_rows(const float* from, int64_t from_row, int64_t rows, int64_t width, float* to,
               int64_t to_row);

}  // namespace slipway
