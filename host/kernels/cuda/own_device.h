// The one GPU of this process. CUDA keeps for each thread which GPU its calls are for, and threads
// are not the module's: each call says it again.
#pragma once
#include "kernels/cuda/check.h"

namespace slipway::cuda {

// Its number among those that CUDA shows; set before anything else.
inline int& own_device() {
  static int number = 0;
  return number;
}

inline void use_own_device() {
  thread_local int used = 0;  // what threads begin with
  if (used == own_device()) return;
  check(cudaSetDevice(own_device()), "choosing the GPU");
  used = own_device();
}

}  // namespace slipway::cuda
