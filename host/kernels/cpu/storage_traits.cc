// A table of three.
#include "kernels/cpu/storage_traits.h"

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
template <WeightStorage kStorage>
constexpr StorageTraits kLowBit{
    [](int64_t k) { return low_bit::panel_stride(kStorage, k); },
    [](const float* w, int64_t n, int64_t k, int64_t first, int64_t last, std::byte* panels) {
      low_bit::pack(kStorage, w, k, n, k, first, last, panels);
    },
    [](gemm::Strided a, int64_t rows, int64_t k, const std::byte* panels, int64_t n, int64_t first,
       int64_t last, float* y, int64_t y_row, bool add) {
      low_bit::multiply(kStorage, a.data, a.row, rows, k,
                        {panels, low_bit::panel_stride(kStorage, k)}, n, first, last, y, y_row,
                        add);
    }};

}  // namespace

const StorageTraits& traits_of(WeightStorage storage) {
  switch (storage) {
    case WeightStorage::kBfloat16:
      return kLowBit<WeightStorage::kBfloat16>;
    case WeightStorage::kInt8:
      return kLowBit<WeightStorage::kInt8>;
    default:
      return kFloat32;
  }
}

}  // namespace slipway
