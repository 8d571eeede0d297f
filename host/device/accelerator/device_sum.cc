// One number in the accelerator's memory.
#include "device/accelerator/device_sum.h"

#include "device/accelerator/device_tensors.h"

namespace slipway {

void DeviceSum::add(const at::Tensor& values) {
  if (!total_.defined()) total_ = at::zeros({1}, values.options().dtype(at::kDouble));
  device_kernels().add_sum(values.const_data_ptr<float>(), values.numel(),
                           total_.data_ptr<double>());
}

double DeviceSum::value() const {
  return total_.defined() ? *total_.cpu().const_data_ptr<double>() : 0.0;
}

double sum_of(const at::Tensor& values) {
  if (!on_device(values)) return values.sum(at::kDouble).item<double>();
  DeviceSum sum;
  sum.add(values);
  return sum.value();
}

}  // namespace slipway
