// Kernels of int8 products for tests: the processor's own, and AMX's on emulated instructions.
#pragma once
#include <string>

namespace slipway {

// As gemm_int8::use(), and "emulated_amx" on every x86-64; false when this machine lacks it.
bool use_int8_kernel(const std::string& name);
// What this processor does by itself.
void use_own_int8_kernel();

}  // namespace slipway
