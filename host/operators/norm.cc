// The kernels with their room.
#include "operators/norm.h"

#include "operators/call_memory.h"

namespace slipway {

void norm_backward(const at::Tensor& like, const float* grad_y, const float* x, const Norm& norm,
                   const NormRows& rows, const NormMoments& moments, const float* residual,
                   float* grad_x, float* grad_w, float* grad_bias) {
  Kernels& kernels = kernels_of(like);
  static thread_local Scratch scratch;
  const CallMemory<1> memory(scratch, like, {2 * kernels.row_parts(rows.rows) * rows.width});
  kernels.norm_backward(grad_y, x, norm.rule(), rows, moments, residual, memory.parts[0], grad_x,
                        grad_w, grad_bias);
}

void bias_gradient(const at::Tensor& like, ConstValues dy, int64_t dy_row, int64_t rows,
                   int64_t width, float* d_bias) {
  if (d_bias == nullptr) return;
  Kernels& kernels = kernels_of(like);
  static thread_local Scratch scratch;
  const CallMemory<1> memory(scratch, like, {kernels.row_parts(rows) * width});
  kernels.bias_gradient(dy, dy_row, rows, width, memory.parts[0], d_bias);
}

}  // namespace slipway
