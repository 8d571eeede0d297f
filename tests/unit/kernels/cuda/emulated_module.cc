// The emulated accelerator as a module: laid beside the program under the name of the CUDA module,
// it is what device = "cuda" computes on. SLIPWAY_EMULATED_DEVICES: how many a machine has.
#include <cstdlib>

#include "tests/unit/kernels/cuda/emulated_accelerator.h"

// The build takes the names from host/kernels/accelerator.h.
extern "C" __attribute__((visibility("default"))) int64_t SLIPWAY_COUNT_DEVICES(char*, size_t) {
  const char* const count = std::getenv("SLIPWAY_EMULATED_DEVICES");
  return count == nullptr ? 1 : std::atoll(count);
}
extern "C" __attribute__((visibility("default"))) slipway::Accelerator* SLIPWAY_OPEN_ACCELERATOR(
    int64_t device, char*, size_t) {
  slipway::cuda::emulated_accelerator().number = device;
  return &slipway::cuda::emulated_accelerator();
}
