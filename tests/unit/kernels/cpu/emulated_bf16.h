// Kernels of bfloat16 products for tests: the processor's own, and those that run on emulated
// instructions.
#pragma once
#include <cstdint>
#include <string>

#include "kernels/cpu/gemm_bf16.h"

namespace slipway {

// As gemm_bf16::use(), and "emulated_avx512_bf16" and "emulated_amx" on every x86-64; false when
// this machine lacks it.
bool use_bf16_kernel(const std::string& name);
// What this processor does by itself.
void use_own_bf16_kernel();
// Tile products done so far by this thread.
int64_t emulated_amx_products();

// One kernel for the life of a scope.
class Bf16KernelScope {
 public:
  explicit Bf16KernelScope(const std::string& name) { use_bf16_kernel(name); }
  ~Bf16KernelScope() { use_own_bf16_kernel(); }
  Bf16KernelScope(const Bf16KernelScope&) = delete;
  Bf16KernelScope& operator=(const Bf16KernelScope&) = delete;
};

}  // namespace slipway
