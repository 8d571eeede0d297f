// What happens to flat buffers on the accelerator between backward and the next step.
#pragma once
#include "device/optimizer_kernels.h"
#include "device/torch.h"

namespace slipway {

// As kernels::adamw, over whole buffers [n].
void device_adamw(const at::Tensor& grads, const kernels::AdamWStep& step, at::Tensor& weights, at::Tensor& exp_avg, at::Tensor& exp_avg_sq);

// Sum of squares in float64, the same on every call. Waits for the device.
double device_squares(const at::Tensor& values);

}  // namespace slipway
