// Norms of rows for CPU, built for several instruction sets as row_kernels.h. No function allocates
// or fails.
#pragma once
#include "kernels/row_rules.h"

namespace slipway::kernels {

// y lies as x does, and may be x; moments are those of the first row given.
void norm(const float* x, const NormRule& rule, const NormRows& rows, float* y,
          const NormMoments& moments);
// The same, rounded to bfloat16.
void norm(const float* x, const NormRule& rule, const NormRows& rows, uint16_t* y,
          const NormMoments& moments);

// grad_x = residual (nullptr: nothing) + the gradient in x; all lie as x does, and grad_x may be
// grad_y. grad_w and grad_bias [width] are added into; grad_bias nullptr: there is none.
void norm_backward(const float* grad_y, const float* x, const NormRule& rule, const NormRows& rows,
                   const NormMoments& moments, const float* residual, float* grad_x, float* grad_w,
                   float* grad_bias);

}  // namespace slipway::kernels
