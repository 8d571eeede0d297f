// Weights packed in fewer bits than they are trained in: decoding few rows waits for weights to
// come from memory, and these are half or a quarter of the bytes. Only weights are rounded; inputs,
// sums and results are float32. A row's result depends neither on other rows nor on how the work is
// cut.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace slipway {

// kBfloat16: each weight rounded to the nearest bfloat16, ties to even. kInt8: whole numbers from
// -127 to 127 times one scale for each output and each low_bit::kGroup inputs, the largest
// magnitude there over 127.
enum class WeightStorage { kFloat32, kBfloat16, kInt8 };

// "float32", "bfloat16", "int8".
std::string_view name_of(WeightStorage storage);
std::optional<WeightStorage> weight_storage_of(std::string_view name);
// Bytes of a weight, its share of a scale included.
double bytes_of(WeightStorage storage);

namespace low_bit {

// Inputs that share a scale. Every pass of a product begins at a multiple of it.
constexpr int64_t kGroup = 64;

// `data` points to panels of gemm::panel_width() outputs, one after the other, each at a multiple
// of 64 bytes. Made by pack().
struct Panels {
  const std::byte* data;
  int64_t stride;  // bytes from one panel to the next
};
int64_t panel_stride(WeightStorage storage, int64_t k);

// Below, `storage` is kBfloat16 or kInt8, k > 0, and all arrays are the caller's.

// Packs panels [first, last) of w^T, w [n, k] float32 with `row` floats from row to row. Panel p
// begins at packed + p * stride. Throws std::bad_alloc.
void pack(WeightStorage storage, const float* w, int64_t row, int64_t n, int64_t k, int64_t first,
          int64_t last, std::byte* packed);

// The columns of panels [first, last) of y [rows, n] with `y_row` floats from row to row (+)= x
// [rows, k] times the weights. bfloat16: bit for bit what gemm::multiply() makes of the rounded
// weights. int8: sums of a group's x times whole numbers, each in ascending order, times the scale,
// added up in ascending order.
void multiply(WeightStorage storage, const float* x, int64_t x_row, int64_t rows, int64_t k,
              Panels panels, int64_t n, int64_t first, int64_t last, float* y, int64_t y_row,
              bool add);

}  // namespace low_bit
}  // namespace slipway
