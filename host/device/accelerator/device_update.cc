// Flat buffers through the accelerator's kernels.
#include "device/accelerator/device_update.h"

#include "device/accelerator/device_tensors.h"

namespace slipway {

void device_adamw(const at::Tensor& grads, const kernels::AdamWStep& step, at::Tensor& weights, at::Tensor& exp_avg, at::Tensor& exp_avg_sq) {
  device_kernels().adamw(grads.const_data_ptr<float>(), weights.numel(), step, weights.data_ptr<float>(), exp_avg.data_ptr<float>(), exp_avg_sq.data_ptr<float>());
}

double device_squares(const at::Tensor& values) {
  const at::TensorOptions doubles = values.options().dtype(at::kDouble);
  at::Tensor partial = at::empty({DeviceKernels::kSquareParts}, doubles), sum = at::empty({1}, doubles);
  device_kernels().squares(values.const_data_ptr<float>(), values.numel(), partial.data_ptr<double>(), sum.data_ptr<double>());
  return *sum.cpu().const_data_ptr<double>();
}

}  // namespace slipway
