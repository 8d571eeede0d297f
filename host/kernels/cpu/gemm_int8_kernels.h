// What the kernels of gemm_int8 are called with.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace slipway::gemm_int8 {

struct Product {
  const std::byte* a;
  const float* a_scales;
  int64_t rows, depth;
  const std::byte* b;
  int64_t n, first, last;
  float* y;
  int64_t y_row;
  bool add;
};

struct Kernel {
  std::string_view name;
  int64_t columns;  // of a panel
  // Inputs of a column that lie side by side: whole numbers of a group are [kGroup / together]
  // [columns, in blocks of `block`][together].
  int64_t together, block;
  // Rows are two rows of bytes, the upper and the lower halves; else one row of int16.
  bool halves;
  void (*multiply)(const Product& p);
};
const Kernel& kernel();  // the one that runs
// For tests: this one from here on. Not thread-safe.
void use(const Kernel& kernel);

// The first `used` columns of y's row (+)= sums times the row's scale.
void put_row(const float* sums, int64_t used, float scale, float* y, bool add);

extern const Kernel kPlain;
#if defined(__x86_64__)
extern const Kernel kSse2, kAvx2, kAvxVnni, kAvx512, kAvx512Vnni;
extern const Kernel kAmx;  // loads a tile configuration for the calling thread, and releases it
#endif

}  // namespace slipway::gemm_int8
