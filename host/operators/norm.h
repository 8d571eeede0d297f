// Norms on tensors, for operators with a backward pass of their own.
#pragma once
#include "operators/kernels_of.h"

namespace slipway {

// A norm's weights [width] as they came to the operator. The bias may be undefined, and where the
// weight is, there is no norm.
struct Norm {
  const at::Tensor &w, &bias;
  NormKind kind;
  double eps;

  explicit operator bool() const { return w.defined(); }
  NormRule rule() const {
    return {kind, static_cast<float>(eps), w.const_data_ptr<float>(),
            bias.defined() ? bias.const_data_ptr<float>() : nullptr};
  }
  // How many numbers a run leaves for the backward pass.
  int64_t numbers() const { return kind == NormKind::kLayer ? 2 : 1; }
  // Those of so many runs, in memory for numbers() each.
  NormMoments moments(float* memory, int64_t runs) const {
    return {memory, kind == NormKind::kLayer ? memory + runs : nullptr};
  }
};

// Gradients of a norm of what `like` lies beside; the rest as Kernels::norm_backward.
void norm_backward(const at::Tensor& like, const float* grad_y, const float* x, const Norm& norm,
                   const NormRows& rows, const NormMoments& moments, const float* residual,
                   float* grad_x, float* grad_w, float* grad_bias);

// d_bias [width] += the sum of dy's rows; nullptr: not wanted. Memory lies where `like` does.
void bias_gradient(const at::Tensor& like, ConstValues dy, int64_t dy_row, int64_t rows,
                   int64_t width, float* d_bias);

}  // namespace slipway
