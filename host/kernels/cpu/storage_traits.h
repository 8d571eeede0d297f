// What each storage of packed weights brings to the one driver of products (product.cc).
#pragma once
#include <cstddef>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/weight_storage.h"

namespace slipway {

// How the packed side of a product is stored: in panels of gemm::panel_width() columns, one after
// the other.
struct StorageTraits {
  int64_t (*panel_bytes)(int64_t k);
  // Panels [first, last) of w^T, w [n, k] without gaps.
  void (*pack)(const float* w, int64_t n, int64_t k, int64_t first, int64_t last,
               std::byte* panels);
  // Their columns of y (+)= a b.
  void (*multiply)(gemm::Strided a, int64_t rows, int64_t k, const std::byte* panels, int64_t n,
                   int64_t first, int64_t last, float* y, int64_t y_row, bool add);
};

// Of kFloat32, and kBfloat16 that is widened; the others have drivers of their own
// (product_bf16.h, product_int8.h).
const StorageTraits& traits_of(WeightStorage storage);

}  // namespace slipway
