// A sum over many tensors that waits for no device until it is asked for.
#pragma once
#include "compute/torch.h"

namespace slipway {

// In float64 over the tensors' sums, the same on every run. [loop]
class RunningSum {
 public:
  // Adds the sum of `values` (float32, contiguous). Those on the accelerator are summed there, in
  // float64; those of the host here, in float32 as LibTorch does.
  void add(const at::Tensor& values);
  // Waits for the device, if anything there was added.
  double value() const;

 private:
  double here_ = 0;
  at::Tensor there_;  // undefined: nothing was added there
};

// Of float32 values, contiguous, wherever they lie; all of it in float64. [loop]
double sum_of(const at::Tensor& values);

}  // namespace slipway
