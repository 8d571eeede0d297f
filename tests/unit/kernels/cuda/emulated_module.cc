// The emulated accelerator as a module: laid beside the program under the name of the CUDA module,
// it is what device = "cuda" computes on.
#include "tests/unit/kernels/cuda/emulated_accelerator.h"

// The build takes the name from host/kernels/accelerator.h.
extern "C" __attribute__((visibility("default"))) slipway::Accelerator* SLIPWAY_OPEN_ACCELERATOR(
    char*, size_t) {
  return &slipway::cuda::emulated_accelerator();
}
