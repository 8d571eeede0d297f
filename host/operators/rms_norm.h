// The norm's gradients, for operators with a backward of their own.
#pragma once
#include "operators/kernels_of.h"

namespace slipway {

// grad_x [T, d] = residual (nullptr: nothing) + the gradient in x of rms_norm(x, w); grad_w [d] is
// added into, nullptr = not wanted. All lie where x does, without gaps.
void rms_norm_backward(const float* grad_y, const at::Tensor& x_TD, const at::Tensor& w_D,
                       const at::Tensor& inverse_rms_T, const float* residual, float* grad_x,
                       float* grad_w);

}  // namespace slipway
