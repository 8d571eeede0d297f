// The common interface on the processor: float32 and, for products, bfloat16, on the fastest
// instruction set that it has (compute/instruction_sets.h).
#pragma once
#include "kernels/kernels.h"

namespace slipway {

// One for the process; any thread.
Kernels& cpu_kernels();

}  // namespace slipway
