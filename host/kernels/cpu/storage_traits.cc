// A table of two.
#include "kernels/cpu/storage_traits.h"

#include "kernels/cpu/widened_bf16.h"

namespace slipway {
namespace {

constexpr StorageTraits kFloat32{
    [](int64_t k) { return gemm::panel_floats(k) * static_cast<int64_t>(sizeof(float)); },
    [](const float* w, int64_t n, int64_t k, int64_t first, int64_t last, std::byte* panels) {
      gemm::pack_transposed(w, k, n, k, first, last, reinterpret_cast<float*>(panels),
                            gemm::panel_floats(k));
    },
    [](gemm::Strided a, int64_t rows, int64_t k, const std::byte* panels, int64_t n, int64_t first,
       int64_t last, float* y, int64_t y_row, bool add) {
      gemm::multiply(a, rows, k, {reinterpret_cast<const float*>(panels), gemm::panel_floats(k)}, n,
                     first, last, y, y_row, add);
    }};
constexpr StorageTraits kWidened{
    widened_bf16::panel_stride,
    [](const float* w, int64_t n, int64_t k, int64_t first, int64_t last, std::byte* panels) {
      widened_bf16::pack(w, k, n, k, first, last, panels);
    },
    [](gemm::Strided a, int64_t rows, int64_t k, const std::byte* panels, int64_t n, int64_t first,
       int64_t last, float* y, int64_t y_row, bool add) {
      widened_bf16::multiply(a.data, a.row, rows, k, {panels, widened_bf16::panel_stride(k)}, n,
                             first, last, y, y_row, add);
    }};

}  // namespace

const StorageTraits& traits_of(WeightStorage storage) {
  return storage == WeightStorage::kBfloat16 ? kWidened : kFloat32;
}

}  // namespace slipway
