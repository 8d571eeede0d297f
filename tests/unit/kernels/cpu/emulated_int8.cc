// The source of the AMX kernel, compiled over emulated instructions.
#include "tests/unit/kernels/cpu/emulated_int8.h"

#include "kernels/cpu/gemm_int8.h"
#include "kernels/cpu/gemm_int8_kernels.h"
#include "tests/unit/kernels/cpu/emulated_avx512.h"

#define kAmx kEmulatedAmx
#include "kernels/cpu/gemm_int8_amx.cc"

namespace slipway {

bool use_int8_kernel(const std::string& name) {
#if defined(__x86_64__)
  if (name == "emulated_amx") {
    gemm_int8::Kernel kernel = gemm_int8::kEmulatedAmx;
    kernel.name = "emulated_amx";
    return gemm_int8::use(kernel), true;
  }
#endif
  return gemm_int8::use(name);
}

void use_own_int8_kernel() {
  for (const char* name : {"amx", "avx512_vnni", "avx512", "avx_vnni", "avx2", "sse2", "plain"})
    if (gemm_int8::use(name)) return;
}

}  // namespace slipway
