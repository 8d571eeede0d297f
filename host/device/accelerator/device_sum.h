// A sum over many tensors that stays on the accelerator until it is asked for.
#pragma once
#include "device/torch.h"

namespace slipway {

// In float64, the same on every run. [loop]
class DeviceSum {
 public:
  // Adds the sum of `values` (float32, contiguous, on the accelerator); waits for nothing.
  void add(const at::Tensor& values);
  // Waits for the device, if anything was added; 0 otherwise.
  double value() const;

 private:
  at::Tensor total_;  // undefined: nothing was added
};

// Of float32 values, contiguous, wherever they lie; in float64. [loop]
double sum_of(const at::Tensor& values);

}  // namespace slipway
