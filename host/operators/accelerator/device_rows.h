// Kernels of the accelerator on whole tensors.
#pragma once
#include "operators/linear.h"

namespace slipway {

// y = x / sqrt(mean(x^2) + eps) * w; inverse_rms [rows] is written.
void device_rms_norm(const at::Tensor& x_TD, const at::Tensor& w_D, double eps, at::Tensor& y_TD,
                     at::Tensor& inverse_rms_T);
// grad_x = residual (nullptr: nothing) + the gradient; grad_w is added into, nullptr = not wanted.
void device_rms_norm_backward(const at::Tensor& grad_y_TD, const at::Tensor& x_TD,
                              const at::Tensor& w_D, const at::Tensor& inverse_rms_T,
                              const at::Tensor* residual_TD, at::Tensor& grad_x_TD, float* grad_w);

// y [T, n1 + n2 + ...] = x [T, k] [w1; w2; ...]^T
void device_product(const at::Tensor& x_TK, std::initializer_list<const at::Tensor*> weights,
                    at::Tensor& y_TN);
// dx [T, k] = dy [T, n1 + n2 + ...] [w1; w2; ...]
void device_input_gradient(const at::Tensor& dy_TN,
                           std::initializer_list<const at::Tensor*> weights, at::Tensor& dx_TK);
// Each gradient [ni, k] += dyi^T x; data of the targets may be nullptr = not wanted.
struct DeviceGradient {
  float* dw;
  int64_t n;
};
void device_weight_gradients(const at::Tensor& dy_TN, const at::Tensor& x_TK,
                             std::initializer_list<DeviceGradient> gradients);

}  // namespace slipway
