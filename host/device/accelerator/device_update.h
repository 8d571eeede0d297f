// What happens to flat buffers on the accelerator between backward and the next step, beside the
// optimizer's own kernel.
#pragma once
#include "device/torch.h"

namespace slipway {

// Sum of squares in float64, the same on every call. Waits for the device.
double device_squares(const at::Tensor& values);

// values *= factor, contiguous float32.
void device_scale(at::Tensor& values, double factor);

}  // namespace slipway
