// The products of a layer, spread over threads: forward, gradient of the input, gradients of the
// weights. Several weights that meet the same input go in one call. All arrays are float32,
// row-major, the caller's; `*_row` is the distance of rows in floats.
#pragma once
#include <cstdint>
#include <span>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/weight_storage.h"
#include "kernels/kernels.h"

namespace slipway {

// A Weight packed by pack_weight().
struct PackedWeight {
  const std::byte* panels;
  int64_t n;
  WeightStorage storage = WeightStorage::kFloat32;
};

// Bytes of a packed weight [n, k].
int64_t packed_bytes(WeightStorage storage, int64_t n, int64_t k);
// `panels`: room for packed_bytes(), aligned to 64 bytes. The result refers to it.
PackedWeight pack_weight(WeightStorage storage, const Weight& weight, int64_t k, std::byte* panels);

// y [rows, n1 + n2 + ...] = x [rows, k] [w1; w2; ...]^T, plus `addend` that lies as y does
// (nullptr: nothing; may be y).
void forward_product(ConstValues x, int64_t x_row, int64_t rows, int64_t k,
                     std::span<const Weight> weights, const float* addend, Values y, int64_t y_row);
void forward_product(const float* x, int64_t x_row, int64_t rows, int64_t k,
                     std::span<const PackedWeight> weights, const float* addend, float* y,
                     int64_t y_row);

// dx [rows, k] (+)= dy [rows, n1 + n2 + ...] [w1; w2; ...]
void input_gradient(ConstValues dy, int64_t dy_row, int64_t rows, std::span<const Weight> weights,
                    int64_t k, float* dx, int64_t dx_row, bool add);

// dwi [ni, k] += dyi^T x: dyi the i-th columns of dy [rows, n1 + n2 + ...], x [rows, k]. Sums over
// rows in ascending order.
void weight_gradients(ConstValues dy, int64_t dy_row, ConstValues x, int64_t x_row, int64_t rows,
                      int64_t k, std::span<const WeightGradient> gradients);

}  // namespace slipway
