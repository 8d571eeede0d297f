// What the kernels of gemm_bf16 are called with.
#pragma once
#include <cstdint>
#include <string_view>

namespace slipway::gemm_bf16 {

struct Product {
  const uint16_t* a;  // [rows, filled up to a multiple of kRows][depth]
  int64_t rows, depth;
  const uint16_t* b;  // panels of [depth / 2][kColumns][2]
  int64_t n, first, last;
  float* y;
  int64_t y_row;
  bool add;
};

struct Kernel {
  std::string_view name;
  void (*multiply)(const Product& p);
};
// For tests: this one from here on. Not thread-safe.
void use(const Kernel& kernel);

void multiply_portable(const Product& p);
#if defined(__x86_64__)
void multiply_avx512(const Product& p);
// Loads a tile configuration for the calling thread, and releases it.
void multiply_amx(const Product& p);
#endif

}  // namespace slipway::gemm_bf16
