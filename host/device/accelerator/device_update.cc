// Flat buffers through the accelerator's kernels.
#include "device/accelerator/device_update.h"

#include "device/accelerator/device_tensors.h"

namespace slipway {

double device_squares(const at::Tensor& values) {
  const at::TensorOptions doubles = values.options().dtype(at::kDouble);
  at::Tensor partial = at::empty({DeviceKernels::kSquareParts}, doubles),
             sum = at::empty({1}, doubles);
  device_kernels().squares(values.const_data_ptr<float>(), values.numel(),
                           partial.data_ptr<double>(), sum.data_ptr<double>());
  return *sum.cpu().const_data_ptr<double>();
}

void device_scale(at::Tensor& values, double factor) {
  device_kernels().scale(values.data_ptr<float>(), values.numel(), static_cast<float>(factor));
}

}  // namespace slipway
