// One number here, one in the accelerator's memory.
#include "operators/running_sum.h"

#include "operators/accelerator/device_tensors.h"

namespace slipway {

void RunningSum::add(const at::Tensor& values) {
  if (!on_device(values)) {
    const at::AutoDispatchBelowADInplaceOrView straight;  // nobody goes back through this sum
    here_ += static_cast<double>(*values.sum().const_data_ptr<float>());
    return;
  }
  if (!there_.defined()) there_ = at::zeros({1}, values.options().dtype(at::kDouble));
  device_kernels().add_sum(values.const_data_ptr<float>(), values.numel(),
                           there_.data_ptr<double>());
}

double RunningSum::value() const {
  return here_ + (there_.defined() ? *there_.cpu().const_data_ptr<double>() : 0.0);
}

double sum_of(const at::Tensor& values) {
  if (!on_device(values)) return values.sum(at::kDouble).item<double>();
  RunningSum sum;
  sum.add(values);
  return sum.value();
}

}  // namespace slipway
