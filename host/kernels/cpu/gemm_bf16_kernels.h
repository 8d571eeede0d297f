// What the kernels of gemm_bf16 are called with.
#pragma once
#include <cstdint>
#include <string_view>

#include "kernels/values.h"

namespace slipway::gemm_bf16 {

struct Product {
  const uint16_t* a;  // [rows, readable up to a multiple of kRows][depth], `a_row` values apart
  int64_t a_row, rows, depth;
  const uint16_t* b;  // panels of [depth / 2][kColumns][2]
  int64_t n, first, last;
  Values y;
  int64_t y_row;
  bool add;
};

struct Kernel {
  std::string_view name;
  void (*multiply)(const Product& p);
};
// For tests: this one from here on. Not thread-safe.
void use(const Kernel& kernel);

// What packing is made of.
struct PackKernels {
  // to[i] = from[i] rounded.
  void (*round_row)(const float* from, int64_t count, uint16_t* to);
  // to[i] = the pair (first[i], second[i]), rounded or as they are.
  void (*pair_up)(const float* first, const float* second, int64_t count, uint32_t* to);
  void (*pair_bfloats)(const uint16_t* first, const uint16_t* second, int64_t count, uint32_t* to);
  // to[c * to_row + r] = from[r * 16 + c], 16 x 16 words.
  void (*turn)(const uint32_t* from, uint32_t* to, int64_t to_row);
  // pack_panel() for an even number of rows.
  void (*pair_panel)(const float* from, int64_t rows, uint16_t* pairs, uint16_t* as_rows,
                     int64_t row);
};
const PackKernels& pack_kernels();  // this processor's

// The first `used` columns of sums [rows, kColumns] into y: written, added, or rounded.
void put_sums(const float* sums, int64_t rows, int64_t used, Values y, int64_t y_row, bool add);

void multiply_portable(const Product& p);
#if defined(__x86_64__)
extern const PackKernels kAvx512Pack;  // where has_avx512_bf16()
void multiply_avx512(const Product& p);
// Loads a tile configuration for the calling thread, and releases it.
void multiply_amx(const Product& p);
#endif

}  // namespace slipway::gemm_bf16
