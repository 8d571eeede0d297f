// The kernel with its room.
#include "operators/rms_norm.h"

#include "operators/call_memory.h"

namespace slipway {

void rms_norm_backward(const float* grad_y, const at::Tensor& x, const at::Tensor& w,
                       const at::Tensor& inverse_rms, const float* residual, float* grad_x,
                       float* grad_w) {
  Kernels& kernels = kernels_of(x);
  const int64_t rows = x.size(0), width = x.size(1);
  static thread_local Scratch scratch;
  const CallMemory<1> memory(scratch, x, {kernels.rms_norm_parts(rows) * width});
  kernels.rms_norm_backward(grad_y, x.const_data_ptr<float>(), w.const_data_ptr<float>(),
                            inverse_rms.const_data_ptr<float>(), residual, rows, width,
                            memory.parts[0], grad_x, grad_w);
}

}  // namespace slipway
