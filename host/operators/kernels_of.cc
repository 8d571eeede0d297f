// The processor's, or the accelerator's.
#include "operators/kernels_of.h"

#include "kernels/cpu/cpu_kernels.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {

Kernels& kernels_of(const at::Tensor& tensor) {
  if (on_device(tensor)) return device_kernels();
  return cpu_kernels();
}

Kernels& compute_kernels() {
  if (accelerator() != nullptr) return device_kernels();
  return cpu_kernels();
}

}  // namespace slipway
