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
void norm_rows(const float* x, const NormRule& rule, const NormRows& rows, Values y,
               const NormMoments& moments);
void norm_rows_backward(const float* grad_y, const float* x, const NormRule& rule,
                        const NormRows& rows, const NormMoments& moments, const float* residual,
                        float* grad_x, float* grad_w, float* grad_bias);
void rotate_rows(const float* x, int64_t x_row, const int64_t* positions,
                 const RotaryAngles& angles, float sign, int64_t rows, int64_t heads, int64_t width,
                 float* y, int64_t y_row);
void gated_rows(const GatedRows& in, Values out);
void gated_rows_backward(const float* grad, const GatedRows& in, Values d_gate, Values d_up,
                         Values out);
void bias_rows(const float* bias, int64_t rows, int64_t width, float* y, int64_t y_row);
void sum_rows(ConstValues x, int64_t x_row, int64_t rows, int64_t width, float* sum);
void add_scaled_values(const float* x, float factor, const float* t, int64_t count, float* y);
void softcap_values(const float* x, float cap, int64_t count, float* y);
void softcap_values_backward(const float* dy, const float* y, float cap, int64_t count, float* dx);
void token_logprob_rows(const float* logits, const int64_t* targets, int64_t rows, int64_t width,
                        float coefficient, float smoothing, float* out, float* grad);

// Rows [width] that lie `from_row` and `to_row` floats apart.
void copy_rows(const float* from, int64_t from_row, int64_t rows, int64_t width, float* to,
               int64_t to_row);

}  // namespace slipway
