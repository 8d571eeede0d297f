// The sources of the AVX-512 and AMX kernels, compiled over emulated instructions.
#include "tests/unit/kernels/cpu/emulated_avx512.h"

#include "tests/unit/kernels/cpu/emulated_bf16.h"

#define multiply_avx512 emulated_avx512
#define multiply_amx emulated_amx
#include "kernels/cpu/gemm_bf16_amx.cc"
#include "kernels/cpu/gemm_bf16_avx512.cc"

namespace slipway {

bool use_bf16_kernel(const std::string& name) {
#if defined(__x86_64__)
  if (name == "emulated_avx512_bf16")
    return gemm_bf16::use(gemm_bf16::Kernel{"emulated_avx512_bf16", gemm_bf16::emulated_avx512}),
           true;
  if (name == "emulated_amx")
    return gemm_bf16::use(gemm_bf16::Kernel{"emulated_amx", gemm_bf16::emulated_amx}), true;
#endif
  return gemm_bf16::use(name);
}

void use_own_bf16_kernel() {
  (void)(gemm_bf16::use("amx") || gemm_bf16::use("avx512_bf16") || gemm_bf16::use("portable"));
}

int64_t emulated_amx_products() { return emulated::tiles().dots; }

}  // namespace slipway
